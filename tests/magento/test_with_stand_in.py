"""The client and the order body against the Magento stand-in, signed in with OAuth."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from pipeline.base.errors import CannotMap, OutcomeUnknown, Rejected
from pipeline.magento.client import Magento
from pipeline.magento.order.body import OrderShape, build, differences
from pipeline.magento.records import MagentoOrder, Product, StoreView
from pipeline.orders.amounts import Adjustment, Amounts, LineAmounts
from pipeline.orders.channel_order import FulfilledBy
from pipeline.settings.model import ShopSettings
from sandbox.core import Store, make
from sandbox.magento.app import create_app
from sandbox.magento.schema import SCHEMA
from tests.magento.builders import EMAIL, a_line, amounts_of, an_address, an_order

SKUS = ("MUG-BLUE", "mug-red ", "OFF-1", "CONF-1", "SLASH/SKU+1", "COMMA,SKU", "NOPE")


class StandIn:
    """The shop's control routes."""

    def __init__(self, url: str) -> None:
        self.url = url

    def tell(self, what: str, **body: Any) -> Any:
        answer = requests.post(f"{self.url}/_control/{what}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def ask(self, what: str) -> Any:
        return requests.get(f"{self.url}/_control/{what}", timeout=10).json()


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    store = Store(tmp_path / "shop.sqlite", SCHEMA)
    server = make(create_app(store, bearer=False), 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield StandIn(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()
    thread.join()
    store.close()


def signed_in(url: str, **changes: str) -> Magento:
    settings = ShopSettings.model_validate(
        {
            "base_url": url,
            "auth": "oauth",
            "consumer_key": "sandbox-ck",
            "consumer_secret": "sandbox-cs",
            "access_token": "sandbox-at",
            "access_token_secret": "sandbox-ats",
            **changes,
        }
    )
    return Magento("main", settings, now=lambda: datetime.now(UTC), sleep=lambda _: None)


@pytest.fixture
def magento(stand_in: StandIn) -> Magento:
    return signed_in(stand_in.url)


def placed(
    magento: Magento,
    shape: OrderShape = OrderShape.NEW,
    amounts: Amounts | None = None,
    increment_id: str | None = None,
    **changes: Any,
) -> MagentoOrder:
    """An order of two blue mugs in the shop."""
    return magento.orders.create(
        build(
            an_order(**changes),
            amounts or amounts_of(),
            products=magento.catalog.products(["MUG-BLUE"], "default"),
            store=magento.directory.store_view("default"),
            regions=magento.directory.regions("US", "default"),
            customer_id=None,
            increment_id=increment_id,
            shape=shape,
        ),
        "default",
    )


def test_reads_the_catalogue_whatever_is_in_a_sku(magento: Magento) -> None:
    products = magento.catalog.products(SKUS, "default")
    assert sorted(products) == sorted(set(SKUS) - {"NOPE"})
    assert isinstance(products["mug-red "], Product)
    assert products["mug-red "].sku == "MUG-RED"
    assert not products["OFF-1"].enabled
    assert products["CONF-1"].type_id == "configurable"


def test_knows_what_can_be_sold(magento: Magento) -> None:
    wanted = {"MUG-BLUE": 100, "MUG-RED": 101, "OUT-1": 1, "SLASH/SKU+1": 10, "COMMA,SKU": 11}
    assert magento.inventory.salable(wanted, "default") == {
        "MUG-BLUE": True,
        "MUG-RED": False,
        "OUT-1": False,
        "SLASH/SKU+1": True,
        "COMMA,SKU": False,
    }


def test_asks_stock_items_where_there_is_nothing_better(
    stand_in: StandIn, magento: Magento
) -> None:
    stand_in.tell(
        "faults",
        kind="status",
        status=404,
        contains="stock-resolver",
        body={"message": "Request does not match any route."},
    )
    wanted = {"MUG-BLUE": 100, "MUG-RED": 101, "SLASH/SKU+1": 1, "NOPE": 1}
    assert magento.inventory.salable(wanted, "default") == {
        "MUG-BLUE": True,
        "MUG-RED": False,
        "SLASH/SKU+1": True,
        "NOPE": False,
    }


def test_reads_store_views_and_regions(magento: Magento) -> None:
    view = magento.directory.store_view("amazon_fba")
    assert isinstance(view, StoreView)
    assert (view.id, view.website_code, view.base_currency) == (2, "base", "EUR")
    with pytest.raises(CannotMap):
        magento.directory.store_view("nope")
    california = [
        region for region in magento.directory.regions("US", "default") if region.code == "CA"
    ]
    assert [region.name for region in california] == ["California"]
    assert magento.directory.regions("GB", "default") == ()


def test_an_order_is_created_found_invoiced_shipped_and_complete(
    stand_in: StandIn, magento: Magento
) -> None:
    amounts = amounts_of(gift_wrap_net="2.00", shipping_net="4.99", discount_net="3.33")
    created = placed(magento, amounts=amounts, lines=(a_line(gift_message="Enjoy 🎁"),))
    assert differences(created, amounts) is None
    (order,) = magento.orders.find("902-1234567-1234567")
    assert order.items == magento.orders.get(created.entity_id).items
    assert magento.orders.find("902-1234567-1234567", 2) == []

    invoice_id = magento.invoices.create(created.entity_id)
    (invoice,) = magento.invoices.of_orders([created.entity_id])[created.entity_id]
    assert (invoice.entity_id, invoice.grand_total) == (int(invoice_id), amounts.grand_total)
    paid = magento.orders.get(created.entity_id)
    assert (paid.state, paid.total_paid) == ("processing", amounts.grand_total)
    magento.orders.comment(created.entity_id, "Ready to go", paid.status)
    assert magento.orders.cancel(created.entity_id) is False

    stand_in.tell(
        "ship",
        entity_id=created.entity_id,
        tracks=[{"carrier_code": "dhl", "title": "DHL", "track_number": "0034"}],
    )
    assert magento.orders.by_ids([created.entity_id, 999])[created.entity_id].state == "complete"
    (shipment,) = magento.shipments.of_orders([created.entity_id])
    mug = next(item for item in paid.items if item.ext_order_item_id == "I1")
    assert shipment.items == {mug.item_id: Decimal(2)}
    assert [(track.carrier_code, track.number) for track in shipment.tracks] == [("dhl", "0034")]
    assert stand_in.ask("mails") == []


@pytest.mark.parametrize("wrapped", ["0", "2.00"])
def test_what_has_left_already_is_complete_and_takes_no_stock(
    stand_in: StandIn, magento: Magento, wrapped: str
) -> None:
    created = placed(
        magento,
        OrderShape.COMPLETE,
        amounts_of(gift_wrap_net=wrapped),
        fulfilled_by=FulfilledBy.AMAZON,
        address=None,
    )
    magento.invoices.create(created.entity_id)
    done = magento.orders.get(created.entity_id)
    assert (done.state, done.status) == ("complete", "complete")
    assert done.total_paid == done.grand_total
    stock = stand_in.ask("stock/MUG-BLUE")
    assert (stock["source"], stock["reservations_sum"]) == (100, 0)


def test_what_has_left_in_part_leaves_the_rest_to_ship(stand_in: StandIn, magento: Magento) -> None:
    created = placed(magento, OrderShape.PARTLY, lines=(a_line(quantity_fulfilled=1),))
    magento.invoices.create(created.entity_id)
    assert magento.orders.get(created.entity_id).state == "processing"
    stand_in.tell("ship", entity_id=created.entity_id)
    (shipment,) = magento.shipments.of_orders([created.entity_id])
    assert list(shipment.items.values()) == [Decimal(1)]
    assert magento.orders.get(created.entity_id).state == "complete"


@pytest.mark.parametrize("adjusted", ["-0.01", "0.01", "-47.00"])
def test_the_invoice_takes_amazons_total_to_the_cent(magento: Magento, adjusted: str) -> None:
    money = LineAmounts(
        row_net=Decimal("33.33"),
        tax=Decimal("6.01"),
        discount_net=Decimal("1.67"),
        shipping_net=Decimal("20.17"),
        shipping_tax=Decimal("3.49"),
        shipping_discount_net=Decimal("1.81"),
        gift_wrap_net=Decimal("1.68"),
    )
    off = Decimal(adjusted)
    amounts = Amounts("EUR", money.total + off, {"I1": money}, (Adjustment("Other", off),))
    created = placed(magento, amounts=amounts, lines=(a_line(quantity=7),))
    magento.invoices.create(created.entity_id)
    (invoice,) = magento.invoices.of_orders([created.entity_id])[created.entity_id]
    assert invoice.grand_total == amounts.grand_total


def test_a_number_is_taken_once_and_adopted_after_a_lost_answer(
    stand_in: StandIn, magento: Magento
) -> None:
    stand_in.tell("faults", route="create_order", kind="cut_after")
    with pytest.raises(OutcomeUnknown):
        placed(magento, increment_id="AMZ-1")
    (order,) = magento.orders.find("902-1234567-1234567")
    assert order.increment_id == "AMZ-1"
    with pytest.raises(Rejected) as caught:
        placed(magento, increment_id="AMZ-1")
    assert caught.value.code == "unique"


def test_maintenance_leaves_a_write_unknown(stand_in: StandIn, magento: Magento) -> None:
    created = placed(magento)
    stand_in.tell("maintenance", on=True)
    with pytest.raises(OutcomeUnknown):
        magento.invoices.create(created.entity_id)


def test_an_order_is_cancelled(magento: Magento) -> None:
    created = placed(magento)
    assert magento.orders.cancel(created.entity_id) is True
    assert magento.orders.get(created.entity_id).state == "canceled"


def test_an_invoiced_order_is_refunded_and_closed(magento: Magento) -> None:
    created = placed(magento, amounts=amounts_of(shipping_net="4.99", gift_wrap_net="2.00"))
    magento.invoices.create(created.entity_id)
    goods = [item.item_id for item in created.items if item.ext_order_item_id]
    magento.credit_memos.refund(created.entity_id, goods)
    assert magento.orders.get(created.entity_id).state == "closed"


def test_a_customer_is_created_once_and_found_in_any_case(
    stand_in: StandIn, magento: Magento
) -> None:
    store = magento.directory.store_view("default")
    assert magento.customers.find(EMAIL, store.website_id) is None
    order = an_order(
        buyer_name="Jürgen & Söhne 😀",
        address=an_address(country="US", region="californiA 92025-1501", city="San Diego"),
    )
    body = magento.customers.body(order, EMAIL, store, 3)
    created = magento.customers.create(body, store.code)
    assert created.group_id == 3
    assert magento.customers.find(EMAIL.upper(), store.website_id) == created
    assert magento.customers.get(created.id) == created
    assert magento.customers.get(created.id + 1) is None
    with pytest.raises(Rejected):
        magento.customers.create(body, store.code)
    assert [mail["to_customer_id"] for mail in stand_in.ask("mails")] == [created.id]


def test_names_and_addresses_arrive_without_question_marks(magento: Magento) -> None:
    created = placed(
        magento,
        buyer_name="Bärbel 😀 Büyükçe",
        address=an_address(lines=("Straße 1 🏠", "<script>alert(1)</script>")),
    )
    assert created.entity_id > 0


def test_a_wrong_key_says_what_to_do(stand_in: StandIn) -> None:
    stranger = signed_in(stand_in.url, consumer_secret="wrong")
    with pytest.raises(Rejected, match="integration is active") as caught:
        stranger.orders.get(1)
    assert caught.value.code == "Unauthorized"


def test_a_shop_that_does_not_allow_bearer_says_so(stand_in: StandIn) -> None:
    with pytest.raises(Rejected, match='auth = "oauth"'):
        signed_in(stand_in.url, auth="bearer").orders.get(1)


FREE = Amounts("EUR", Decimal(0), {"I1": LineAmounts()})


def test_a_free_replacement_is_invoiced_shipped_and_complete(
    stand_in: StandIn, magento: Magento
) -> None:
    created = placed(magento, amounts=FREE, replaces="902-0")
    assert (differences(created, FREE), created.grand_total) == (None, Decimal(0))
    magento.invoices.create(created.entity_id)
    assert magento.orders.get(created.entity_id).state == "processing"
    stand_in.tell("ship", entity_id=created.entity_id)
    assert magento.orders.get(created.entity_id).state == "complete"


def test_a_free_replacement_that_amazon_sent_is_complete(magento: Magento) -> None:
    created = placed(
        magento, OrderShape.COMPLETE, FREE, fulfilled_by=FulfilledBy.AMAZON, replaces="902-0"
    )
    magento.invoices.create(created.entity_id)
    assert magento.orders.get(created.entity_id).state == "complete"


def test_a_free_replacement_can_be_taken_back(magento: Magento) -> None:
    created = placed(magento, amounts=FREE)
    magento.invoices.create(created.entity_id)
    assert magento.orders.cancel(created.entity_id) is False
    magento.credit_memos.refund(created.entity_id, [item.item_id for item in created.items])
    assert magento.orders.get(created.entity_id).state == "closed"
