"""The lines of the shop's orders that are still to be shipped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pipeline.base.money import ZERO
from pipeline.magento.rest import json_records, search
from pipeline.magento.rest.connection import Connection
from pipeline.magento.rest.replies import PageTooLarge

# Only lines of these types have goods; the other types are parents of lines with goods.
STOCKED_TYPES = frozenset({"simple", "virtual", "downloadable"})

_ENDED = "complete,closed,canceled"
_OPEN_FIELDS = (
    "entity_id,store_id,items[item_id,parent_item_id,sku,product_id,product_type,qty_ordered,"
    "qty_shipped,qty_canceled,qty_refunded]"
)


@dataclass(frozen=True, slots=True)
class OpenLine:
    """Units of a SKU that an order of the shop, from any channel, still has to ship.

    `left` is None for parts of a bundle, which the shop counts differently.
    """

    store_id: int
    sku: str
    left: Decimal | None


def open_lines(api: Connection, most_pages: int) -> list[OpenLine] | None:
    """The unshipped lines of all orders of the shop that are neither complete nor cancelled.

    None when the orders fill more than `most_pages` pages of 100. Raises Transient or Rejected.
    Source: GET /V1/orders.
    """
    all_lines: list[OpenLine] = []
    size = api.page_size
    for page in range(1, most_pages + 1):
        query = search.criteria(
            [(search.Filter("state", _ENDED, "nin"),)],
            sort="entity_id",
            fields=f"items[{_OPEN_FIELDS}],total_count",
            page=page,
            page_size=size,
        )
        try:
            rows, total = api.get("/orders", _open_page, query=query)
        except PageTooLarge as error:
            if not 0 < error.limit < size:
                raise
            api.page_size = error.limit
            return open_lines(api, most_pages)
        for lines in rows:
            all_lines += lines
        if not rows or page * size >= total:
            return all_lines
    return None


def _open_page(body: Any) -> tuple[list[list[OpenLine]], int]:
    return [list(_open_lines(row)) for row in json_records.rows(body["items"])], int(
        body["total_count"]
    )


def _open_lines(order: Mapping[str, Any]) -> Iterator[OpenLine]:
    items = {
        json_records.integer(row, "item_id"): row for row in json_records.rows(order.get("items"))
    }
    store_id = json_records.integer(dict(order), "store_id")
    for row in items.values():
        # Shipping a line without a product takes nothing from any source.
        if json_records.text(row, "product_type") not in STOCKED_TYPES or not row.get("product_id"):
            continue
        parent = items.get(json_records.integer(row, "parent_item_id"))
        left: Decimal | None = json_records.number(row, "qty_ordered") - _gone(row)
        if parent is not None:
            # The shop ships a configurable product through its parent line.
            is_variant = json_records.text(parent, "product_type") == "configurable"
            left = json_records.number(row, "qty_ordered") - _gone(parent) if is_variant else None
        # More units shipped than ordered: the order's reservation is being made.
        yield OpenLine(
            store_id, json_records.text(row, "sku"), None if left is None else max(left, ZERO)
        )


def _gone(row: dict[str, Any]) -> Decimal:
    return sum(
        (json_records.number(row, f"qty_{how}") for how in ("shipped", "canceled", "refunded")),
        ZERO,
    )
