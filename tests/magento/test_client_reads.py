"""Reads, over a socket: what is asked, and what becomes of each answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pipeline.errors import CannotMap, Rejected, Transient
from pipeline.magento.client import Magento
from pipeline.magento.records import (
    Invoice,
    MagentoItem,
    MagentoOrder,
    MagentoShipment,
    Region,
    StoreView,
    Track,
)
from pipeline.outcome import HoldCode
from tests.magento.conftest import Asked, Clock, Shop

CONFIG = {
    "id": 2,
    "code": "amazon_fba",
    "website_id": 3,
    "base_currency_code": "EUR",
    "locale": "de_AT",
}
WEBSITES = [{"id": 0, "code": "admin"}, {"id": 3, "code": "eu"}]
NO_ROUTE = {"message": "Request does not match any route."}
NO_ENTITY = {"message": "The entity that was requested doesn't exist."}


def filters(asked: Asked) -> list[tuple[str, str, str]]:
    """Field, condition and value of every filter, in order."""
    stem = "searchCriteria[filterGroups]"
    names = [name for name in asked.query if name.startswith(stem) and name.endswith("[field]")]
    return [
        (
            asked.query[name],
            asked.query[name.replace("[field]", "[conditionType]")],
            asked.query[name.replace("[field]", "[value]")],
        )
        for name in names
    ]


def page_of(asked: Asked) -> tuple[str, str, str]:
    return (
        asked.query["searchCriteria[sortOrders][0][field]"],
        asked.query["searchCriteria[currentPage]"],
        asked.query["searchCriteria[pageSize]"],
    )


def a_page(*items: dict[str, Any], total: int | None = None) -> dict[str, Any]:
    return {"items": list(items) or None, "total_count": len(items) if total is None else total}


def a_product(number: int, sku: str, **changes: Any) -> dict[str, Any]:
    return {"id": number, "sku": sku, "name": sku, "type_id": "simple", "status": 1, **changes}


def test_products_are_one_search_keyed_by_what_was_asked(shop: Shop, magento: Magento) -> None:
    shop.answers(a_page(a_product(1, "MUG-BLUE", weight="0.4"), a_product(2, "A,B", status=2)))
    found = magento.products(["mug-blue", "MUG-BLUE ", "A,B", "NOPE", ""], "default")
    assert {sku: product.id for sku, product in found.items()} == {
        "mug-blue": 1,
        "MUG-BLUE ": 1,
        "A,B": 2,
    }
    assert found["mug-blue"].weight == Decimal("0.4")
    assert [found[sku].enabled for sku in ("mug-blue", "A,B")] == [True, False]
    (asked,) = shop.asked
    assert (asked.method, asked.path) == ("GET", "/rest/default/V1/products")
    assert filters(asked) == [("sku", "in", "mug-blue,MUG-BLUE,NOPE"), ("sku", "eq", "A,B")]
    assert page_of(asked) == ("entity_id", "1", "100")
    assert asked.query["fields"] == "items[id,sku,name,type_id,status,weight],total_count"
    assert asked.headers["Authorization"] == "Bearer the-token"
    assert asked.headers["Accept"] == "application/json"


def test_no_skus_no_call(magento: Magento) -> None:
    assert magento.products([], "default") == {}
    assert magento.products(["", " "], "default") == {}
    assert magento.salable({}, "default") == {}
    assert magento.orders([]) == {}
    assert magento.shipments([]) == []
    assert magento.invoices([]) == {}


def test_a_store_view_is_read_once_in_ten_minutes(
    shop: Shop, magento: Magento, clock: Clock
) -> None:
    shop.answers([{"code": "default"}, CONFIG], WEBSITES)
    view = StoreView(2, "amazon_fba", 3, "eu", "EUR", "AT")
    assert magento.store_view("amazon_fba") == view
    clock.at += timedelta(minutes=9)
    assert magento.store_view("amazon_fba") == view
    assert [asked.path for asked in shop.asked] == [
        "/rest/amazon_fba/V1/store/storeConfigs",
        "/rest/amazon_fba/V1/store/websites",
    ]
    clock.at += timedelta(minutes=2)
    shop.answers([CONFIG], WEBSITES)
    assert magento.store_view("amazon_fba") == view
    assert len(shop.asked) == 4


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"message": "Specified request cannot be processed."}),
        (404, NO_ROUTE),
        (200, [{"code": "default"}]),
    ],
)
def test_an_unknown_store_view_holds_the_order(
    shop: Shop, magento: Magento, status: int, body: Any
) -> None:
    shop.answers_with(status, body)
    with pytest.raises(CannotMap, match='no store view "nope"') as caught:
        magento.store_view("nope")
    assert caught.value.code == HoldCode.STORE_UNKNOWN


def test_a_refused_sign_in_is_no_unknown_store_view(shop: Shop, magento: Magento) -> None:
    shop.answers_with(401, {"message": "no"})
    with pytest.raises(Rejected) as caught:
        magento.store_view("default")
    assert caught.value.code == "Unauthorized"


def test_regions_are_kept(shop: Shop, magento: Magento) -> None:
    shop.answers({"id": "US", "available_regions": [{"id": "12", "code": "CA", "name": "Cal"}]})
    assert magento.regions("US", "default") == (Region(12, "CA", "Cal"),)
    assert magento.regions("US", "default") == (Region(12, "CA", "Cal"),)
    assert [asked.path for asked in shop.asked] == ["/rest/default/V1/directory/countries/US"]


def test_a_country_may_have_no_regions_or_not_be_allowed(shop: Shop, magento: Magento) -> None:
    shop.answers({"id": "GB"})
    shop.answers_with(404, {"message": "The country isn't available."})
    assert magento.regions("GB", "default") == ()
    assert magento.regions("XX", "default") == ()


def stock_of(shop: Shop) -> None:
    shop.answers([CONFIG], WEBSITES, {"stock_id": 4})


def test_salability_counts_reservations_in_one_call(shop: Shop, magento: Magento) -> None:
    stock_of(shop)
    shop.answers(
        [
            {"sku": "MUG", "stock_id": 4, "salable": True, "errors": []},
            {"sku": "Tee", "stock_id": 4, "salable": False, "errors": [{"code": "x"}]},
        ]
    )
    assert magento.salable({"MUG": 2, "TEE": 3}, "amazon_fba") == {"MUG": True, "TEE": False}
    assert shop.asked[2].path == "/rest/amazon_fba/V1/inventory/stock-resolver/website/eu"
    asked = shop.asked[3]
    assert asked.path == ("/rest/amazon_fba/V1/inventory/are-product-salable-for-requested-qty/")
    assert asked.query == {
        "stockId": "4",
        "skuRequests[0][sku]": "MUG",
        "skuRequests[0][qty]": "2",
        "skuRequests[1][sku]": "TEE",
        "skuRequests[1][qty]": "3",
    }
    shop.answers([])
    assert magento.salable({"LAMP": 1}, "amazon_fba") == {"LAMP": False}
    assert len(shop.asked) == 5


def test_salability_is_asked_for_ten_skus_at_a_time(shop: Shop, magento: Magento) -> None:
    stock_of(shop)
    wanted = {f"S{number}": 1 for number in range(12)}
    rows = [{"sku": sku, "salable": True} for sku in wanted]
    shop.answers(rows[:10], rows[10:])
    assert magento.salable(wanted, "amazon_fba") == dict.fromkeys(wanted, True)


@pytest.mark.parametrize(
    ("item", "is_salable"),
    [
        ({"qty": 5, "is_in_stock": True, "manage_stock": True}, True),
        ({"qty": 5, "min_qty": 1, "is_in_stock": True}, False),
        ({"qty": 5, "is_in_stock": False}, False),
        ({"qty": 0, "is_in_stock": True, "backorders": 1}, True),
        ({"qty": 0, "is_in_stock": False, "manage_stock": False}, True),
    ],
)
def test_a_shop_without_multi_source_inventory_is_asked_for_stock_items(
    shop: Shop, magento: Magento, item: dict[str, Any], is_salable: bool
) -> None:
    shop.answers([CONFIG], WEBSITES)
    shop.answers_with(404, NO_ROUTE)
    shop.answers(item)
    shop.answers_with(404, {"message": 'The Product with the "%1" SKU doesn\'t exist.'})
    assert magento.salable({"A/B C": 5, "NOPE": 1}, "amazon_fba") == {
        "A/B C": is_salable,
        "NOPE": False,
    }
    assert [asked.path for asked in shop.asked[3:]] == [
        "/rest/amazon_fba/V1/stockItems/A%2FB%20C",
        "/rest/amazon_fba/V1/stockItems/NOPE",
    ]


def test_orders_are_found_by_the_part_of_the_number_that_magento_keeps(
    shop: Shop, magento: Magento
) -> None:
    shop.answers(a_page({"entity_id": 1}, {"entity_id": 3}), a_page())
    number = "9" * 33
    assert magento.find_orders(number) == [MagentoOrder(1), MagentoOrder(3)]
    assert magento.find_orders(number, 2) == []
    kept = ("ext_order_id", "eq", "9" * 32)
    assert filters(shop.asked[0]) == [kept]
    assert filters(shop.asked[1]) == [kept, ("store_id", "eq", "2")]
    assert page_of(shop.asked[0]) == ("entity_id", "1", "100")
    assert shop.asked[0].path == "/rest/V1/orders"


def test_orders_come_in_batches_of_a_hundred(shop: Shop, magento: Magento) -> None:
    shop.answers(a_page({"entity_id": 1}), a_page({"entity_id": 101}))
    assert magento.orders(range(1, 102)) == {1: MagentoOrder(1), 101: MagentoOrder(101)}
    assert filters(shop.asked[0]) == [
        ("entity_id", "in", ",".join(str(number) for number in range(1, 101)))
    ]
    assert filters(shop.asked[1]) == [("entity_id", "in", "101")]


def test_pages_are_read_to_the_end(shop: Shop, magento: Magento) -> None:
    rows = [{"entity_id": number} for number in range(1, 151)]
    shop.answers(a_page(*rows[:100], total=150), a_page(*rows[100:], total=150))
    assert len(magento.find_orders("902-1")) == 150
    assert [page_of(asked)[1] for asked in shop.asked] == ["1", "2"]


def test_an_empty_page_ends_a_search_whose_rows_went_away(shop: Shop, magento: Magento) -> None:
    shop.answers(a_page({"entity_id": 1}, total=301), a_page(total=301))
    assert magento.find_orders("902-1") == [MagentoOrder(1)]


def test_one_order(shop: Shop, magento: Magento) -> None:
    shop.answers({"entity_id": 7, "state": "new", "items": [{"item_id": 1, "qty_ordered": 2}]})
    assert magento.order(7) == MagentoOrder(
        7, state="new", items=(MagentoItem(1, quantity_ordered=Decimal(2)),)
    )
    assert shop.asked[0].path == "/rest/V1/orders/7"
    assert "ext_order_item_id" in shop.asked[0].query["fields"]


def test_an_order_that_is_not_there(shop: Shop, magento: Magento) -> None:
    shop.answers_with(404, NO_ENTITY)
    with pytest.raises(Rejected) as caught:
        magento.order(7)
    assert caught.value.code == "NotFound"


def test_shipments_survive_every_odd_shape(shop: Shop, magento: Magento) -> None:
    shop.answers(
        a_page(
            {
                "entity_id": "3",
                "order_id": 82,
                "created_at": "2026-11-22 21:09:43",
                "items": [{"order_item_id": "79", "qty": "2.0000"}],
                "tracks": [{"entity_id": 5, "track_number": "0034", "carrier_code": "dhl"}],
            },
            {"entity_id": 4, "order_id": "82", "items": None, "tracks": None},
        )
    )
    assert magento.shipments([82]) == [
        MagentoShipment(
            3,
            82,
            datetime(2026, 11, 22, 21, 9, 43, tzinfo=UTC),
            {79: Decimal(2)},
            (Track(5, "dhl", "", "0034"),),
        ),
        MagentoShipment(4, 82),
    ]
    (asked,) = shop.asked
    assert asked.path == "/rest/V1/shipments"
    assert filters(asked) == [("order_id", "in", "82")]
    assert "tracks[entity_id,carrier_code,title,track_number]" in asked.query["fields"]


def test_invoices_by_order(shop: Shop, magento: Magento) -> None:
    shop.answers(a_page({"entity_id": 1, "order_id": 82, "grand_total": "52.5900"}))
    total = Decimal("52.59")
    assert magento.invoices([82, 83]) == {82: [Invoice(1, total)], 83: []}
    assert filters(shop.asked[0]) == [("order_id", "in", "82,83")]


def test_finds_a_customer_of_the_website(shop: Shop, magento: Magento) -> None:
    shop.answers(a_page({"id": "7"}), a_page())
    assert magento.find_customer("a+b@shop.example", 3) == 7
    assert magento.find_customer("a+b@shop.example", 3) is None
    assert filters(shop.asked[0]) == [
        ("email", "eq", "a+b@shop.example"),
        ("website_id", "eq", "3"),
    ]


def test_a_read_is_tried_again_and_waits_as_told(
    shop: Shop, magento: Magento, slept: list[float]
) -> None:
    shop.answers_with(429, {"message": "Too Many Requests"}, Retry_After="2")
    shop.answers_with(503, "<html></html>", Retry_After="3")
    shop.answers_with(500, "An error has happened during application run.")
    shop.answers({"entity_id": 7})
    assert magento.order(7) == MagentoOrder(7)
    assert slept[:2] == [2, 3]
    assert len(slept) == 3


@pytest.mark.parametrize(
    "body",
    [
        "<html></html>",
        "",
        [],
        {},
        {"items": {"entity_id": 1}, "total_count": 1},
        {"items": []},
        {"items": [], "total_count": None},
        {"items": [{}], "total_count": 1},
        "null",
    ],
)
def test_an_unusable_answer_is_never_an_empty_success(
    shop: Shop, magento: Magento, body: Any
) -> None:
    for _ in range(4):
        shop.answers_with(200, body)
    with pytest.raises(Transient, match="without a usable body"):
        magento.find_orders("902-1")


def test_a_read_gives_up_after_four_tries(shop: Shop, magento: Magento, slept: list[float]) -> None:
    for _ in range(4):
        shop.answers_with(502, "<html></html>")
    with pytest.raises(Transient):
        magento.order(7)
    assert len(slept) == 3
