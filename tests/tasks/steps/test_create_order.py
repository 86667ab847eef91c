"""Step 5: the Magento order and its invoice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from pipeline.base.errors import CannotMap, OutcomeUnknown, Rejected, Transient
from pipeline.magento.records import Invoice, MagentoItem, MagentoOrder, Region
from pipeline.orders.outcome import Done, Hold, HoldCode
from pipeline.orders.tables import Order
from tests.builders import a_raw_item, a_raw_order, an_item, an_order
from tests.tasks.as_run import create_order
from tests.tasks.fakes import (
    MUG,
    FakeDirectory,
    FakeOrders,
    FakeShop,
    InTurn,
    a_magento_order,
    clients,
    order_key,
)
from tests.tasks.ledgers import SeededLedger

CREATE, INVOICE, READ = ("create_order", "default"), ("invoice", 900), ("order", 900)
RESERVE, REOPEN = ("cancel", 900), ("update_order", 900)
# The shop's yes to the reservation and to the reopening is looked at.
RESERVED = [CREATE, RESERVE, READ, REOPEN, READ]


def an_enriched_order(**raw: Any) -> Order:
    return an_order(raw=a_raw_order(**raw), items=[an_item(product=MUG.as_json())])


def a_new_order(shipped: int = 4, state: str = "new", **changes: Any) -> MagentoOrder:
    """The two mugs as the shop answers their creation, by default with their marks."""
    mugs = MagentoItem(
        501,
        "MUG-BLUE",
        "I1",
        quantity_ordered=Decimal(2),
        quantity_shipped=Decimal(shipped),
        product_type="simple",
        product_id=1,
    )
    return a_magento_order(**{"state": state, "status": state, "items": (mugs,), **changes})


class _Kept(FakeOrders):
    def __init__(self, shop: FakeShop, order: MagentoOrder) -> None:
        super().__init__(shop)
        self._order = order

    def get(self, entity_id: int) -> MagentoOrder:
        self.told.calls.append(("order", entity_id))
        return self._order

    def cancel(self, entity_id: int) -> bool:
        is_done = super().cancel(entity_id)
        if is_done:
            self._order = replace(self._order, state="canceled", status="canceled")
        return is_done

    def save(self, body: Mapping[str, Any]) -> bool:
        is_shown = super().save(body)
        shipped = {item["item_id"]: Decimal(item["qty_shipped"]) for item in body.get("items", ())}
        self._order = replace(
            self._order,
            state=body["state"],
            status=body["status"],
            items=tuple(
                replace(item, quantity_shipped=shipped.get(item.item_id, item.quantity_shipped))
                for item in self._order.items
            ),
        )
        return is_shown


class Keeping(FakeShop):
    """A shop that shows its one order as the last write has left it."""

    def __init__(self, order: MagentoOrder, **answers: Any) -> None:
        super().__init__(**answers)
        self.orders = _Kept(self, order)


def a_shop(order: MagentoOrder | None = None, **answers: Any) -> FakeShop:
    made = answers.get("create_order", a_new_order())
    return Keeping(
        order or (made if isinstance(made, MagentoOrder) else a_new_order()),
        **{
            "create_order": made,
            "cancel": True,
            "update_order": None,
            "invoice": "77",
            **answers,
        },
    )


def keys_of(order: Order, *kinds: str) -> list[str]:
    return [order_key(order).replace("order:", f"{kind}:") for kind in kinds]


def test_creates_reserves_invoices_and_remembers() -> None:
    order, shop, ledger = an_enriched_order(), a_shop(), SeededLedger()
    assert create_order(order, clients(shop=shop, ledger=ledger)) == Done()
    assert shop.calls == [*RESERVED, INVOICE]
    assert (order.magento_order_id, order.magento_increment_id) == (900, "000000900")
    assert (order.magento_state, order.magento_status) == ("processing", "processing")
    assert order.items[0].magento_item_id == 501
    assert ledger.keys == keys_of(order, "order", "reserve", "reopen", "invoice")
    body, again = shop.bodies
    assert [item["qty_shipped"] for item in body["items"]] == [4]
    assert (again["state"], again["status"]) == ("new", "pending")
    assert [item["qty_shipped"] for item in again["items"]] == [0]
    assert again["payment"]["additional_information"] == body["payment"]["additional_information"]
    assert "status_histories" not in again
    assert body["ext_order_id"] == order.external_id
    assert body["customer_is_guest"] == 1
    assert "increment_id" not in body
    assert (body["state"], body["grand_total"]) == ("new", Decimal("20.00"))
    # The write says how long a lost call may still land, and how a refusal is held.
    assert ledger.writes[0].settles_after == timedelta(seconds=60)
    assert not any(write.harmless_twice for write in ledger.writes)


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
        ("MERCHANT", "UNSHIPPED", {}, "new", [*RESERVED, INVOICE]),
        ("MERCHANT", "UNSHIPPED", {"invoice": "leave"}, "new", RESERVED),
        ("MERCHANT", "UNSHIPPED", {"stock": "server"}, "new", [CREATE, INVOICE]),
        ("MERCHANT", "UNSHIPPED", {"stock": "none"}, "new", [CREATE, INVOICE]),
        ("MERCHANT", "PARTIALLY_SHIPPED", {"invoice": "leave"}, "new", RESERVED),
        # Only the invoice makes an order complete whose goods have left.
        ("MERCHANT", "SHIPPED", {"invoice": "leave"}, "processing", [CREATE, INVOICE]),
        ("AMAZON", "SHIPPED", {"invoice": "leave"}, "processing", [CREATE, INVOICE]),
        (
            "AMAZON",
            "SHIPPED",
            {"fba_store": "amazon_fba"},
            "processing",
            [("create_order", "amazon_fba"), INVOICE],
        ),
        ("MERCHANT", "UNSHIPPED", {"fba_store": "amazon_fba"}, "new", [*RESERVED, INVOICE]),
        (
            "MERCHANT",
            "UNSHIPPED",
            {"magento_store": "de"},
            "new",
            [("create_order", "de"), RESERVE, READ, REOPEN, READ, INVOICE],
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
    order = an_enriched_order(fulfilled_by=fulfilled_by, status=status)
    is_marked = RESERVE in calls
    shop = a_shop(create_order=a_new_order(4 if is_marked else 0, state))
    assert create_order(order, clients(shop=shop, **settings)) == Done()
    assert shop.bodies[0]["state"] == state
    assert (shop.bodies[0]["items"][0].get("qty_shipped") == 4) is is_marked
    assert shop.calls == calls


@pytest.mark.parametrize(
    ("fulfilled_by", "settings", "sku", "has_product"),
    [
        ("AMAZON", {}, "MUG-BLUE (FBA)", False),
        ("MERCHANT", {}, "MUG-BLUE (shipped)", False),
        ("AMAZON", {"fba_lines": "catalogue"}, "MUG-BLUE", True),
    ],
)
def test_goods_that_have_left_count_as_shipped_and_name_no_product(
    fulfilled_by: str, settings: dict[str, Any], sku: str, has_product: bool
) -> None:
    order = an_enriched_order(fulfilled_by=fulfilled_by, status="SHIPPED")
    shop = a_shop(create_order=a_new_order(2, "processing"))
    assert create_order(order, clients(shop=shop, **settings)) == Done()
    (item,) = shop.bodies[0]["items"]
    assert (item["sku"], "product_id" in item, item["qty_shipped"]) == (sku, has_product, 2)
    assert (order.magento_state, order.magento_status) == ("complete", "complete")


def test_an_order_first_seen_partly_shipped_remembers_what_had_left() -> None:
    item = a_raw_item(fulfillment={"quantityFulfilled": 1, "quantityUnfulfilled": 1})
    order = an_enriched_order(status="PARTIALLY_SHIPPED", orderItems=[item])
    shop = a_shop(create_order=a_new_order(3))
    assert create_order(order, clients(shop=shop)) == Done()
    assert order.items[0].quantity_fulfilled_before == 1
    assert [body["items"][0]["qty_shipped"] for body in shop.bodies] == [3, 1]


@pytest.mark.parametrize(("customer_id", "group"), [(None, 0), (44, 3)])
def test_a_customers_order_is_the_customers(customer_id: int | None, group: int) -> None:
    order, shop = an_enriched_order(), a_shop()
    order.magento_customer_id = customer_id
    order.magento_customer_group = group or None
    assert create_order(order, clients(shop=shop)) == Done()
    assert shop.bodies[0].get("customer_id") == customer_id
    assert shop.bodies[0]["customer_is_guest"] == (1 if customer_id is None else 0)
    assert shop.bodies[0]["customer_group_id"] == group


def test_totals_that_differ_are_held_with_both_after_all_was_remembered() -> None:
    order = an_enriched_order()
    shop = a_shop(create_order=a_new_order(grand_total=Decimal("19.99")))
    assert create_order(order, clients(shop=shop)) == Hold(
        HoldCode.TOTALS_DIFFER,
        "Magento's grand total is 19.99 EUR, Amazon's is 20.00 EUR",
    )
    assert (order.magento_order_id, order.items[0].magento_item_id) == (900, 501)


def test_a_second_run_writes_nothing() -> None:
    order, ledger = an_enriched_order(), SeededLedger()
    assert create_order(order, clients(shop=a_shop(), ledger=ledger)) == Done()
    again = FakeShop(order=a_magento_order())
    assert create_order(order, clients(shop=again, ledger=ledger)) == Done()
    assert again.calls == [READ]


def test_a_try_that_was_begun_looks_first_and_adopts_the_oldest() -> None:
    order = an_enriched_order()
    key = order_key(order)
    ledger = SeededLedger(begun=[key, key.replace("order:", "invoice:")])
    shop = FakeShop(
        find_orders=[a_magento_order(901), a_magento_order(900)],
        invoices={900: [Invoice(78), Invoice(77)]},
        order=a_magento_order(),
    )
    assert create_order(order, clients(shop=shop, ledger=ledger)) == Done()
    assert shop.calls == [("find_orders", order.external_id), READ, ("invoices", [900])]
    assert ledger.done == {key: "900", key.replace("order:", "invoice:"): "77"}


def test_a_try_that_was_begun_and_left_nothing_is_sent_again() -> None:
    order = an_enriched_order()
    key = order_key(order)
    ledger = SeededLedger(begun=[key, key.replace("order:", "invoice:")])
    shop = a_shop(find_orders=[], invoices={})
    assert create_order(order, clients(shop=shop, ledger=ledger)) == Done()
    look = ("find_orders", order.external_id)
    assert shop.calls == [look, look, *RESERVED, ("invoices", [900]), INVOICE]


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"create_order": Rejected("no", status=400)}, HoldCode.ORDER_REFUSED),
        ({"cancel": Rejected("no", status=401)}, HoldCode.RESERVATION_UNCLEAR),
        ({"update_order": Rejected("no", status=400)}, HoldCode.RESERVATION_UNCLEAR),
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
    shop = a_shop(create_order=a_magento_order(items=items))
    assert create_order(order, clients(shop=shop, stock="none")) == Done()
    assert [item.magento_item_id for item in order.items] == [501]


def test_what_the_body_needs_is_read_before_anything_is_intended() -> None:
    class NoRegions(FakeDirectory):
        def regions(self, country: str, store: str) -> tuple[Region, ...]:
            raise Transient("the shop is slow")

    order, shop, ledger = an_enriched_order(), FakeShop(), SeededLedger()
    shop.directory = NoRegions(shop)
    with pytest.raises(Transient):
        create_order(order, clients(shop=shop, ledger=ledger))
    assert (shop.calls, ledger.keys) == ([], [])


HIDDEN: dict[str, Any] = {"state": "canceled", "status": "canceled"}


def test_a_cancellation_that_is_refused_since_it_was_made_already_goes_on() -> None:
    order, shop = an_enriched_order(), a_shop(cancel=False, order=a_new_order(**HIDDEN))
    assert create_order(order, clients(shop=shop)) == Done()
    assert shop.calls == [CREATE, RESERVE, *2 * [READ], REOPEN, READ, INVOICE]


@pytest.mark.parametrize("state", ["new", "holded"])
def test_a_cancellation_that_is_refused_for_any_other_reason_is_held(state: str) -> None:
    shop = a_shop(cancel=False, order=a_new_order(state=state))
    with pytest.raises(CannotMap) as held:
        create_order(an_enriched_order(), clients(shop=shop))
    assert held.value.code == HoldCode.RESERVATION_UNCLEAR
    assert shop.calls == [CREATE, RESERVE, READ]


@pytest.mark.parametrize(
    ("there", "calls"),
    [
        (a_new_order(), [RESERVE, READ, REOPEN, READ, INVOICE]),
        (a_new_order(**HIDDEN), [REOPEN, READ, INVOICE]),
        (a_new_order(0), [INVOICE]),
        (a_new_order(0, **HIDDEN), []),
    ],
    ids=["marked", "hidden", "through", "cancelled by a person"],
)
def test_an_order_made_by_an_earlier_run_says_what_is_left(
    there: MagentoOrder, calls: list[tuple[Any, ...]]
) -> None:
    order, shop = an_enriched_order(), a_shop(order=there)
    ledger = SeededLedger(done={order_key(order): "900"})
    # It is all in the shop by now, so the setting of today no longer counts.
    assert create_order(order, clients(shop=shop, ledger=ledger, stock="none")) == Done()
    assert shop.calls == [READ, *calls]
    assert order.magento_state == ("processing" if calls else "canceled")


def test_a_reservation_that_the_ledger_knows_and_the_order_does_not_is_for_a_person() -> None:
    order, shop = an_enriched_order(), a_shop(order=a_new_order())
    ledger = SeededLedger(done=dict.fromkeys(keys_of(order, "order", "reserve"), "900"))
    with pytest.raises(CannotMap) as held:
        create_order(order, clients(shop=shop, ledger=ledger))
    assert held.value.code == HoldCode.RESERVATION_UNCLEAR
    assert shop.calls == [READ, READ]


def test_the_operators_status_follows_the_invoice() -> None:
    order, shop, ledger = an_enriched_order(), a_shop(), SeededLedger()
    assert create_order(order, clients(shop=shop, ledger=ledger, order_status="amazon")) == Done()
    assert shop.calls == [*RESERVED, INVOICE, REOPEN, READ]
    body = shop.bodies[-1]
    assert (body["state"], body["status"], body["total_paid"]) == (
        "processing",
        "amazon",
        Decimal("20.00"),
    )
    assert "items" not in body
    assert (order.magento_state, order.magento_status) == ("processing", "amazon")
    assert ledger.keys[-1:] == keys_of(order, "status")


@pytest.mark.parametrize(
    ("status", "settings"),
    [("UNSHIPPED", {"invoice": "leave"}), ("SHIPPED", {})],
    ids=["no invoice of ours", "complete"],
)
def test_an_order_that_is_not_open_and_invoiced_keeps_magentos_status(
    status: str, settings: dict[str, Any]
) -> None:
    order = an_enriched_order(status=status)
    shop = a_shop(create_order=a_new_order(0))
    assert create_order(order, clients(shop=shop, order_status="amazon", **settings)) == Done()
    assert ("update_order", 900) not in shop.calls


def test_a_status_that_the_shop_refuses_is_held_and_the_order_stays_right() -> None:
    order = an_enriched_order()
    done = dict.fromkeys(keys_of(order, "order", "reserve", "reopen", "invoice"), "900")
    refused = Rejected("no", status=400)
    shop = FakeShop(
        order=a_new_order(0, "processing", total_paid=Decimal("20.00")), update_order=refused
    )
    with pytest.raises(CannotMap) as held:
        create_order(
            order, clients(shop=shop, ledger=SeededLedger(done=done), order_status="amazon")
        )
    assert held.value.code == HoldCode.STATUS_REFUSED


@pytest.mark.parametrize(("state", "status"), [("processing", "amazon"), ("complete", "complete")])
def test_a_status_that_was_begun_is_not_given_to_an_order_that_has_it_or_went_on(
    state: str, status: str
) -> None:
    order = an_enriched_order()
    done = dict.fromkeys(keys_of(order, "order", "reserve", "reopen", "invoice"), "900")
    ledger = SeededLedger(done=done, begun=keys_of(order, "status"))
    shop = FakeShop(
        order=InTurn(a_new_order(0, "processing"), a_new_order(0, state, status=status))
    )
    assert create_order(order, clients(shop=shop, ledger=ledger, order_status="amazon")) == Done()
    assert shop.calls == [READ, READ]
