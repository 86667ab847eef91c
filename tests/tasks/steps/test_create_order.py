"""Step 5: the Magento order and its invoice."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from pipeline.errors import CannotMap, OutcomeUnknown, Rejected, Transient
from pipeline.magento.records import Invoice, MagentoItem, Region
from pipeline.models import Order
from pipeline.outcome import Done, Hold, HoldCode
from tasks.steps.create_order import create_order
from tests.builders import a_raw_item, a_raw_order, an_item, an_order
from tests.tasks.fakes import (
    MUG,
    FakeShop,
    MemoryLedger,
    a_magento_order,
    clients,
    order_key,
)

CREATE, INVOICE, READ = ("create_order", "default"), ("invoice", 900), ("order", 900)


def an_enriched_order(**raw: Any) -> Order:
    return an_order(raw=a_raw_order(**raw), items=[an_item(product=MUG.as_json())])


def a_shop(**answers: Any) -> FakeShop:
    return FakeShop(
        **{
            "create_order": a_magento_order(),
            "invoice": "77",
            "order": a_magento_order(),
            **answers,
        }
    )


def test_creates_invoices_reads_back_and_remembers() -> None:
    order, shop, ledger = an_enriched_order(), a_shop(), MemoryLedger()
    assert create_order(order, clients(shop=shop, ledger=ledger)) == Done()
    assert shop.calls == [CREATE, INVOICE, READ]
    assert (order.magento_order_id, order.magento_increment_id) == (900, "000000900")
    assert order.magento_status == "processing"
    assert order.items[0].magento_item_id == 501
    assert ledger.keys == [order_key(order), order_key(order).replace("order:", "invoice:")]
    (body,) = shop.bodies
    assert body["ext_order_id"] == order.external_id
    assert body["customer_is_guest"] == 1
    assert "increment_id" not in body
    assert (body["state"], body["grand_total"]) == ("new", Decimal("20.00"))
    # The write says how long a lost call may still land, and how a refusal is held.
    assert ledger.writes[0].settles_after == timedelta(seconds=60)
    assert [write.harmless_twice for write in ledger.writes] == [False, False]


@pytest.mark.parametrize(
    ("settings", "number"),
    [
        ({}, None),
        ({"order_number_prefix": "AMZ-"}, None),
        ({"order_number": "amazon"}, "{}"),
        ({"order_number": "amazon", "order_number_prefix": "AMZ-"}, "AMZ-{}"),
    ],
)
def test_the_number_comes_from_magento_or_from_amazon(
    settings: dict[str, Any], number: str | None
) -> None:
    order, shop = an_enriched_order(), a_shop()
    assert create_order(order, clients(shop=shop, **settings)) == Done()
    wanted = None if number is None else number.format(order.external_id)
    assert shop.bodies[0].get("increment_id") == wanted


@pytest.mark.parametrize(
    ("fulfilled_by", "status", "settings", "state", "calls"),
    [
        ("MERCHANT", "UNSHIPPED", {}, "new", [CREATE, INVOICE, READ]),
        ("MERCHANT", "UNSHIPPED", {"invoice": "leave"}, "new", [CREATE, READ]),
        ("MERCHANT", "PARTIALLY_SHIPPED", {"invoice": "leave"}, "new", [CREATE, READ]),
        # Only the invoice makes an order complete whose goods have left.
        ("MERCHANT", "SHIPPED", {"invoice": "leave"}, "processing", [CREATE, INVOICE, READ]),
        ("AMAZON", "SHIPPED", {"invoice": "leave"}, "processing", [CREATE, INVOICE, READ]),
        (
            "AMAZON",
            "SHIPPED",
            {"fba_store": "amazon_fba"},
            "processing",
            [("create_order", "amazon_fba"), INVOICE, READ],
        ),
        ("MERCHANT", "UNSHIPPED", {"fba_store": "amazon_fba"}, "new", [CREATE, INVOICE, READ]),
        (
            "MERCHANT",
            "UNSHIPPED",
            {"magento_store": "de"},
            "new",
            [("create_order", "de"), INVOICE, READ],
        ),
    ],
)
def test_the_shape_the_store_and_the_invoice_follow_channel_status_and_settings(
    fulfilled_by: str,
    status: str,
    settings: dict[str, Any],
    state: str,
    calls: list[tuple[Any, ...]],
) -> None:
    order, shop = an_enriched_order(fulfilled_by=fulfilled_by, status=status), a_shop()
    assert create_order(order, clients(shop=shop, **settings)) == Done()
    assert shop.bodies[0]["state"] == state
    assert shop.calls == calls


def test_goods_amazon_shipped_count_as_shipped_from_the_start() -> None:
    order, shop = an_enriched_order(fulfilled_by="AMAZON", status="SHIPPED"), a_shop()
    assert create_order(order, clients(shop=shop)) == Done()
    assert [item["qty_shipped"] for item in shop.bodies[0]["items"]] == [2]


def test_an_order_first_seen_partly_shipped_remembers_what_had_left() -> None:
    item = a_raw_item(fulfillment={"quantityFulfilled": 1, "quantityUnfulfilled": 1})
    order = an_enriched_order(status="PARTIALLY_SHIPPED", orderItems=[item])
    shop = a_shop()
    assert create_order(order, clients(shop=shop)) == Done()
    assert order.items[0].quantity_fulfilled_before == 1
    assert [item["qty_shipped"] for item in shop.bodies[0]["items"]] == [1]


@pytest.mark.parametrize("customer_id", [None, 44])
def test_a_customers_order_is_the_customers(customer_id: int | None) -> None:
    order, shop = an_enriched_order(), a_shop()
    order.magento_customer_id = customer_id
    assert create_order(order, clients(shop=shop)) == Done()
    assert shop.bodies[0].get("customer_id") == customer_id
    assert shop.bodies[0]["customer_is_guest"] == (1 if customer_id is None else 0)


def test_totals_that_differ_are_held_with_both_after_all_was_remembered() -> None:
    order = an_enriched_order()
    shop = a_shop(order=a_magento_order(grand_total=Decimal("19.99")))
    assert create_order(order, clients(shop=shop)) == Hold(
        HoldCode.TOTALS_DIFFER,
        "Magento's grand total is 19.99 EUR, Amazon's is 20.00 EUR",
    )
    assert (order.magento_order_id, order.items[0].magento_item_id) == (900, 501)


def test_a_second_run_writes_nothing() -> None:
    order, ledger = an_enriched_order(), MemoryLedger()
    assert create_order(order, clients(shop=a_shop(), ledger=ledger)) == Done()
    again = FakeShop(order=a_magento_order())
    assert create_order(order, clients(shop=again, ledger=ledger)) == Done()
    assert again.calls == [READ]


def test_a_try_that_was_begun_looks_first_and_adopts_the_oldest() -> None:
    order = an_enriched_order()
    key = order_key(order)
    ledger = MemoryLedger(begun=[key, key.replace("order:", "invoice:")])
    shop = FakeShop(
        find_orders=[a_magento_order(901), a_magento_order(900)],
        invoices={900: [Invoice(78), Invoice(77)]},
        order=a_magento_order(),
    )
    assert create_order(order, clients(shop=shop, ledger=ledger)) == Done()
    assert shop.calls == [("find_orders", order.external_id), ("invoices", [900]), READ]
    assert ledger.done == {key: "900", key.replace("order:", "invoice:"): "77"}


def test_a_try_that_was_begun_and_left_nothing_is_sent_again() -> None:
    order = an_enriched_order()
    key = order_key(order)
    ledger = MemoryLedger(begun=[key, key.replace("order:", "invoice:")])
    shop = a_shop(find_orders=[], invoices={})
    assert create_order(order, clients(shop=shop, ledger=ledger)) == Done()
    assert shop.calls == [
        ("find_orders", order.external_id),
        CREATE,
        ("invoices", [900]),
        INVOICE,
        READ,
    ]


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"create_order": Rejected("no", status=400)}, HoldCode.ORDER_REFUSED),
        ({"invoice": Rejected("no", status=400)}, HoldCode.INVOICE_REFUSED),
    ],
)
def test_a_refusal_says_what_was_refused(answers: dict[str, Any], code: HoldCode) -> None:
    with pytest.raises(CannotMap) as held:
        create_order(an_enriched_order(), clients(shop=a_shop(**answers)))
    assert held.value.code == code


def test_an_unknown_outcome_is_not_swallowed() -> None:
    shop = a_shop(create_order=OutcomeUnknown("cut off"))
    with pytest.raises(OutcomeUnknown):
        create_order(an_enriched_order(), clients(shop=shop))
    assert shop.calls == [CREATE]


def test_lines_are_matched_by_amazons_number_not_by_sku() -> None:
    items = (
        MagentoItem(502, "MUG-BLUE", "I2"),
        MagentoItem(501, "MUG-BLUE", "I1"),
        MagentoItem(503, "FEE"),
    )
    order = an_enriched_order()
    shop = a_shop(order=a_magento_order(items=items))
    assert create_order(order, clients(shop=shop)) == Done()
    assert [item.magento_item_id for item in order.items] == [501]


def test_what_the_body_needs_is_read_before_anything_is_intended() -> None:
    class NoRegions(FakeShop):
        def regions(self, country: str, store: str) -> tuple[Region, ...]:
            raise Transient("the shop is slow")

    order, shop, ledger = an_enriched_order(), NoRegions(), MemoryLedger()
    with pytest.raises(Transient):
        create_order(order, clients(shop=shop, ledger=ledger))
    assert (shop.calls, ledger.keys) == ([], [])
