"""Searches against servers that are strict with addresses, and rows that cannot be read, on a
socket."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import pytest

from pipeline.base.errors import RemoteError
from pipeline.base.retry import TRIES
from pipeline.magento.client import Magento
from pipeline.magento.rest import search
from pipeline.magento.rest.odd_rows import set_aside
from tests.magento.conftest import Shop, clock, magento, shop, slept
from tests.magento.searches import a_page, filters, page_of
from tests.magento.standing_in import client_of, standing_in

__all__ = ["clock", "magento", "shop", "slept"]


def product(number: int, **changes: object) -> dict[str, object]:
    return {
        "id": number, "sku": f"P{number}", "name": "P", "type_id": "simple", "status": 1,
        **changes,
    }  # fmt: skip


def invoice(number: int, order_id: object) -> dict[str, object]:
    return {"entity_id": number, "order_id": order_id, "grand_total": 5}


def test_a_search_that_is_too_long_is_made_in_halves(magento: Magento, shop: Shop) -> None:
    shop.answers_with(414, {"message": "Request-URI Too Long"})
    shop.answers(a_page(invoice(1, 11), invoice(2, 12)), a_page(invoice(3, 13)))
    invoices = magento.invoices.of_orders([11, 12, 13])
    assert {order: [one.entity_id for one in some] for order, some in invoices.items()} == {
        11: [1], 12: [2], 13: [3],
    }  # fmt: skip
    asked = [filters(one)[0][2] for one in shop.asked]
    assert asked == ["11,12,13", "11", "12,13"]


def test_one_that_cannot_be_halved_is_refused(magento: Magento, shop: Shop) -> None:
    shop.answers_with(414, {"message": "Request-URI Too Long"})
    with pytest.raises(RemoteError):
        magento.invoices.of_orders([11])


def test_what_names_a_value_counts_too() -> None:
    skus = [f"{number:04}" + "x" * 300 for number in range(12)]
    (first, *_) = search.batches(skus, 12, keys=80)
    assert sum(len(quote(sku)) + 80 for sku in first) <= 4000
    assert len(first) < len(next(search.batches(skus, 12)))


def test_source_items_are_paged_by_their_own_id(tmp_path: Path) -> None:
    with standing_in(tmp_path) as stand_in:
        client = client_of(stand_in.url)
        skus = [f"SKU-{number:03}" for number in range(3)]
        for sku in skus:
            stand_in.tell("products", sku=sku, qty=7)
        api = client.inventory._api
        api.page_size = 2
        quantities = client.inventory.source_quantities(skus, 1)
        assert quantities == dict.fromkeys(skus, Decimal(7))
        rows = api.search(
            "/inventory/source-items",
            [search.any_of("sku", skus)],
            lambda row: tuple(sorted(row)),
            sort="source_item_id",
            fields="sku,source_code,quantity,status",
        )
        assert set(rows) == {("quantity", "sku", "source_code", "status")}


@pytest.mark.parametrize("odd", [{"id": "x"}, {"id": None}])
def test_an_odd_product_is_set_aside(odd: dict[str, object], magento: Magento, shop: Shop) -> None:
    shop.answers(a_page(product(1), product(2, **odd)))
    with set_aside() as aside:
        products = magento.catalog.products(["P1", "P2"], "default")
    assert list(products) == ["P1"]
    assert len(aside) == 1


@pytest.mark.parametrize("quantity", ["many", None, [], {}])
def test_an_odd_source_item_leaves_its_own_sku_out(
    quantity: object, magento: Magento, shop: Shop
) -> None:
    row = {"source_code": "default", "quantity": 3, "status": 1}
    shop.answers([{"source_code": "default", "enabled": True}])
    shop.answers(a_page(row | {"sku": "A"}, row | {"sku": "B", "quantity": quantity}))
    assert magento.inventory.source_quantities(["A", "B"], 1) == {"A": Decimal(3)}
    # A SKU has a row in each source, so that pages sorted by it repeat and omit rows.
    assert page_of(shop.asked[-1])[0] == "source_item_id"


def test_an_odd_invoice_is_an_error_where_it_counts_what_was_made(
    magento: Magento, shop: Shop
) -> None:
    shop.answers(*[a_page(invoice(1, 11), invoice(2, None))] * TRIES)
    with pytest.raises(RemoteError):
        magento.invoices.of_orders([11])
