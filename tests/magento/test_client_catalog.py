"""Catalogue, stock and directory, over a socket: what is asked, and what becomes of it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from pipeline.base.errors import CannotMap, OutcomeUnknown, Rejected
from pipeline.magento.client import Magento
from pipeline.magento.records import Region, StoreView
from pipeline.orders.outcome import HoldCode
from tests.magento.conftest import Clock, Shop
from tests.magento.searches import a_page, filters, page_of

CONFIG = {
    "id": 2,
    "code": "amazon_fba",
    "website_id": 3,
    "base_currency_code": "EUR",
    "locale": "de_AT",
}
WEBSITES = [{"id": 0, "code": "admin"}, {"id": 3, "code": "eu"}]
NO_ROUTE = {"message": "Request does not match any route."}


def a_product(number: int, sku: str, **changes: Any) -> dict[str, Any]:
    return {"id": number, "sku": sku, "name": sku, "type_id": "simple", "status": 1, **changes}


def test_products_are_one_search_keyed_by_what_was_asked(shop: Shop, magento: Magento) -> None:
    shop.answers(a_page(a_product(1, "MUG-BLUE", weight="0.4"), a_product(2, "A,B", status=2)))
    products = magento.catalog.products(["mug-blue", "MUG-BLUE ", "A,B", "NOPE", ""], "default")
    assert {sku: product.id for sku, product in products.items()} == {
        "mug-blue": 1,
        "MUG-BLUE ": 1,
        "A,B": 2,
    }
    assert products["mug-blue"].weight == Decimal("0.4")
    assert [products[sku].enabled for sku in ("mug-blue", "A,B")] == [True, False]
    (asked,) = shop.asked
    assert (asked.method, asked.path) == ("GET", "/rest/default/V1/products")
    assert filters(asked) == [("sku", "in", "mug-blue,MUG-BLUE,NOPE"), ("sku", "eq", "A,B")]
    assert page_of(asked) == ("entity_id", "1", "100")
    assert asked.query["fields"] == "items[id,sku,name,type_id,status,weight],total_count"
    assert asked.headers["Authorization"] == "Bearer the-token"
    assert asked.headers["Accept"] == "application/json"


def test_a_store_view_is_read_once_in_ten_minutes(
    shop: Shop, magento: Magento, clock: Clock
) -> None:
    shop.answers([{"code": "default"}, CONFIG], WEBSITES)
    view = StoreView(2, "amazon_fba", 3, "eu", "EUR", "AT")
    assert magento.directory.store_view("amazon_fba") == view
    clock.at += timedelta(minutes=9)
    assert magento.directory.store_view("amazon_fba") == view
    assert [asked.path for asked in shop.asked] == [
        "/rest/amazon_fba/V1/store/storeConfigs",
        "/rest/amazon_fba/V1/store/websites",
    ]
    clock.at += timedelta(minutes=2)
    shop.answers([CONFIG], WEBSITES)
    assert magento.directory.store_view("amazon_fba") == view
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
        magento.directory.store_view("nope")
    assert caught.value.code == HoldCode.STORE_UNKNOWN


def test_a_refused_sign_in_is_no_unknown_store_view(shop: Shop, magento: Magento) -> None:
    shop.answers_with(401, {"message": "no"})
    with pytest.raises(Rejected) as caught:
        magento.directory.store_view("default")
    assert caught.value.code == "Unauthorized"


def test_regions_are_kept(shop: Shop, magento: Magento) -> None:
    shop.answers({"id": "US", "available_regions": [{"id": "12", "code": "CA", "name": "Cal"}]})
    assert magento.directory.regions("US", "default") == (Region(12, "CA", "Cal"),)
    assert magento.directory.regions("US", "default") == (Region(12, "CA", "Cal"),)
    assert [asked.path for asked in shop.asked] == ["/rest/default/V1/directory/countries/US"]


def test_a_country_may_have_no_regions_or_not_be_allowed(shop: Shop, magento: Magento) -> None:
    shop.answers({"id": "GB"})
    shop.answers_with(404, {"message": "The country isn't available."})
    assert magento.directory.regions("GB", "default") == ()
    assert magento.directory.regions("XX", "default") == ()


def test_a_region_that_cannot_be_read_takes_none_of_the_others_along(
    magento: Magento, shop: Shop
) -> None:
    odd = [{"code": "NV", "name": "Nevada"}, {"id": "x", "code": "WA"}, None, 7]
    whole = {"id": "12", "code": "CA", "name": "Cal"}
    shop.answers({"id": "US", "available_regions": [*odd, whole]})
    assert magento.directory.regions("US", "default") == (Region(12, "CA", "Cal"),)


def test_a_product_is_made_for_every_store_view(shop: Shop, magento: Magento) -> None:
    shop.answers({"id": "7", "sku": "NEW"})
    assert magento.catalog.create({"sku": "NEW"}) == 7
    (asked,) = shop.asked
    assert (asked.method, asked.path) == ("POST", "/rest/all/V1/products")
    assert asked.body == {"product": {"sku": "NEW"}}


def test_a_product_without_an_id_may_have_been_made(shop: Shop, magento: Magento) -> None:
    shop.answers({"sku": "NEW"})
    with pytest.raises(OutcomeUnknown):
        magento.catalog.create({"sku": "NEW"})


def test_a_product_is_found_by_its_url_key(shop: Shop, magento: Magento) -> None:
    shop.answers(a_page({"id": 7}), {"items": None, "total_count": 0})
    assert magento.catalog.at_url_key("placeholder-new-1") == 7
    assert magento.catalog.at_url_key("placeholder-new-2") is None
    asked = shop.asked[0]
    assert asked.path == "/rest/all/V1/products"
    assert filters(asked) == [("url_key", "eq", "placeholder-new-1")]
    assert asked.query["fields"] == "items[id],total_count"


@pytest.mark.parametrize(
    ("names", "chosen"),
    [({9: "Default", 4: "Bags"}, 9), ({12: "Top", 10: "Bags"}, 10), ({4: "Default"}, 4)],
)
def test_the_attribute_set_is_the_default_one_or_the_oldest(
    shop: Shop, magento: Magento, names: dict[int, str], chosen: int
) -> None:
    rows = [
        {"attribute_set_id": number, "attribute_set_name": name} for number, name in names.items()
    ]
    shop.answers(a_page(*rows))
    assert [magento.catalog.attribute_set() for _ in range(2)] == [chosen, chosen]
    (asked,) = shop.asked
    assert asked.path == "/rest/V1/products/attribute-sets/sets/list"
    assert page_of(asked) == ("attribute_set_id", "1", "100")


def test_a_shop_without_attribute_sets_is_refused(shop: Shop, magento: Magento) -> None:
    shop.answers(a_page())
    with pytest.raises(Rejected, match="no attribute set"):
        magento.catalog.attribute_set()


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
    assert magento.inventory.salable({"MUG": 2, "TEE": 3}, "amazon_fba") == {
        "MUG": True,
        "TEE": False,
    }
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
    assert magento.inventory.salable({"LAMP": 1}, "amazon_fba") == {"LAMP": False}
    assert len(shop.asked) == 5


def test_salability_is_asked_for_ten_skus_at_a_time(shop: Shop, magento: Magento) -> None:
    stock_of(shop)
    wanted = {f"S{number}": 1 for number in range(12)}
    rows = [{"sku": sku, "salable": True} for sku in wanted]
    shop.answers(rows[:10], rows[10:])
    assert magento.inventory.salable(wanted, "amazon_fba") == dict.fromkeys(wanted, True)


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
    assert magento.inventory.salable({"A/B C": 5, "NOPE": 1}, "amazon_fba") == {
        "A/B C": is_salable,
        "NOPE": False,
    }
    assert [asked.path for asked in shop.asked[3:]] == [
        "/rest/amazon_fba/V1/stockItems/A%2FB%20C",
        "/rest/amazon_fba/V1/stockItems/NOPE",
    ]
