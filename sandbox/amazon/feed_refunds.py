"""OrderAdjustment: a message of a feed that gives money back to the buyer, each time it is sent."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from xml.etree.ElementTree import Element

from sandbox.amazon.errors import Refused
from sandbox.amazon.feed_envelope import Message
from sandbox.amazon.feed_orders import order_of
from sandbox.amazon.refund_rules import Adjusted, check_refund, too_much
from sandbox.amazon.refunds import (
    Asked,
    is_dispatched,
    paid_items,
    pay,
    refunded,
    wait_for_dispatch,
)
from sandbox.amazon.state import status_of

PAYMENT_ADJUSTMENT = "POST_PAYMENT_ADJUSTMENT_DATA"
REASONS = (
    *("NoInventory", "CustomerReturn", "GeneralAdjustment", "CouldNotShip", "DifferentItem"),
    *("Abandoned", "CustomerCancel", "PriceError", "ProductOutofStock", "CustomerAddressIncorrect"),
    *("Exchange", "Other", "CarrierCreditDecision", "RiskAssessmentInformationNotValid"),
    *("CarrierCoverageFailure", "TransactionRecord", "Undeliverable", "RefusedDelivery"),
)
COMPONENTS = (
    *("Principal", "Shipping", "Tax", "ShippingTax", "RestockingFee", "RestockingFeeTax"),
    *("GiftWrap", "GiftWrapTax", "Surcharge", "ReturnShipping", "Goodwill", "ExportCharge"),
    *("COD", "CODTax", "Other", "FreeReplacementReturnShipping"),
)
CURRENCIES = (
    *("USD", "GBP", "EUR", "JPY", "CAD", "CNY", "INR", "MXN", "BRL", "AUD", "TRY", "SGD", "SEK"),
    *("PLN", "AED", "SAR", "EGP", "ZAR"),
)
_ORDER_ID = re.compile(r"\w{3}-\w{7}-\w{7}")
# The schema wants two places; whole numbers are taken too.
_AMOUNT = re.compile(r"-?\d{1,18}(\.\d{2})?")
NOT_IMITATED = ("PromotionAdjustments", "QuantityCancelled", "Quantity")
"""Elements of the schema about whose effect nothing is known."""


def malformed(error: Refused) -> Refused:
    """The refusal of a whole document that breaks the schema."""
    words = f"This is a malformed or invalid XML document. {error.words}"
    return Refused(words, page="22971", code="5000")


def read_refunds(messages: Sequence[Message]) -> None:
    """Check every message against the schema; Refused for the document as a whole."""
    for message in messages:
        body = message.body
        _one_of(body, "AmazonOrderID", "MerchantOrderID")
        order_id = body.findtext("AmazonOrderID")
        if order_id is not None and not _ORDER_ID.fullmatch(order_id):
            raise _invalid("AmazonOrderID")
        if body.findtext("ActionType", "Refund") not in ("Refund", "Cancel"):
            raise _invalid("ActionType")
        if not body.findall("AdjustedItem"):
            raise _invalid("OrderAdjustment")
        for item in body.findall("AdjustedItem"):
            _check_item(item)


def refund(db: sqlite3.Connection, feed: sqlite3.Row, message: Message, now: datetime) -> None:
    """Pay the refund, or keep it until the order's dispatch is confirmed."""
    body = message.body
    unknown = Refused("Invalid OrderID or AmazonOrderID.", page="25441")
    order = order_of(db, feed["account"], body, unknown)
    if body.findtext("ActionType") == "Cancel":
        raise Refused("ActionType Cancel is not imitated.")
    for tag in NOT_IMITATED:
        if body.find(f"AdjustedItem/{tag}") is not None:
            raise Refused(f"{tag} is not imitated.")
    if order["fulfillment"].get("fulfilledBy") != "MERCHANT" or status_of(order) == "CANCELLED":
        raise too_much()
    items = [_adjusted(item) for item in body.findall("AdjustedItem")]
    check_refund(items, paid_items(order), refunded(db, order["orderId"]))
    asked = Asked("SELLER_FEED", feed["feed_id"], message.number)
    if is_dispatched(order, [item.item_id for item in items]):
        pay(db, feed["account"], order, items, asked, now)
    else:
        wait_for_dispatch(db, feed["account"], order["orderId"], items, asked, now)


def _invalid(tag: str) -> Refused:
    return Refused(f"The value of element '{tag}' is invalid.")


def _one_of(part: Element, *tags: str) -> None:
    if sum(len(part.findall(tag)) for tag in tags) != 1:
        raise _invalid(part.tag)


def _check_item(item: Element) -> None:
    _one_of(item, "AmazonOrderItemCode", "MerchantOrderItemID")
    reference = item.findtext("MerchantAdjustmentItemID")
    if reference is not None and not 1 <= len(reference) <= 50:
        raise _invalid("MerchantAdjustmentItemID")
    reasons = [reason.text for reason in item.findall("AdjustmentReason")]
    if len(reasons) != 1 or reasons[0] not in REASONS:
        raise _invalid("AdjustmentReason")
    # Meant for cash on delivery; for a card it was answered as malformed.
    if item.find("DirectPaymentAdjustments") is not None:
        raise _invalid("DirectPaymentAdjustments")
    for tag in ("QuantityCancelled", "Quantity"):
        text = item.findtext(tag)
        if text is not None and not re.fullmatch("[1-9][0-9]*", text):
            raise _invalid(tag)
    if len(item.findall("ItemPriceAdjustments")) > 1:
        raise _invalid("ItemPriceAdjustments")
    for prices in item.findall("ItemPriceAdjustments"):
        if not len(prices):
            raise _invalid("ItemPriceAdjustments")
        for component in prices:
            _check_component(component)


def _check_component(component: Element) -> None:
    if [part.tag for part in component] != ["Type", "Amount"]:
        raise _invalid("Component")
    kind, amount = component
    if kind.text not in COMPONENTS:
        raise _invalid("Type")
    if amount.get("currency") not in CURRENCIES or not _AMOUNT.fullmatch(amount.text or ""):
        raise _invalid("Amount")


def _adjusted(item: Element) -> Adjusted:
    amounts: dict[str, Decimal] = {}
    currencies = set()
    for component in item.findall("ItemPriceAdjustments/Component"):
        kind, amount = component
        name = kind.text or ""
        amounts[name] = amounts.get(name, Decimal(0)) + Decimal(amount.text or "0")
        currencies.add(amount.get("currency", ""))
    return Adjusted(
        item_id=item.findtext("AmazonOrderItemCode") or "",
        reference=item.findtext("MerchantAdjustmentItemID"),
        reason=item.findtext("AdjustmentReason") or "",
        currency=currencies.pop() if len(currencies) == 1 else "",
        amounts=amounts,
    )
