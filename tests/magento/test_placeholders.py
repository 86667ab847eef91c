"""What a placeholder product is made of."""

from __future__ import annotations

import pytest

from pipeline.base.errors import CannotMap
from pipeline.magento.stock.placeholder_product import placeholder, url_key
from pipeline.orders.outcome import HoldCode
from tests.magento.builders import STORE


def test_is_disabled_hidden_and_without_price_or_stock() -> None:
    assert placeholder(" NEW/1 ", "Mug 😀 <b>new</b>", STORE, 9) == {
        "sku": "NEW/1",
        "name": "Mug new",
        "attribute_set_id": 9,
        "price": 0,
        "status": 2,
        "visibility": 1,
        "type_id": "simple",
        "weight": 0,
        "extension_attributes": {
            "website_ids": [STORE.website_id],
            "stock_item": {
                "qty": 0,
                "is_in_stock": True,
                "use_config_manage_stock": False,
                "manage_stock": False,
            },
        },
        "custom_attributes": [{"attribute_code": "url_key", "value": url_key("NEW/1")}],
    }


def test_a_product_without_a_title_is_named_by_its_sku() -> None:
    assert placeholder("NEW", "😀", STORE, 4)["name"] == "NEW"


def test_a_url_key_is_readable_and_as_unique_as_the_sku() -> None:
    assert url_key("New / 1") == "placeholder-new-1-d5f73f80"
    assert url_key(" new / 1") == url_key("NEW / 1")
    assert len({url_key(sku) for sku in ("A B", "A-B", "A_B", "Ä", "Ö", "…")}) == 6


@pytest.mark.parametrize("sku", ["x" * 65, "MUG-😀", "A<b>"])
def test_a_sku_that_magento_would_not_keep_is_held(sku: str) -> None:
    with pytest.raises(CannotMap) as held:
        placeholder(sku, "Mug", STORE, 4)
    assert held.value.code == HoldCode.PRODUCT_REFUSED


def test_the_longest_sku_is_taken() -> None:
    assert placeholder("x" * 64, "Mug", STORE, 4)["sku"] == "x" * 64
