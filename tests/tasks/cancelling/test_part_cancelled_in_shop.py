"""A part of an order cancelled on Amazon, in a shop: the stand-in, and a real ledger."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from pipeline.base.db import Sessions
from pipeline.base.errors import CannotMap, OutcomeUnknown, Transient
from pipeline.orders.ledger import Ledger
from pipeline.orders.outcome import Done, Hold, HoldCode, Wait
from pipeline.orders.tables import Order
from tests.amazon.orders import breakdown, money
from tests.builders import a_shipment, an_item, an_order
from tests.magento.standing_in import StandIn, client_of
from tests.tasks.as_run import ship_order
from tests.tasks.fakes import clients
from tests.tasks.placed import SETTLED, Place, a_line

LINES = (a_line("I1", "A", 3), a_line("I2", "B", 2))
LEAVE = {"invoice": "leave"}


@pytest.fixture
def shop(one_shop: StandIn) -> StandIn:
    """A shop that sells 100 A and 10 B."""
    one_shop.tell("reset")
    one_shop.tell("products", sku="A", qty=100)
    one_shop.tell("products", sku="B", qty=10)
    return one_shop


class Cut:
    """An order in the shop of which Amazon then wants less."""

    def __init__(self, place: Place, *lines: Mapping[str, Any], version: str = "2.4.7") -> None:
        self.place, self.version = place, version
        outcome, self.placed = place.through()
        assert outcome == Done()
        self.quantities = {item.external_item_id: item.quantity for item in self.placed.items}
        self.wants(*lines)

    def wants(self, *lines: Mapping[str, Any]) -> None:
        """What Amazon says of the order from now on."""
        self.raw = deepcopy(self.place.raw)
        self.raw["orderItems"] = [dict(line) for line in lines]
        total = sum(
            (Decimal(line["proceeds"]["proceedsTotal"]["amount"]) for line in lines), Decimal(0)
        )
        self.raw["proceeds"]["grandTotal"] = money(f"{total:.2f}")
        self.total = total

    def run(self, **changes: Any) -> tuple[Any, Order]:
        """One worker's run of `ship_order`, with what the database knows."""
        place, placed = self.place, self.placed
        items = [
            an_item(
                external_item_id=item.external_item_id,
                sku=item.sku,
                quantity=self.quantities[item.external_item_id],
                product=item.product,
                magento_item_id=item.magento_item_id,
            )
            for item in placed.items
        ]
        known = {
            "magento_order_id": placed.magento_order_id,
            "magento_state": placed.magento_state,
            "magento_status": placed.magento_status,
            "magento_invoiced": place.total if place.settings.get("invoice") != "leave" else None,
            "total_proof": {"grand_total": str(place.total)},
        }
        order = an_order(raw=self.raw, id=place.id, items=items, **{**known, **changes})
        ledger = Ledger(place.sessions, lambda: place.now)
        ready = clients(shop=client_of(place.shop.url), ledger=ledger, **place.settings)
        shops = {
            name: shop.model_copy(update={"version": self.version})
            for name, shop in ready.settings.shops.items()
        }
        settings = ready.settings.model_copy(update={"shops": shops})
        ready = replace(ready, settings=settings, in_force=lambda: settings, now=lambda: place.now)
        outcome = ship_order(order, ready)
        if not isinstance(outcome, Hold):
            self.quantities = {item.external_item_id: item.quantity for item in order.items}
        return outcome, order

    def through(self, **changes: Any) -> tuple[Any, Order]:
        """Run it until a worker comes to an end, each a while after the one before."""
        for _ in range(3):
            try:
                return self.run(**changes)
            except (OutcomeUnknown, Transient):
                self.place.now += SETTLED
        return self.run(**changes)

    def there(self) -> Any:
        return self.place.shop.rest("GET", f"/orders/{self.placed.magento_order_id}")

    def memos(self) -> list[Any]:
        query = "searchCriteria[pageSize]=9"
        found: list[Any] = self.place.shop.rest("GET", f"/creditmemos?{query}")["items"]
        return found


def cut(shop: StandIn, sessions: Sessions, *lines: Any, **settings: Any) -> Cut:
    return Cut(Place(shop, sessions, LINES, settings=settings), *lines)


ONE_LESS = (a_line("I1", "A", 2), a_line("I2", "B", 2))
WAITS = "waiting for the warehouse"


def test_an_invoiced_order_gives_back_units_and_money_with_a_credit_memo(
    shop: StandIn, sessions: Sessions
) -> None:
    less = cut(shop, sessions, *ONE_LESS)
    outcome, order = less.run()
    assert isinstance(outcome, Wait)
    assert outcome.reason == WAITS
    assert [item.quantity for item in order.items] == [2, 2]
    assert (order.grand_total, order.magento_refunded) == (Decimal(40), Decimal(10))
    in_shop = less.there()
    assert (in_shop["state"], in_shop["grand_total"], in_shop["total_refunded"]) == (
        "processing",
        50,
        10,
    )
    assert [memo["grand_total"] for memo in less.memos()] == [10]
    assert (shop.stock("A"), shop.stock("B")) == ((100, -2, 98), (10, -2, 8))
    shop.rest("POST", f"/order/{in_shop['entity_id']}/ship", {"items": [
        {"order_item_id": in_shop["items"][0]["item_id"], "qty": 2},
        {"order_item_id": in_shop["items"][1]["item_id"], "qty": 2},
    ]})  # fmt: skip
    assert (shop.stock("A"), shop.stock("B")) == ((98, 0, 98), (8, 0, 8))
    assert shop.ask("mails") == []


def test_a_second_reduction_is_a_memo_of_its_own(shop: StandIn, sessions: Sessions) -> None:
    less = cut(shop, sessions, *ONE_LESS)
    less.run()
    less.wants(a_line("I1", "A", 2), a_line("I2", "B", 0))
    outcome, order = less.run()
    assert outcome.reason == WAITS
    assert [item.quantity for item in order.items] == [2, 0]
    assert [memo["grand_total"] for memo in less.memos()] == [10, 20]
    assert (shop.stock("A"), shop.stock("B")) == ((100, -2, 98), (10, 0, 10))
    less.run()
    assert len(less.memos()) == 2


def priced(quantity: int, item: str, tax: str, shipping: str, discount: str) -> dict[str, Any]:
    total = sum(map(Decimal, (item, tax, shipping, discount)), Decimal(0))
    return {
        **a_line("I1", "A", quantity),
        "product": {"sellerSku": "A", "title": "A"},
        "proceeds": {
            "proceedsTotal": money(f"{total:.2f}"),
            "breakdowns": [
                breakdown("ITEM", item),
                breakdown("SHIPPING", shipping),
                breakdown("TAX", tax, {"ITEM": tax}),
                breakdown("DISCOUNT", discount, {"ITEM": discount}),
            ],
        },
    }


@pytest.mark.parametrize("invoice", ["create", "leave"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("30.00", "5.70", "4.99", "-3.00"), ("20.00", "3.80", "4.99", "-2.00")),
        (("29.97", "5.69", "4.99", "-1.00"), ("19.98", "3.80", "3.33", "-0.67")),
        (("10.00", "1.90", "0.00", "-1.00"), ("6.67", "1.27", "0.00", "0.00")),
        (("10.00", "1.90", "0.00", "0.00"), ("9.00", "1.71", "0.00", "0.00")),
    ],
    ids=["shipping stays", "shipping falls", "promotion lost", "little less"],
)
def test_the_total_is_amazons_to_the_cent(
    shop: StandIn, sessions: Sessions, before: Any, after: Any, invoice: str
) -> None:
    place = Place(shop, sessions, [priced(3, *before)], settings={"invoice": invoice})
    less = Cut(place, priced(2, *after))
    outcome, _ = less.run()
    assert outcome.reason == WAITS
    in_shop = less.there()
    if invoice == "leave":
        shop.rest("POST", f"/order/{in_shop['entity_id']}/invoice", {"capture": True})
        in_shop = less.there()
        assert Decimal(str(in_shop["total_paid"])) == less.total
    net = Decimal(str(in_shop["grand_total"])) - Decimal(str(in_shop.get("total_refunded", 0)))
    assert net == less.total
    assert shop.stock("A") == (100, -2, 98)


@pytest.mark.parametrize("kind", ["cut_before", "cut_after", "html", "html_after"])
def test_a_memo_whose_answer_is_lost_is_made_once(
    shop: StandIn, sessions: Sessions, kind: str
) -> None:
    less = cut(shop, sessions, *ONE_LESS)
    shop.tell("faults", route="refund", kind=kind, status=500)
    outcome, order = less.through()
    assert outcome.reason == WAITS
    assert [item.quantity for item in order.items] == [2, 2]
    assert [memo["grand_total"] for memo in less.memos()] == [10]
    assert shop.stock("A") == (100, -2, 98)


def test_a_sum_that_cannot_be_right_is_held_before_anything_is_sent(
    shop: StandIn, sessions: Sessions
) -> None:
    dearer = {**a_line("I1", "A", 2), "product": {"sellerSku": "A", "title": "A"}}
    dearer["proceeds"] = a_line("I1", "A", 4)["proceeds"]
    less = cut(shop, sessions, dearer, a_line("I2", "B", 2))
    outcome, _ = less.run()
    assert isinstance(outcome, Hold)
    assert outcome.code == HoldCode.PARTLY_CANCELLED
    assert outcome.facts == {"magento": "50", "amazon": "60.00"}
    assert less.memos() == []


@pytest.mark.parametrize("settings", [{}, LEAVE], ids=["invoiced", "not invoiced"])
def test_units_that_have_left_are_a_persons(
    shop: StandIn, sessions: Sessions, settings: dict[str, str]
) -> None:
    less = cut(shop, sessions, *ONE_LESS, **settings)
    shop.tell("ship", entity_id=less.placed.magento_order_id, items=[{"sku": "A", "qty": 3}])
    outcome, order = less.run()
    assert outcome == Hold(
        HoldCode.PARTLY_CANCELLED,
        "Amazon cancelled 1 of 3 A: take them off Magento's order with a credit memo, and the "
        "order goes on by itself",
        {"sku": "A", "quantity": "2"},
    )
    assert [item.quantity for item in order.items] == [3, 2]
    assert less.memos() == []


MARK = {"route": "create_order"}
CANCEL = {"route": "cancel_order"}
SAVE = {"route": "create_order", "contains": '"subtotal"'}


@pytest.mark.parametrize("kind", [None, "cut_before", "cut_after", "html", "html_after"])
@pytest.mark.parametrize("call", [MARK, CANCEL, SAVE], ids=["mark", "cancel", "save"])
def test_an_order_without_invoice_is_lowered_and_gives_back_its_stock_once(
    shop: StandIn, sessions: Sessions, call: dict[str, str], kind: str | None
) -> None:
    less = cut(shop, sessions, *ONE_LESS, **LEAVE)
    if kind is not None:
        shop.tell("faults", kind=kind, status=500, **call)
    # Whatever the watch saw of it meanwhile.
    outcome, order = less.through(magento_state="canceled" if kind else "new")
    assert isinstance(outcome, Wait)
    assert outcome.reason == WAITS
    assert [item.quantity for item in order.items] == [2, 2]
    assert order.cancel_reason is None
    in_shop = less.there()
    assert (in_shop["state"], in_shop["status"], in_shop["grand_total"]) == ("new", "pending", 40)
    assert [(item["qty_shipped"], item["qty_canceled"]) for item in in_shop["items"]] == [
        (0, 1),
        (0, 0),
    ]
    assert (shop.stock("A"), shop.stock("B")) == ((100, -2, 98), (10, -2, 8))
    shop.rest("POST", f"/order/{in_shop['entity_id']}/invoice", {"capture": True})
    shop.rest("POST", f"/order/{in_shop['entity_id']}/ship", {"notify": False})
    in_shop = less.there()
    assert (in_shop["state"], in_shop["total_paid"], in_shop["total_due"]) == ("complete", 40, 0)
    assert (shop.stock("A"), shop.stock("B")) == ((98, 0, 98), (8, 0, 8))
    info = {
        one["key"]: one["value"]
        for one in in_shop["extension_attributes"]["payment_additional_info"]
    }
    assert info["amazon_order_id"] == less.raw["orderId"]


def test_what_has_left_of_an_order_without_invoice_stays_shipped(
    shop: StandIn, sessions: Sessions
) -> None:
    less = cut(shop, sessions, *ONE_LESS, **LEAVE)
    shop.tell("ship", entity_id=less.placed.magento_order_id, items=[{"sku": "A", "qty": 1}])
    shipment = a_shipment(items={less.placed.items[0].magento_item_id or 0: 1}, tracking_number="")
    outcome, order = less.run(magento_state="processing", shipments=[shipment])
    assert isinstance(outcome, Wait)
    assert [item.quantity for item in order.items] == [2, 2]
    in_shop = less.there()
    assert (in_shop["state"], in_shop["grand_total"]) == ("processing", 40)
    assert [(item["qty_shipped"], item["qty_canceled"]) for item in in_shop["items"]] == [
        (1, 1),
        (0, 0),
    ]
    assert shop.stock("A") == (99, -1, 98)


@pytest.mark.parametrize("stock", ["server", "none"])
def test_without_reservations_of_ours_one_save_lowers_the_order(
    shop: StandIn, sessions: Sessions, stock: str
) -> None:
    less = cut(shop, sessions, *ONE_LESS, stock=stock, **LEAVE)
    outcome, _ = less.run()
    assert outcome.reason == WAITS
    in_shop = less.there()
    assert (in_shop["state"], in_shop["grand_total"]) == ("new", 40)
    assert [item["qty_canceled"] for item in in_shop["items"]] == [1, 0]
    assert "cancel_order" not in shop.answered()
    assert shop.stock("A") == (100, 0, 100)


def test_before_2_4_7_an_unanswered_cancellation_is_a_persons(
    shop: StandIn, sessions: Sessions
) -> None:
    place = Place(shop, sessions, LINES, settings=LEAVE, version="2.4.6")
    less = Cut(place, *ONE_LESS, version="2.4.6")
    shop.tell("faults", route="cancel_order", kind="cut_before")
    with pytest.raises(CannotMap) as held:
        less.through()
    assert held.value.code == HoldCode.PARTLY_CANCELLED
    assert "before 2.4.7" in held.value.reason


@pytest.mark.parametrize("settings", [{}, LEAVE], ids=["invoiced", "not invoiced"])
def test_a_reduction_takes_few_calls(
    shop: StandIn, sessions: Sessions, settings: dict[str, str]
) -> None:
    less = cut(shop, sessions, *ONE_LESS, **settings)
    before = shop.answered()
    less.run()
    calls = {
        route: count - before.get(route, 0)
        for route, count in shop.answered().items()
        if count > before.get(route, 0)
    }
    print(f"reduction, {settings or 'invoiced'}: {calls}")  # noqa: T201
    assert calls == (
        {"order": 6, "shipments": 1, "create_order": 2, "cancel_order": 1}
        if settings
        else {"order": 4, "refund": 1, "creditmemos": 1}
    )
