"""Refunds as XML, against the order and counts of Amazon's schema; and what a refusal means."""

from __future__ import annotations

import re
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring
from pydantic import SecretStr

from pipeline.amazon.feed_documents import MessageOutcome, MessageResult
from pipeline.amazon.refund_documents import REASONS, RefundRefusal, meaning, write

# OrderAdjustment of Amazon's schema: the children of an element in their order, with how many
# there may be. A leaf has the pattern of its text.
SCHEMA: dict[str, list[tuple[str, int, int]]] = {
    "AmazonEnvelope": [("Header", 1, 1), ("MessageType", 1, 1), ("Message", 1, 10_000)],
    "Header": [("DocumentVersion", 1, 1), ("MerchantIdentifier", 1, 1)],
    "Message": [("MessageID", 1, 1), ("OrderAdjustment", 1, 1)],
    "OrderAdjustment": [
        ("AmazonOrderID", 1, 1),
        ("ActionType", 0, 1),
        ("CODCollectionMethod", 0, 1),
        ("AdjustedItem", 1, 10_000),
    ],
    "AdjustedItem": [
        ("AmazonOrderItemCode", 1, 1),
        ("MerchantAdjustmentItemID", 0, 1),
        ("AdjustmentReason", 1, 1),
        ("ItemPriceAdjustments", 0, 1),
        ("QuantityCancelled", 0, 1),
    ],
    "ItemPriceAdjustments": [("Component", 1, 16)],
    "Component": [("Type", 1, 1), ("Amount", 1, 1)],
}
LEAVES = {
    "DocumentVersion": r"1\.0[12]",
    "MerchantIdentifier": r"\w+",
    "MessageType": "OrderAdjustment",
    "MessageID": r"[1-9]\d*",
    "AmazonOrderID": r"\w{3}-\w{7}-\w{7}",
    "ActionType": "Refund|Cancel",
    "AmazonOrderItemCode": r"\d{14}",
    "MerchantAdjustmentItemID": r".{1,50}",
    "AdjustmentReason": "|".join(REASONS),
    "Type": "Principal|Shipping|Tax|ShippingTax|GiftWrap|GiftWrapTax|Goodwill",
    "Amount": r"\d{1,18}\.\d{2}",
}
BODY: dict[str, Any] = {
    "order": "302-5550001-5550001",
    "currency": "EUR",
    "reason": "CustomerReturn",
    "by_amazon": "0",
    "rounding": "0",
    "items": [
        {
            "item": "50000000000011",
            "reference": "cm-918-1",
            "units": "2",
            "amounts": {"Shipping": "4.99", "Principal": "59.98"},
        }
    ],
}


def faults(element: Element) -> list[str]:
    """What breaks the schema in this element and below."""
    if element.tag in LEAVES:
        fits = re.fullmatch(LEAVES[element.tag], element.text or "") and not len(element)
        return [] if fits else [f"{element.tag}: {element.text}"]
    if element.tag not in SCHEMA:
        return [f"{element.tag} is unknown"]
    tags = [child.tag for child in element]
    expected = [tag for tag, _, _ in SCHEMA[element.tag] for _ in range(tags.count(tag))]
    found = [] if tags == expected else [f"{element.tag}: {tags}"]
    for tag, least, most in SCHEMA[element.tag]:
        if not least <= tags.count(tag) <= most:
            found.append(f"{element.tag} has {tags.count(tag)} {tag}")
    return found + [fault for child in element for fault in faults(child)]


def test_a_refund_in_amazons_order_of_elements() -> None:
    document = write("A1SELLER", [(1, BODY), (2, BODY)])
    assert document.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")
    root = fromstring(document)
    assert faults(root) == []
    assert [leaf.text for leaf in root.iter("MessageID")] == ["1", "2"]
    message = root.findall("Message")[0]
    assert [(leaf.tag, leaf.text) for leaf in message.iter() if not len(leaf)] == [
        ("MessageID", "1"),
        ("AmazonOrderID", "302-5550001-5550001"),
        ("ActionType", "Refund"),
        ("AmazonOrderItemCode", "50000000000011"),
        ("MerchantAdjustmentItemID", "cm-918-1"),
        ("AdjustmentReason", "CustomerReturn"),
        ("Type", "Principal"),
        ("Amount", "59.98"),
        ("Type", "Shipping"),
        ("Amount", "4.99"),
    ]
    assert [leaf.attrib for leaf in root.iter("Amount")] == [{"currency": "EUR"}] * 4


def test_the_schema_here_finds_what_amazon_refuses() -> None:
    root = fromstring(write("A1SELLER", [(1, BODY)]))
    item = next(root.iter("AdjustedItem"))
    item[:] = [item[1], item[0], *item[2:]]
    next(root.iter("Amount")).text = "59.980"
    assert len(faults(root)) == 2


def with_amounts(**amounts: str) -> dict[str, Any]:
    return BODY | {"items": [BODY["items"][0] | {"amounts": amounts}]}


def test_yen_have_two_places_too() -> None:
    root = fromstring(
        write("A1SELLER", [(1, with_amounts(Principal="1099") | {"currency": "JPY"})])
    )
    (amount,) = root.iter("Amount")
    assert (amount.text, amount.get("currency")) == ("1099.00", "JPY")


@pytest.mark.parametrize(
    "body",
    [
        BODY | {"reason": "BuyerCanceled"},
        BODY | {"reason": ""},
        BODY | {"items": []},
        with_amounts(),
        with_amounts(Principal="0.00"),
        with_amounts(Principal="5.00", Shipping="-1.00"),
        with_amounts(Principal="5.005"),
        with_amounts(RestockingFee="1.00"),
    ],
)
def test_a_refund_that_amazon_would_refuse_is_not_written(body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"refund|RestockingFee"):
        write("A1SELLER", [(1, body)])


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (
            "Die Erstattung ist zu hoch. https://sellercentral.amazon.de/gp/help/25161",
            RefundRefusal.OVER_BALANCE,
        ),
        (
            "See sellercentral.amazon.com/gp/help/external/25181 for more.",
            RefundRefusal.OVER_BALANCE,
        ),
        (
            "The requested refund amount exceeds the amount that can be refunded.",
            RefundRefusal.OVER_BALANCE,
        ),
        (
            "The requested refund amount for the tax or shipping tax is not eligible",
            RefundRefusal.TAX_NOT_ELIGIBLE,
        ),
        (
            "The net adjustment amount is not a positive amount and has therefore been rejected",
            RefundRefusal.NET_NOT_POSITIVE,
        ),
        ("http://x.example/gp/help/30741", RefundRefusal.NET_NOT_POSITIVE),
        (
            "Adjustment amount for item price is a negative value",
            RefundRefusal.NEGATIVE_PRICE,
        ),
        ("Invalid OrderID or AmazonOrderID", RefundRefusal.UNKNOWN_ORDER),
        ("This is a malformed or\n invalid XML document", RefundRefusal.MALFORMED),
        ("Order 302-0025161-0000001 is odd", RefundRefusal.OTHER),
        ("", RefundRefusal.OTHER),
        # The page decides over the words, and a page that is not known does not.
        ("The tax is not eligible: /gp/help/25161", RefundRefusal.OVER_BALANCE),
        ("The tax is not eligible: /gp/help/12345", RefundRefusal.TAX_NOT_ELIGIBLE),
    ],
)
def test_what_a_refusal_means(words: str, refusal: RefundRefusal) -> None:
    result = MessageResult(MessageOutcome.REFUSED, "Amazon's code 18000", SecretStr(words))
    assert meaning(result) is refusal
