"""The stand-in's Finances: when money can be read, in what words, and that it adds up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from sandbox.amazon.builders import a_line, an_order
from tests.sandbox.conftest import NOW, Caller, refusal
from tests.sandbox.test_amazon_confirm import a_confirmation
from tests.sandbox.test_amazon_feeds import wait
from tests.sandbox.test_amazon_refunds import a_refund, an_item, component, place, send

ORDER, OTHER = "302-5550001-5550001", "302-5550001-5550002"
LONG_AGO = "2026-11-01T00:00:00Z"


def ask(amazon: Caller, **parameters: str) -> requests.Response:
    url = f"{amazon.url}/finances/2024-06-19/transactions"
    return requests.get(url, params=parameters, headers=amazon.headers, timeout=10)


def of_order(amazon: Caller, order_id: str = ORDER) -> list[Any]:
    answer = ask(amazon, relatedIdentifierName="ORDER_ID", relatedIdentifierValue=order_id)
    assert answer.status_code == 200, answer.text
    (payload,) = answer.json().values()
    return list(payload["transactions"])


def identifiers(transaction: Mapping[str, Any]) -> dict[str, str]:
    return {
        one["relatedIdentifierName"]: one["relatedIdentifierValue"]
        for one in transaction["relatedIdentifiers"]
    }


def leaves(tree: list[Any], group: str = "") -> Iterator[tuple[str, float]]:
    for node in tree:
        path = f"{group}/{node['breakdownType']}".lstrip("/")
        if node["breakdowns"]:
            yield from leaves(node["breakdowns"], path)
        else:
            yield path, node["breakdownAmount"]["currencyAmount"]


def cents(amounts: Iterator[float]) -> Decimal:
    return sum((Decimal(str(amount)) for amount in amounts), Decimal(0))


def check_sums(transaction: Mapping[str, Any]) -> None:
    """Leaves make their item, items make the transaction, and so does the top."""
    total = Decimal(str(transaction["totalAmount"]["currencyAmount"]))
    for item in transaction["items"]:
        told = Decimal(str(item["totalAmount"]["currencyAmount"]))
        assert cents(amount for _, amount in leaves(item["breakdowns"])) == told
        groups = (group["breakdownAmount"]["currencyAmount"] for group in item["breakdowns"])
        assert cents(groups) == told
    items = (item["totalAmount"]["currencyAmount"] for item in transaction["items"])
    assert cents(items) == total
    assert cents(amount for _, amount in leaves(transaction["breakdowns"])) == total


def test_a_sale_appears_when_its_units_are_shipped(amazon: Caller) -> None:
    place(amazon, status="UNSHIPPED", line={"discount": "3.00"})
    assert of_order(amazon) == []
    assert amazon.confirm(ORDER, a_confirmation((("I1", 1),))).status_code == 204
    amazon.control("POST", f"orders/{ORDER}/status", {"status": "SHIPPED"})
    first, second = of_order(amazon)
    assert dict(leaves(first["items"][0]["breakdowns"])) == {
        "ProductCharges/OurPricePrincipal": 29.99,
        "PromoRebates/OurPriceDiscount": -1,
        "Shipping/ShippingPrincipal": 1.66,
        "AmazonFees/Commission/Base": -4.35,
    }
    assert dict(leaves(second["items"][0]["breakdowns"])) == {
        "ProductCharges/OurPricePrincipal": 59.98,
        "PromoRebates/OurPriceDiscount": -2,
        "Shipping/ShippingPrincipal": 3.33,
        "AmazonFees/Commission/Base": -8.7,
    }
    for transaction in (first, second):
        check_sums(transaction)
        assert transaction["transactionType"] == "Shipment"
        assert transaction["transactionStatus"] == "RELEASED"
        assert set(identifiers(transaction)) == {
            "ORDER_ID",
            "SHIPMENT_ID",
            "FINANCIAL_EVENT_GROUP_ID",
        }
    assert first["items"][0]["contexts"] == [
        {
            "contextType": "ProductContext",
            "sku": "MUG-BLUE",
            "asin": "B000SANDBX",
            "quantityShipped": 1,
            "fulfillmentNetwork": "MFN",
        }
    ]


def test_amazons_own_shipment_costs_its_fee(amazon: Caller) -> None:
    place(amazon, fulfilled_by="AMAZON", line={"shipping": "0"})
    (sale,) = of_order(amazon)
    check_sums(sale)
    assert sale["items"][0]["contexts"][0]["fulfillmentNetwork"] == "AFN"
    assert dict(leaves(sale["items"][0]["breakdowns"])) == {
        "ProductCharges/OurPricePrincipal": 89.97,
        "AmazonFees/Commission/Base": -13.5,
        "AmazonFees/FBAPerUnitFulfillmentFee/Base": -7.2,
        "AmazonFees/FBAPerUnitFulfillmentFee/Tax": -1.8,
    }


def test_a_refund_gives_commission_back_and_costs_some(amazon: Caller) -> None:
    place(amazon)
    item = an_item(
        component("Principal", "59.98"),
        component("Shipping", "4.99"),
        component("RestockingFee", "-6.00"),
    )
    send(amazon, a_refund(item))
    _, refund = of_order(amazon)
    check_sums(refund)
    assert (refund["transactionType"], refund["description"]) == ("Refund", "Refund Order")
    assert dict(leaves(refund["items"][0]["breakdowns"])) == {
        "ProductCharges/OurPricePrincipal": -59.98,
        "Shipping/ShippingPrincipal": -4.99,
        "RestockingDeductionPrincipal": 6,
        "AmazonFees/Commission/Base": 9,
        "AmazonFees/RefundCommission/Base": -1.8,
    }
    (paid,) = amazon.control("GET", "refunds")["refunds"]
    assert identifiers(refund)["REFUND_ID"] == paid["refundId"]
    # Not what came back: what the order had.
    assert refund["items"][0]["contexts"][0]["quantityShipped"] == 3
    assert "I1" not in str(refund["items"])


@pytest.mark.parametrize(
    ("order", "sold", "refunded"),
    [
        (
            {"facilitated": True},
            {
                "MarketplaceFacilitatorTax-Principal": -14.36,
                "ProductCharges/OurPricePrincipal": 89.97,
                "Tax/OurPriceTax": 14.36,
            },
            {
                "MarketplaceFacilitatorTax-Principal": 1.6,
                "ProductCharges/OurPricePrincipal": -10,
                "Tax/OurPriceTax": -1.6,
            },
        ),
        (
            {"tax_included": True},
            {"ProductCharges/OurPricePrincipal": 75.61, "Tax/OurPriceTax": 14.36},
            {"ProductCharges/OurPricePrincipal": -8.4, "Tax/OurPriceTax": -1.6},
        ),
        (
            {},
            {"ProductCharges/OurPricePrincipal": 89.97, "Tax/OurPriceTax": 14.36},
            {"ProductCharges/OurPricePrincipal": -10},
        ),
    ],
)
def test_tax_is_told_apart(
    amazon: Caller, order: dict[str, Any], sold: dict[str, float], refunded: dict[str, float]
) -> None:
    place(amazon, line={"tax": "14.36", "shipping": "0"}, **order)
    send(amazon, a_refund(an_item(component("Principal", "10.00"))))
    told = []
    for transaction in of_order(amazon):
        check_sums(transaction)
        tree = transaction["items"][0]["breakdowns"]
        told.append({leaf: amount for leaf, amount in leaves(tree) if "AmazonFees" not in leaf})
    assert told == [sold, refunded]


def test_many_small_refunds_sum_up_to_the_sale(amazon: Caller) -> None:
    place(amazon, line={"tax": "14.36", "shipping": "0"}, facilitated=True)
    amounts = ["10.01", "33.33", "46.63"]
    send(amazon, *(a_refund(an_item(component("Principal", amount))) for amount in amounts))
    sums: dict[str, Decimal] = {}
    for transaction in of_order(amazon):
        for leaf, amount in leaves(transaction["items"][0]["breakdowns"]):
            sums[leaf] = sums.get(leaf, Decimal(0)) + Decimal(str(amount))
    assert {leaf for leaf, amount in sums.items() if amount} == {"AmazonFees/RefundCommission/Base"}


def test_two_items_of_one_sku_cannot_be_told_apart(amazon: Caller) -> None:
    lines = [a_line("MUG", 1, item_id="I1"), a_line("MUG", 2, unit="9.00", item_id="I2")]
    amazon.place(an_order(ORDER, lines=lines, status="SHIPPED", created_at=NOW))
    (sale,) = of_order(amazon)
    contexts = [item["contexts"][0] for item in sale["items"]]
    assert [context["sku"] for context in contexts] == ["MUG", "MUG"]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"postedBefore": "2026-11-20T00:00:00Z"},
        {"postedAfter": "2026-11-20"},
        {"postedAfter": "2026-11-22T11:58:01Z"},
        {"postedAfter": LONG_AGO, "postedBefore": "2026-11-22T11:58:01Z"},
        {"postedAfter": LONG_AGO, "postedBefore": LONG_AGO},
        {"relatedIdentifierName": "ORDER_ID"},
        {"relatedIdentifierName": "REFUND_ID", "relatedIdentifierValue": "1"},
        {"postedAfter": LONG_AGO, "transactionStatus": "Released"},
        {"postedAfter": LONG_AGO, "nextToken": "unknown"},
    ],
)
def test_a_search_that_breaks_a_rule_is_refused(amazon: Caller, parameters: dict[str, str]) -> None:
    assert refusal(ask(amazon, **parameters))[:2] == (400, "InvalidInput")


def posted(amazon: Caller, **parameters: str) -> list[str]:
    answer = ask(amazon, **parameters)
    assert answer.status_code == 200, answer.text
    return [identifiers(one)["ORDER_ID"] for one in answer.json()["payload"]["transactions"]]


def test_a_window_holds_its_beginning_and_not_its_end(amazon: Caller) -> None:
    place(amazon)
    at = NOW - timedelta(days=1)
    start, end = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (at, at + timedelta(hours=1)))
    assert posted(amazon, postedAfter=start) == [ORDER]
    assert posted(amazon, postedAfter=start, postedBefore=end) == [ORDER]
    assert posted(amazon, postedAfter=LONG_AGO, postedBefore=start) == []
    assert posted(amazon, postedAfter=end) == []


def test_more_than_180_days_are_empty_and_no_error(amazon: Caller) -> None:
    place(amazon)
    assert posted(amazon, postedAfter="2026-05-26T11:58:00Z") == [ORDER]
    assert posted(amazon, postedAfter="2026-05-26T11:57:00Z") == []


def test_what_was_posted_just_now_is_in_no_window_yet(amazon: Caller) -> None:
    place(amazon, status="UNSHIPPED")
    amazon.control("POST", f"orders/{ORDER}/status", {"status": "SHIPPED"})
    assert posted(amazon, postedAfter=LONG_AGO) == []
    assert len(of_order(amazon)) == 1
    wait(amazon, 121)
    assert posted(amazon, postedAfter=LONG_AGO) == [ORDER]


def test_a_transaction_may_be_late(amazon: Caller) -> None:
    amazon.control("POST", "finances", {"delay_s": 48 * 3600})
    place(amazon)
    assert of_order(amazon) == []
    wait(amazon, 24 * 3600)
    amazon.log_in()
    (sale,) = of_order(amazon)
    assert sale["postedDate"] == "2026-11-21T12:00:00.000Z"


def test_pages_may_be_empty_and_their_tokens_are_for_the_same_arguments(amazon: Caller) -> None:
    amazon.control("POST", "finances", {"page_size": 2, "empty_pages": 1})
    orders = [f"302-5550001-555000{number}" for number in range(5)]
    for order_id in orders:
        place(amazon, order_id)
    query, pages = {"postedAfter": LONG_AGO}, []
    while True:
        payload = ask(amazon, **query).json()["payload"]
        pages.append([identifiers(one)["ORDER_ID"] for one in payload["transactions"]])
        if "nextToken" not in payload:
            break
        query["nextToken"] = payload["nextToken"]
    assert pages == [[], orders[:2], orders[2:4], orders[4:]]
    query["postedAfter"] = "2026-11-02T00:00:00Z"
    assert refusal(ask(amazon, **query))[:2] == (400, "InvalidInput")


def test_deferred_money_is_told_twice_once_it_is_released(amazon: Caller) -> None:
    amazon.control("POST", "finances", {"defer": "DD7"})
    place(amazon)
    (sale,) = of_order(amazon)
    assert sale["transactionStatus"] == "DEFERRED"
    assert sale["contexts"] == [
        {
            "contextType": "DeferredContext",
            "deferralReason": "DD7",
            "maturityDate": "2026-11-28T12:00:00.000Z",
        }
    ]
    assert "FINANCIAL_EVENT_GROUP_ID" not in identifiers(sale)
    wait(amazon, 6 * 24 * 3600)
    amazon.log_in()
    before, copy = of_order(amazon)
    assert before["transactionId"] == sale["transactionId"]
    assert before["postedDate"] == sale["postedDate"]
    assert before["transactionStatus"] == "DEFERRED_RELEASED"
    assert identifiers(before)["RELEASE_TRANSACTION_ID"] == copy["transactionId"]
    assert identifiers(copy)["DEFERRED_TRANSACTION_ID"] == sale["transactionId"]
    assert (copy["transactionStatus"], copy["postedDate"]) == (
        "RELEASED",
        "2026-11-28T12:00:00.000Z",
    )
    assert copy["totalAmount"] == sale["totalAmount"]
    filtered = ask(amazon, postedAfter=LONG_AGO, transactionStatus="DEFERRED_RELEASED").json()
    assert [one["transactionId"] for one in filtered["payload"]["transactions"]] == [
        sale["transactionId"]
    ]


def test_money_may_be_released_early_and_refunds_deferred_too(amazon: Caller) -> None:
    amazon.control("POST", "finances", {"defer": "B2B", "defer_days": 30})
    place(amazon)
    amazon.control("POST", "refunds", {"order_id": ORDER})
    assert [one["transactionStatus"] for one in of_order(amazon)] == ["DEFERRED", "RELEASED"]
    amazon.control("POST", "finances", {"defer_refunds": True})
    place(amazon)
    amazon.control("POST", "refunds", {"order_id": ORDER})
    assert [one["transactionStatus"] for one in of_order(amazon)] == ["DEFERRED", "DEFERRED"]
    assert amazon.control("POST", "finances/release", {"order_id": OTHER}) == {"released": 0}
    assert amazon.control("POST", "finances/release", {}) == {"released": 2}
    statuses = sorted(one["transactionStatus"] for one in of_order(amazon))
    assert statuses == ["DEFERRED_RELEASED", "DEFERRED_RELEASED", "RELEASED", "RELEASED"]


def test_answers_may_be_careless(amazon: Caller) -> None:
    amazon.control("POST", "finances", {"nulls": True, "statuses": "title", "new_fee": "0.50"})
    place(amazon)
    (sale,) = of_order(amazon)
    assert (sale["breakdowns"], sale["contexts"]) == (None, None)
    assert sale["transactionStatus"] == "Released"
    (item,) = sale["items"]
    assert item["contexts"][0]["fulfillmentNetwork"] is None
    assert dict(leaves(item["breakdowns"]))["AmazonFees/SandboxNovelFee/Base"] == -0.5
    amazon.control("POST", "finances", {"statuses": "null"})
    assert of_order(amazon)[0]["transactionStatus"] is None


def test_some_money_is_of_no_order(amazon: Caller) -> None:
    amazon.control("POST", "finances/transactions", {"name": "Subscription", "amount": "-39.00"})
    wait(amazon, 121)
    (fee,) = ask(amazon, postedAfter=LONG_AGO).json()["payload"]["transactions"]
    assert (fee["transactionType"], fee["items"]) == ("ServiceFee", [])
    assert dict(leaves(fee["breakdowns"])) == {"Expenses/Subscription": -39}
    assert fee["totalAmount"] == {"currencyAmount": -39, "currencyCode": "EUR"}


def test_a_missing_role_closes_finances_and_nothing_else(amazon: Caller) -> None:
    place(amazon)
    amazon.control("POST", "finances", {"is_forbidden": True})
    answer = ask(amazon, postedAfter=LONG_AGO)
    said = (403, "Unauthorized", "Access to the resource is forbidden")
    assert refusal(answer) == said
    assert amazon.get(ORDER).status_code == 200
    amazon.control("POST", "accounts", {"account": "second"})
    other = Caller(amazon.url, "second").log_in()
    assert posted(other, postedAfter=LONG_AGO) == []


def test_an_order_without_readable_money_is_posted_as_nothing(amazon: Caller) -> None:
    order = an_order(ORDER, status="SHIPPED", created_at=NOW)
    order["orderItems"][0]["proceeds"] = {"proceedsTotal": None, "breakdowns": [None, {}]}
    amazon.place(order)
    (sale,) = of_order(amazon)
    assert sale["totalAmount"]["currencyAmount"] == 0


def test_the_plan_is_kept(amazon: Caller) -> None:
    codes = [ask(amazon, postedAfter=LONG_AGO).status_code for _ in range(11)]
    assert codes == [200] * 10 + [429]
