"""Reads products from a file: a CSV, or a saved reply of Magento's `GET /V1/products`."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.base import clean_json
from pipeline.base.money import parse_amount
from pipeline.magento.rest.json_records import ENABLED
from pipeline.operations.preview.simulate_orders_file import Unusable

_DISABLED = 2
_NO = frozenset({"0", "2", "no", "false", "disabled"})
# Magento's own export has other column names than its REST replies.
_NAMES = {
    "type_id": ("type_id", "type", "product_type"),
    "status": ("status", "enabled", "product_online"),
    "name": ("name",),
    "weight": ("weight",),
    "qty": ("qty", "quantity"),
    "id": ("id",),
}


def products_in(content: bytes) -> list[dict[str, Any]]:
    """Rows as in `GET /V1/products`, with `qty` where the file gives a salable quantity.

    CSV and JSON need only the SKU; by default a product is simple, enabled and in stock. Raises
    Unusable.
    """
    text = content.decode("utf-8-sig", errors="replace").strip()
    try:
        document = clean_json.parsed(text.encode()) if text.startswith(("[", "{")) else None
    except (ValueError, RecursionError):
        raise Unusable("it is not JSON, although it begins like it") from None
    rows = _rows(document) if document is not None else list(csv.DictReader(io.StringIO(text)))
    products = [_product(row, place) for place, row in enumerate(rows, start=1)]
    if not products:
        raise Unusable("it names no product: a column sku is needed, and a row per product")
    return products


def _rows(document: Any) -> Sequence[Mapping[str, Any]]:
    items = document.get("items") if isinstance(document, Mapping) else document
    if not isinstance(items, list) or not all(isinstance(row, Mapping) for row in items):
        raise Unusable('it is neither a list of products nor {"items": [...]}')
    return items


def _product(row: Mapping[str, Any], place: int) -> dict[str, Any]:
    if not isinstance(sku := row.get("sku"), str) or not sku.strip():
        raise Unusable(f"row {place} has no sku")
    values = {name: _first(row, names) for name, names in _NAMES.items()}
    try:
        numbers = {
            name: parse_amount(values[name])
            for name in ("id", "weight", "qty")
            if values[name] is not None
        }
    except (TypeError, ValueError):
        raise Unusable(f"row {place}: id, weight and qty have to be numbers") from None
    is_off = values["status"] is not None and str(values["status"]).strip().lower() in _NO
    return {
        "id": place,
        "sku": sku,
        "name": str(values["name"] or sku),
        "type_id": str(values["type_id"] or "simple"),
        "status": _DISABLED if is_off else ENABLED,
        **numbers,
    }


def _first(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)
