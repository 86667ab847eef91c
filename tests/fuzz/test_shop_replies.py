"""Every operation of the shop's client, whatever the shop answers: a value or one of our errors."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from pipeline.base.errors import CannotMap, RemoteError
from pipeline.magento.client import Magento
from pipeline.magento.order.body import OrderShape, build
from pipeline.magento.order.save_again import rewritten
from pipeline.magento.records import MagentoOrder, StoreView
from pipeline.magento.rest.books import Memo
from tests.fuzz.conftest import LIMITS, Shop
from tests.fuzz.spoiling import PLANS, Spoil, can_be_kept, looked_for
from tests.fuzz.tape import Recording, Replaying, Tape
from tests.magento.builders import EMAIL, NOW, a_body, amounts_of, an_order

STORE = StoreView(1, "default", 1, "base", "EUR", "DE")
_numbers = itertools.count(1)


class Placed:
    """Orders of a good past in the shop: one shipped, and one open."""

    def __init__(self, shop: Shop) -> None:
        client = shop.client()
        self.number = _number()
        self.order = self._order(client, self.number)
        self.id = self.order.entity_id
        client.invoices.create(self.id)
        client.orders.comment(self.id, "Told", "processing")
        self.full = client.orders.get(self.id)
        shop.control.tell(
            "ship", entity_id=self.id, tracks=[{"carrier_code": "dhl", "track_number": "T1"}]
        )
        self.open_id = self._order(client, _number()).entity_id
        self.customer_id = client.customers.create(_customer("first@buyers.example"), "default").id

    def _order(self, client: Magento, number: str) -> MagentoOrder:
        body = build(
            an_order(external_id=number),
            amounts_of(),
            products=client.catalog.products(["MUG-BLUE"], "default"),
            store=STORE,
            regions=(),
            customer_id=None,
            increment_id=None,
            shape=OrderShape.NEW,
        )
        return client.orders.create(body, "default")


def _number() -> str:
    return f"902-0000000-{next(_numbers):07}"


def _customer(email: str) -> dict[str, Any]:
    names = {"firstname": "Berta", "lastname": "Buyer"}
    return {"email": email, **names, "website_id": 1, "store_id": 1, "group_id": 1}


Call = Callable[[Magento, Placed], Any]

CALLS: Mapping[str, Call] = {
    "products": lambda shop, _: shop.catalog.products(["MUG-BLUE", "MUG-RED", "A,B"], "default"),
    "create_product": lambda shop, _: shop.catalog.create(
        {"sku": "PLACE-HOLDER", "name": "x", "attribute_set_id": 4, "price": 0, "type_id": "simple"}
    ),
    "product_at": lambda shop, _: shop.catalog.at_url_key("mug-blue"),
    "attribute_set": lambda shop, _: shop.catalog.attribute_set(),
    "salable": lambda shop, _: shop.inventory.salable({"MUG-BLUE": 1, "MUG-RED": 2}, "default"),
    "store_view": lambda shop, _: shop.directory.store_view("default"),
    "rate": lambda shop, _: shop.directory.rate(STORE, "USD"),
    "regions": lambda shop, _: shop.directory.regions("US", "default"),
    "sells_to": lambda shop, _: shop.directory.sells_to("US", "default"),
    "stocks": lambda shop, _: shop.inventory.stocks(),
    "open_lines": lambda shop, _: shop.orders.open_lines(2),
    "source_quantities": lambda shop, _: shop.inventory.source_quantities(["MUG-BLUE"], 1),
    "salable_quantity": lambda shop, _: shop.inventory.salable_quantity("MUG-BLUE", 1),
    "stock_item": lambda shop, _: shop.inventory.stock_item("MUG-BLUE"),
    "find_customer": lambda shop, _: shop.customers.find("first@buyers.example", 1),
    "customer": lambda shop, placed: shop.customers.get(placed.customer_id),
    "customer_body": lambda shop, _: shop.customers.body(an_order(), EMAIL, STORE, 1),
    "create_customer": lambda shop, _: shop.customers.create(_customer(EMAIL), "default"),
    "find_orders": lambda shop, placed: shop.orders.find(placed.number),
    "orders_numbered": lambda shop, placed: shop.orders.numbered([placed.number, "other"]),
    "orders": lambda shop, placed: shop.orders.by_ids([placed.id]),
    "order": lambda shop, placed: shop.orders.get(placed.id),
    "create_order": lambda shop, _: shop.orders.create(a_body(), "default"),
    "update_order": lambda shop, placed: shop.orders.save(
        rewritten(placed.full, state="processing", status="processing")
    ),
    "hold": lambda shop, placed: shop.orders.hold(placed.open_id),
    "unhold": lambda shop, placed: shop.orders.unhold(placed.open_id),
    "comment": lambda shop, placed: shop.orders.comment(placed.open_id, "Told", "pending"),
    "invoice": lambda shop, placed: shop.invoices.create(placed.open_id),
    "invoices": lambda shop, placed: shop.invoices.of_orders([placed.id]),
    "cancel": lambda shop, placed: shop.orders.cancel(placed.id),
    "books": lambda shop, placed: shop.credit_memos.books(placed.id),
    "refund_units": lambda shop, placed: shop.credit_memos.refund_units(
        placed.id, Memo({placed.order.items[0].item_id: Decimal(1)}, Decimal(0))
    ),
    "newest_memo": lambda shop, placed: shop.credit_memos.newest(placed.id),
    "refund": lambda shop, placed: shop.credit_memos.refund(placed.open_id, []),
    "find_comment": lambda shop, placed: shop.orders.find_comment(placed.id, "Told"),
    "shipments": lambda shop, placed: shop.shipments.of_orders([placed.id]),
    "credit_memos": lambda shop, _: shop.credit_memos.since(NOW - timedelta(days=3650)),
    "send_nonsense": lambda shop, _: shop.probes.send_nonsense(),
    "largest_page": lambda shop, _: shop.probes.largest_page(300),
}


@pytest.fixture(scope="module")
def placed(shop: Shop) -> Placed:
    return Placed(shop)


@pytest.fixture(scope="module")
def tapes(shop: Shop, placed: Placed) -> Mapping[str, Tape]:
    """What the shop answers to each call."""
    kept = {}
    for name, call in CALLS.items():
        http = Recording(shop.url, **LIMITS)
        with contextlib.suppress(RemoteError, CannotMap):
            call(shop.client(http), placed)
        kept[name] = http.tape
    return kept


@pytest.mark.parametrize("name", CALLS)
@looked_for(20)
@given(plan=PLANS)
def test_a_call_ends_in_a_value_or_in_one_of_our_errors(
    name: str, plan: tuple[Spoil | None, ...], shop: Shop, placed: Placed, tapes: Mapping[str, Tape]
) -> None:
    http = Replaying(shop.url, tape=tapes[name], plan=plan)
    try:
        CALLS[name](shop.client(http), placed)
    except (RemoteError, CannotMap) as error:
        can_be_kept(error)


def test_the_shop_answers_every_call(tapes: Mapping[str, Tape]) -> None:
    """Else there would be nothing to spoil."""
    refused = {
        name
        for name, tape in tapes.items()
        if not any(reply.status == 200 for reply in tape.values()) and name != "largest_page"
    }
    assert refused == {"send_nonsense"}
