"""The money of an order, to the cent, in the shapes that Amazon's answers have."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipeline.amazon.transactions import Transaction, parse_transaction
from pipeline.base.money import ZERO
from pipeline.finances.order_money import order_money, refunded_to_buyer


def node(kind: str, amount: str, *below: dict[str, Any], currency: str = "SEK") -> dict[str, Any]:
    money = {"currencyAmount": Decimal(amount), "currencyCode": currency}
    return {"breakdownType": kind, "breakdownAmount": money, "breakdowns": list(below) or None}


def a_transaction(
    kind: str, total: str, *trees: dict[str, Any], currency: str = "SEK", **others: Any
) -> dict[str, Any]:
    money = {"currencyAmount": Decimal(total), "currencyCode": currency}
    return {
        "transactionId": "t1",
        "transactionType": kind,
        "transactionStatus": "Released",
        "postedDate": "2026-11-20T10:00:00Z",
        "totalAmount": money,
        "relatedIdentifiers": [
            {"relatedIdentifierName": "ORDER_ID", "relatedIdentifierValue": "302-1-1"}
        ],
        "items": [{"totalAmount": money, "breakdowns": list(trees), "contexts": None}],
        "breakdowns": None,
        "contexts": None,
        **others,
    }


def read(*blocks: dict[str, Any]) -> list[Transaction]:
    found = [parse_transaction(block) for block in blocks]
    return [one for one in found if one is not None]


SWEDISH_SALE = a_transaction(
    "Shipment",
    "294.46",
    node(
        "Sales",
        "449",
        node("ProductCharges", "320", node("OurPricePrincipal", "320")),
        node("Tax", "89.80", node("OurPriceTax", "80"), node("ShippingTax", "9.80")),
        node("Shipping", "39.20", node("ShippingPrincipal", "39.20")),
    ),
    node(
        "Expenses",
        "-154.54",
        node(
            "AmazonFees",
            "-154.54",
            node(
                "FBAPerUnitFulfillmentFee",
                "-45.54",
                node("Base", "-36.43"),
                node("Tax", "-9.11"),
            ),
            node("Commission", "-60"),
            node("ShippingChargeback", "-49", node("Base", "-39.20"), node("Tax", "-9.80")),
        ),
    ),
)
AMERICAN_REFUND = a_transaction(
    "Refund",
    "-35.20",
    node("ProductCharges", "-40.00", node("OurPricePrincipal", "-40.00")),
    node(
        "Tax",
        "0.00",
        node("OurPriceTax", "-3.30"),
        node("MarketplaceFacilitatorTax-Principal", "3.30"),
    ),
    node("AmazonFees", "4.80", node("Commission", "6.00"), node("RefundCommission", "-1.20")),
    currency="USD",
)


def test_a_sale_adds_up_and_a_fee_is_never_counted_with_its_parts() -> None:
    [sums] = order_money(read(SWEDISH_SALE))
    assert (sums.charges, sums.taxes, sums.fees) == (
        Decimal("359.20"),
        Decimal("89.80"),
        Decimal("-154.54"),
    )
    assert (sums.fee_tax, sums.other, sums.net) == (
        Decimal("-18.91"),
        ZERO,
        Decimal("294.46"),
    )
    assert sums.paid_by_buyer == 449
    assert not sums.is_expected


def test_a_refund_gives_the_buyer_the_tax_that_amazon_kept() -> None:
    refund = read(AMERICAN_REFUND)
    assert refunded_to_buyer(refund) == Decimal("43.30")
    [sums] = order_money(refund)
    assert (sums.refunds, sums.refunds_withheld_tax, sums.fees) == (
        Decimal("-43.30"),
        Decimal("3.30"),
        Decimal("4.80"),
    )
    assert (sums.other, sums.net) == (ZERO, Decimal("-35.20"))


def test_a_refund_of_tax_alone_is_no_fee_with_its_tax() -> None:
    tax = node("Tax", "-5.00", node("OurPriceTax", "-5.00"))
    refund = read(a_transaction("Refund", "-5.00", node("Sales", "-5.00", tax)))
    assert refunded_to_buyer(refund) == Decimal("5.00")


def test_a_release_is_the_same_money_and_ends_the_waiting() -> None:
    deferred = {**SWEDISH_SALE, "transactionStatus": "DEFERRED"}
    copy = {
        **SWEDISH_SALE,
        "transactionId": "t2",
        "relatedIdentifiers": [
            *SWEDISH_SALE["relatedIdentifiers"],
            {"relatedIdentifierName": "DEFERRED_TRANSACTION_ID", "relatedIdentifierValue": "t1"},
        ],
    }
    [before] = order_money(read(deferred))
    [after] = order_money(read(deferred, copy))
    assert (before.is_expected, after.is_expected) == (True, False)
    assert before.net == after.net == Decimal("294.46")


def test_amounts_of_the_whole_count_where_items_have_none() -> None:
    whole = a_transaction(
        "FBAInventoryReimbursement",
        "12.00",
        breakdowns=[node("Sales", "12.00", node("Reimbursement", "12.00"))],
        items=[{"totalAmount": None, "breakdowns": None}],
    )
    [sums] = order_money(read(whole))
    assert (sums.other, sums.net) == (Decimal("12.00"), Decimal("12.00"))


def test_an_unknown_word_counts_as_other() -> None:
    [sums] = order_money(read(a_transaction("Shipment", "1.23", node("News", "1.23"))))
    assert (sums.other, sums.net) == (Decimal("1.23"), Decimal("1.23"))


def test_each_currency_has_its_own_sums() -> None:
    sums = order_money(read(SWEDISH_SALE, {**AMERICAN_REFUND, "transactionId": "t9"}))
    assert [one.currency for one in sums] == ["SEK", "USD"]


@pytest.mark.parametrize("missing", ["transactionId", "postedDate", "totalAmount"])
def test_a_transaction_without_id_time_or_amount_is_none(missing: str) -> None:
    assert parse_transaction({**SWEDISH_SALE, missing: None}) is None
