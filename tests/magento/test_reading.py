from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from pipeline.magento.records import MagentoItem, MagentoOrder, MagentoShipment, Product, Track
from pipeline.magento.rest import json_records


def test_an_order_may_lack_everything_but_its_id() -> None:
    assert json_records.order({"entity_id": 7}) == MagentoOrder(7)
    assert json_records.order({"entity_id": "7", "items": None, "state": None}) == MagentoOrder(7)
    assert json_records.order({"entity_id": 7, "items": [{"item_id": 1}]}) == MagentoOrder(
        7, items=(MagentoItem(1),)
    )


def test_reads_an_order_whose_numbers_are_strings() -> None:
    row = {
        "entity_id": "7",
        "increment_id": "000000007",
        "ext_order_id": "902-1",
        "store_id": "2",
        "state": "processing",
        "status": "processing",
        "grand_total": "52.5900",
        "total_paid": Decimal("52.59"),
        "items": [
            {
                "item_id": "9",
                "sku": "MUG",
                "ext_order_item_id": 12345,
                "qty_ordered": "2.0000",
                "qty_shipped": 1,
                "qty_invoiced": Decimal("2"),
                "qty_canceled": "0",
                "product_type": "simple",
            }
        ],
    }
    item = MagentoItem(9, "MUG", "12345", Decimal(2), Decimal(1), Decimal(2), Decimal(0), "simple")
    total = Decimal("52.59")
    assert json_records.order(row) == MagentoOrder(
        7, "000000007", "902-1", 2, "processing", "processing", total, total, (item,)
    )


@pytest.mark.parametrize("row", [{}, {"entity_id": None}, {"entity_id": "x"}, {"entity_id": 0}])
def test_an_order_without_an_id_is_none(row: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="entity_id"):
        json_records.order(row)


def test_a_shipment_adds_up_what_it_holds_of_a_line() -> None:
    row = {
        "entity_id": 3,
        "order_id": "82",
        "created_at": "2026-11-22 21:09:42",
        "items": [
            {"order_item_id": 78, "qty": "1.0000"},
            {"order_item_id": "78", "qty": 2},
            {"order_item_id": 79, "qty": Decimal("0.5")},
        ],
        "tracks": [
            {"entity_id": 1, "carrier_code": "custom", "title": "DHL", "track_number": "0034"},
            {"entity_id": "2"},
        ],
    }
    assert json_records.shipment(row) == MagentoShipment(
        3,
        82,
        datetime(2026, 11, 22, 21, 9, 42, tzinfo=UTC),
        {78: Decimal(3), 79: Decimal("0.5")},
        (Track(1, "custom", "DHL", "0034"), Track(2)),
    )


def test_a_shipment_may_have_no_items_and_no_tracks() -> None:
    row = {"entity_id": 3, "order_id": 82, "items": None, "tracks": None}
    assert json_records.shipment(row) == MagentoShipment(3, 82)


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-11-22 21:09:42", datetime(2026, 11, 22, 21, 9, 42, tzinfo=UTC)),
        ("2026-11-22T21:09:42+02:00", datetime(2026, 11, 22, 19, 9, 42, tzinfo=UTC)),
        ("0000-00-00 00:00:00", None),
        (None, None),
    ],
)
def test_times_are_utc(value: object, at: datetime | None) -> None:
    assert json_records.moment(value) == at


@pytest.mark.parametrize(("status", "enabled"), [(1, True), ("1", True), (2, False), (None, False)])
def test_a_product_is_enabled_when_it_says_so(status: object, enabled: bool) -> None:
    row = {"id": 1, "sku": "MUG", "name": "Mug", "type_id": "simple", "status": status}
    assert json_records.product(row) == Product(1, "MUG", "Mug", "simple", enabled)


def test_a_product_survives_being_kept_as_json() -> None:
    product = Product(1, "MUG", "Mug", "simple", True, Decimal("0.4000"))
    assert Product.from_json(product.as_json()) == product
