"""Writes the document of a refund feed, and says what a refusal of a refund means. Pure.

The elements have the order of Amazon's schema OrderAdjustment: Amazon refuses a whole document for
a wrong order. Amounts are totals of an item, in major units, with two decimals in every currency.
Tax, goods and shipping have components of their own, each with its own balance at Amazon.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, get_args
from xml.etree.ElementTree import Element, SubElement, tostring

from pipeline.amazon.feed_documents import MessageResult
from pipeline.base.money import ZERO
from pipeline.settings.marketplace import RefundReason

REASONS: tuple[str, ...] = get_args(RefundReason)
"""Amazon's reasons for a refund by the seller, in Amazon's spelling."""

_TWO_PLACES = Decimal("0.01")
_LONGEST_REFERENCE = 50


class ComponentType(StrEnum):
    """The parts of a refund that are sent, in the order in which they are written."""

    PRINCIPAL = "Principal"
    TAX = "Tax"
    SHIPPING = "Shipping"
    SHIPPING_TAX = "ShippingTax"
    GIFT_WRAP = "GiftWrap"
    GIFT_WRAP_TAX = "GiftWrapTax"
    GOODWILL = "Goodwill"


class RefundRefusal(StrEnum):
    """Why Amazon refused a refund: what its page of help or its words say."""

    OVER_BALANCE = "over_balance"
    TAX_NOT_ELIGIBLE = "tax_not_eligible"
    NET_NOT_POSITIVE = "net_not_positive"
    NEGATIVE_PRICE = "negative_price"
    UNKNOWN_ORDER = "unknown_order"
    MALFORMED = "malformed"
    OTHER = "other"


# Amazon documents no codes of refunds; its words end with a link to one of these pages.
_PAGES = {
    "25161": RefundRefusal.OVER_BALANCE,
    "25181": RefundRefusal.OVER_BALANCE,
    "25281": RefundRefusal.OVER_BALANCE,
    "30741": RefundRefusal.NET_NOT_POSITIVE,
    "25221": RefundRefusal.NEGATIVE_PRICE,
    "25441": RefundRefusal.UNKNOWN_ORDER,
    "22971": RefundRefusal.MALFORMED,
}
_WORDS = {
    "not eligible": RefundRefusal.TAX_NOT_ELIGIBLE,
    "exceeds the amount": RefundRefusal.OVER_BALANCE,
    "net adjustment amount is not a positive": RefundRefusal.NET_NOT_POSITIVE,
    "is a negative value": RefundRefusal.NEGATIVE_PRICE,
    "invalid orderid": RefundRefusal.UNKNOWN_ORDER,
    "malformed or invalid xml": RefundRefusal.MALFORMED,
}
_LINK = re.compile(r"\bhelp/(?:[a-z]+/)*(\d+)\b", re.IGNORECASE)


def write(seller_id: str, messages: Iterable[tuple[int, Mapping[str, Any]]]) -> bytes:
    """The document of a feed, with a message for each (message id, body of `RefundMessage`).

    Raises ValueError for a body that Amazon would refuse: without items, with an unknown reason, or
    with an amount that is not above zero.
    """
    envelope = Element(
        "AmazonEnvelope",
        {
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:noNamespaceSchemaLocation": "amzn-envelope.xsd",
        },
    )
    header = SubElement(envelope, "Header")
    _leaf(header, "DocumentVersion", "1.01")
    _leaf(header, "MerchantIdentifier", seller_id)
    _leaf(envelope, "MessageType", "OrderAdjustment")
    for message_id, body in messages:
        message = SubElement(envelope, "Message")
        _leaf(message, "MessageID", str(message_id))
        _adjustment(message, body)
    # Amazon refuses a document with a byte order mark.
    document: bytes = tostring(envelope, encoding="UTF-8", xml_declaration=True)
    return document


def _adjustment(message: Element, body: Mapping[str, Any]) -> None:
    adjustment = SubElement(message, "OrderAdjustment")
    _leaf(adjustment, "AmazonOrderID", body["order"])
    _leaf(adjustment, "ActionType", "Refund")
    if body["reason"] not in REASONS:
        raise ValueError("a refund without a reason that Amazon knows")
    if not body["items"]:
        raise ValueError("a refund without items")
    for item in body["items"]:
        adjusted = SubElement(adjustment, "AdjustedItem")
        _leaf(adjusted, "AmazonOrderItemCode", item["item"])
        _leaf(adjusted, "MerchantAdjustmentItemID", item["reference"][:_LONGEST_REFERENCE])
        _leaf(adjusted, "AdjustmentReason", body["reason"])
        prices = SubElement(adjusted, "ItemPriceAdjustments")
        amounts = {ComponentType(name): Decimal(text) for name, text in item["amounts"].items()}
        if not amounts or min(amounts.values()) <= ZERO:
            raise ValueError("a refund with an amount that is not above zero")
        for kind in ComponentType:
            if kind in amounts:
                component = SubElement(prices, "Component")
                _leaf(component, "Type", kind)
                amount = _leaf(component, "Amount", _two_places(amounts[kind]))
                amount.set("currency", body["currency"])


def _two_places(amount: Decimal) -> str:
    """The amount with two decimals, as the schema wants it even for yen. Raises ValueError when it
    has more."""
    rounded = amount.quantize(_TWO_PLACES)
    if rounded != amount:
        raise ValueError("a refund with an amount of more than two decimals")
    return f"{rounded:f}"


def _leaf(parent: Element, name: str, text: str) -> Element:
    leaf = SubElement(parent, name)
    leaf.text = text
    return leaf


def meaning(result: MessageResult) -> RefundRefusal:
    """Why Amazon refused a refund, by the page of help that its words name, or else by the words.

    A page that is not known says nothing, so that the words decide.
    """
    words = " ".join(result.words.get_secret_value().casefold().split())
    for page in _LINK.findall(words):
        if page in _PAGES:
            return _PAGES[page]
    return next(
        (refusal for start, refusal in _WORDS.items() if start in words), RefundRefusal.OTHER
    )
