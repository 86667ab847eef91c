"""The stand-in's settlements: released money once, row by row, in the style of a marketplace."""

from __future__ import annotations

import csv
import random
from decimal import Decimal
from typing import Any

import pytest
import requests

from sandbox.amazon.builders import a_line, an_order
from tests.sandbox.conftest import NOW, Caller
from tests.sandbox.test_amazon_feeds import wait
from tests.sandbox.test_amazon_finances import LONG_AGO, ask, check_sums, identifiers, of_order
from tests.sandbox.test_amazon_refunds import a_refund, an_item, component, place, send

ORDER, OTHER = "302-5550001-5550001", "302-5550001-5550002"


def close(amazon: Caller, **look: Any) -> list[Any]:
    settlements = amazon.control("POST", "settlements", look)["settlements"]
    return list(settlements)


def rows(amazon: Caller, settlement: Any) -> list[dict[str, str]]:
    url = f"{amazon.url}/_control/settlements/{settlement['settlementId']}"
    text = requests.get(url, timeout=10).text
    return list(csv.DictReader(text.splitlines(), delimiter="\t"))


def amounts(of: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(row["amount-type"], row["amount-description"], row["amount"]) for row in of]


def test_a_settlement_holds_what_was_released_since_the_last(amazon: Caller) -> None:
    place(amazon, line={"discount": "3.00"})
    send(amazon, a_refund(an_item(component("Principal", "28.99"))))
    assert len(of_order(amazon)) == 2
    (settlement,) = close(amazon)
    summary, *told = rows(amazon, settlement)
    filled = {name: value for name, value in summary.items() if value}
    assert filled == {
        "settlement-id": settlement["settlementId"],
        "settlement-start-date": "2026-11-21 12:00:00 UTC",
        "settlement-end-date": "2026-11-22 12:01:30 UTC",
        "deposit-date": "2026-11-24 12:01:30 UTC",
        "total-amount": "53.40",
        "currency": "EUR",
    }
    assert amounts(told) == [
        ("ItemPrice", "Principal", "89.97"),
        ("Promotion", "Principal", "-3.00"),
        ("ItemPrice", "Shipping", "4.99"),
        ("ItemFees", "Commission", "-13.05"),
        ("ItemPrice", "Principal", "-29.99"),
        ("Promotion", "Principal", "1.00"),
        ("ItemFees", "Commission", "4.35"),
        ("ItemFees", "RefundCommission", "-0.87"),
    ]
    assert sum(Decimal(row["amount"]) for row in told) == Decimal("53.40")
    sale, refund = told[0], told[4]
    assert (sale["transaction-type"], refund["transaction-type"]) == ("Order", "Refund")
    assert (refund["order-item-code"], refund["sku"]) == ("I1", "MUG-BLUE")
    assert refund["merchant-adjustment-item-id"] == "cm-918-1"
    assert {row["order-id"] for row in told} == {ORDER}
    assert {identifiers(one)["SETTLEMENT_ID"] for one in of_order(amazon)} == {
        settlement["settlementId"]
    }
    assert close(amazon) == []
    place(amazon, OTHER)
    (second,) = close(amazon)
    assert second["start"] == settlement["end"]
    assert {row["order-id"] for row in rows(amazon, second)[1:]} == {OTHER}


def test_deferred_money_is_paid_out_once_when_it_is_released(amazon: Caller) -> None:
    amazon.control("POST", "finances", {"defer": "DD7"})
    place(amazon)
    assert close(amazon) == []
    wait(amazon, 7 * 24 * 3600)
    (settlement,) = close(amazon)
    amazon.log_in()
    sale, copy = of_order(amazon)
    assert identifiers(sale)["SETTLEMENT_ID"] == identifiers(copy)["SETTLEMENT_ID"]
    assert Decimal(settlement["total"]) == Decimal(str(sale["totalAmount"]["currencyAmount"]))


@pytest.mark.parametrize(
    ("look", "amount", "day", "time"),
    [
        ({}, "89.97", "11/21/26", "2026-11-21 12:00:00 UTC"),
        ({"comma": True, "points": True}, "89,97", "21.11.2026", "21.11.2026 12:00:00 UTC"),
    ],
)
def test_numbers_and_dates_are_the_marketplaces(
    amazon: Caller, look: dict[str, bool], amount: str, day: str, time: str
) -> None:
    place(amazon)
    (settlement,) = close(amazon, **look)
    _, first, *_ = rows(amazon, settlement)
    assert (first["amount"], first["posted-date"], first["posted-date-time"]) == (amount, day, time)


def test_a_settlement_may_be_odd(amazon: Caller) -> None:
    place(amazon, line={"unit": "10.00", "shipping": "0"})
    for charge in ({"name": "Subscription Fee"}, {"shipment_id": "FBA15ABCDEF"}):
        charge = {"kind": "FBAFees", "name": "FBAStorageFee", "amount": "-1.50", **charge}
        amazon.control("POST", "finances/transactions", charge)
    (settlement,) = close(amazon, equal_rows=True, empty_marketplace=True, off_by="0.05")
    summary, *told = rows(amazon, settlement)
    assert amounts(told) == [
        ("ItemPrice", "Principal", "15.00"),
        ("ItemPrice", "Principal", "15.00"),
        ("ItemFees", "Commission", "-2.25"),
        ("ItemFees", "Commission", "-2.25"),
        ("other-transaction", "Subscription Fee", "-1.50"),
        ("FBAStorageFee", "FBAStorageFee", "-1.50"),
    ]
    assert told[0] == told[1]
    assert [row["order-id"] for row in told[3:]] == [ORDER, "", "FBA15ABCDEF"]
    assert {row["marketplace-name"] for row in told} == {""}
    assert summary["total-amount"] == "22.55"
    assert settlement["total"] == "22.50"


@pytest.mark.parametrize(
    ("made_by", "told"),
    [
        ("SELLER_CENTRAL", "Refund"),
        ("A_TO_Z", "A-to-z Guarantee Refund"),
        ("CHARGEBACK", "Chargeback Refund"),
    ],
)
def test_who_took_the_money_shows_in_the_settlement_alone(
    amazon: Caller, made_by: str, told: str
) -> None:
    place(amazon)
    amazon.control("POST", "refunds", {"order_id": ORDER, "by": made_by})
    assert [one["transactionType"] for one in of_order(amazon)] == ["Shipment", "Refund"]
    (settlement,) = close(amazon)
    assert rows(amazon, settlement)[-1]["transaction-type"] == told


def test_tax_that_amazon_keeps_is_withheld(amazon: Caller) -> None:
    place(amazon, line={"tax": "14.36", "shipping": "0"}, facilitated=True)
    (settlement,) = close(amazon)
    told = amounts(rows(amazon, settlement)[1:])
    assert ("ItemPrice", "Tax", "14.36") in told
    assert ("ItemWithheldTax", "MarketplaceFacilitatorTax-Principal", "-14.36") in told


def test_every_currency_has_a_file_and_every_file_is_a_report(amazon: Caller) -> None:
    place(amazon)
    place(amazon, OTHER, currency="SEK")
    closed = close(amazon)
    assert [settlement["currency"] for settlement in closed] == ["EUR", "SEK"]
    reports = amazon.control("GET", "reports")["reports"]
    assert [report["reportId"] for report in reports] == [one["reportId"] for one in closed]
    assert {report["processingStatus"] for report in reports} == {"DONE"}


def test_the_settlement_of_many_orders_is_their_transactions_to_the_cent(amazon: Caller) -> None:
    lots = random.Random(5)  # noqa: S311 - the same orders each time
    numbers = [f"302-5550001-{number:07}" for number in range(60)]
    for number in numbers:
        lines = [
            a_line(
                f"SKU-{lots.randint(1, 9)}",
                lots.randint(1, 4),
                unit=f"{lots.randint(199, 9999) / 100:.2f}",
                tax=f"{lots.randint(0, 150) / 100:.2f}",
                shipping=lots.choice(("0", "4.99")),
                discount=lots.choice(("0", "1.37")),
            )
            for _ in range(lots.randint(1, 3))
        ]
        order = an_order(
            number,
            lines=lines,
            status="SHIPPED",
            fulfilled_by=lots.choice(("MERCHANT", "AMAZON")),
            tax_included=lots.random() < 0.5,
            created_at=NOW,
        )
        if lots.random() < 0.3:
            for item in order["orderItems"]:
                item["tax"] = {"taxCollections": [{"model": "MARKETPLACE_FACILITATOR"}]}
        amazon.control("POST", "finances", {"defer": lots.choice(("DD7", None))})
        amazon.place(order)
        if lots.random() < 0.5:
            part = {"order_item_id": order["orderItems"][0]["orderItemId"]}
            part["components"] = {"Principal": "1.13"}
            for more in ({"items": [part]}, {})[: lots.randint(1, 2)]:
                amazon.control("POST", "refunds", {"order_id": number, **more})
    amazon.control("POST", "finances/release", {})
    (settlement,) = close(amazon, comma=True, equal_rows=True)
    settled: dict[str, Decimal] = {}
    for row in rows(amazon, settlement)[1:]:
        amount = Decimal(row["amount"].replace(",", "."))
        settled[row["order-id"]] = settled.get(row["order-id"], Decimal(0)) + amount
    wait(amazon, 600)
    posted: dict[str, Decimal] = {}
    for transaction in ask(amazon, postedAfter=LONG_AGO).json()["payload"]["transactions"]:
        check_sums(transaction)
        named = identifiers(transaction)
        assert named["SETTLEMENT_ID"] == settlement["settlementId"]
        if "DEFERRED_TRANSACTION_ID" not in named:
            total = Decimal(str(transaction["totalAmount"]["currencyAmount"]))
            posted[named["ORDER_ID"]] = posted.get(named["ORDER_ID"], Decimal(0)) + total
    assert settled == posted
    assert set(settled) == set(numbers)
    assert str(sum(settled.values())) == settlement["total"]
