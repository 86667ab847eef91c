"""What the shop's stock should be and what it is: sources, open lines, salable quantities."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from pipeline.base.money import ZERO, parse_amount
from pipeline.magento.rest import json_records, odd_rows, search
from pipeline.magento.rest.catalog import Catalog
from pipeline.magento.rest.replies import PageTooLarge

# Lines of these types have goods of their own behind them; a parent's children do for the others.
STOCKED_TYPES = frozenset({"simple", "virtual", "downloadable"})

_ENDED = "complete,closed,canceled"
_OPEN_FIELDS = (
    "entity_id,store_id,items[item_id,parent_item_id,sku,product_id,product_type,qty_ordered,"
    "qty_shipped,qty_canceled,qty_refunded]"
)
_SKU_BATCH = 50


@dataclass(frozen=True, slots=True)
class OpenLine:
    """Units of a SKU that an order of the shop, from whatever channel, still has to ship.

    `left` is None where the shop counts them in a way of its own: parts of a bundle.
    """

    store_id: int
    sku: str
    left: Decimal | None


@dataclass(frozen=True, slots=True)
class StockItem:
    """How a product's stock is managed."""

    is_managed: bool
    takes_backorders: bool
    min_quantity: Decimal = ZERO


class Inventory(Catalog):
    """Reads of stock beyond what a single order needs."""

    def stocks(self) -> dict[int, int]:
        """Which stock each store view sells from, by store id.

        Empty in a shop without multi-source inventory. Raises Transient or Rejected.
        Source: GET /V1/store/storeConfigs, GET /V1/inventory/stock-resolver/website/:code.
        """
        codes = self._get(
            "/store/storeConfigs",
            lambda body: [json_records.text(row, "code") for row in json_records.rows(body)],
        )
        found = {}
        for code in codes:
            stock_id = self._stock_id(code)
            if stock_id is not None:
                found[self.store_view(code).id] = stock_id
        return found

    def open_lines(self, most_pages: int) -> list[OpenLine] | None:
        """What all orders of the shop that are neither through nor cancelled still have to ship.

        None when there are more than `most_pages` pages of orders, 100 each. Raises Transient or
        Rejected. Source: GET /V1/orders.
        """
        found: list[OpenLine] = []
        size = self._page_size
        for page in range(1, most_pages + 1):
            query = search.criteria(
                [(search.Filter("state", _ENDED, "nin"),)],
                sort="entity_id",
                fields=f"items[{_OPEN_FIELDS}],total_count",
                page=page,
                page_size=size,
            )
            try:
                rows, total = self._get("/orders", _open_page, query=query)
            except PageTooLarge as error:
                if not 0 < error.limit < size:
                    raise
                self._page_size = error.limit
                return self.open_lines(most_pages)
            for lines in rows:
                found += lines
            if not rows or page * size >= total:
                return found
        return None

    def source_quantities(self, skus: Collection[str], stock_id: int) -> dict[str, Decimal]:
        """What the stock's sources hold of each SKU, where one of them has it in stock.

        Keyed by the SKUs as asked for, without one of which a row cannot be read. Raises Transient
        or Rejected. Source: GET /V1/inventory/source-items,
        GET /V1/inventory/get-sources-assigned-to-stock-ordered-by-priority/:stockId.
        """
        ours = self._cached(("sources", str(stock_id)), lambda: self._sources(stock_id))
        found: dict[str, Decimal] = {}
        for batch in search.batches([sku.strip() for sku in skus if sku.strip()], _SKU_BATCH):
            with odd_rows.set_aside() as odd:
                rows = self._search(
                    "/inventory/source-items",
                    [search.any_of("sku", batch)],
                    _source_item,
                    # Pages by the SKU alone would repeat and omit rows of one in several sources.
                    sort="source_item_id",
                    fields="sku,source_code,quantity,status",
                )
            if not all(one.sku for one in odd):
                continue  # any of these SKUs may have more than the other rows say
            unclear = {folded(one.sku) for one in odd}
            for sku, code, quantity in rows:
                if code in ours and quantity is not None and sku not in unclear:
                    found[sku] = found.get(sku, ZERO) + quantity
        return {sku: found[folded(sku)] for sku in skus if folded(sku) in found}

    def _sources(self, stock_id: int) -> frozenset[str]:
        return self._get(
            f"/inventory/get-sources-assigned-to-stock-ordered-by-priority/{stock_id}",
            lambda body: frozenset(
                json_records.text(row, "source_code")
                for row in json_records.rows(body)
                if row.get("enabled") is not False
            ),
        )

    def salable_quantity(self, sku: str, stock_id: int) -> Decimal:
        """How many the shop would sell: what sources hold, less what is reserved.

        Zero for a product that is disabled or out of stock. Raises Rejected for a type without
        stock of its own, and Transient (for it answers 500) for a SKU it does not know.
        Source: GET /V1/inventory/get-product-salable-quantity/:sku/:stockId.
        """
        return self._get(
            f"/inventory/get-product-salable-quantity/{quote(sku, safe='')}/{stock_id}",
            _quantity,
        )

    def stock_item(self, sku: str) -> StockItem:
        """How the product's stock is managed. Raises Rejected (code NotFound) or Transient.

        Source: GET /V1/stockItems/:sku.
        """
        return self._get(f"/stockItems/{quote(sku, safe='')}", _stock_item)

    def stock_of(self, store: str) -> int | None:
        """The stock that a store view sells from; None without multi-source inventory.

        Raises CannotMap(STORE_UNKNOWN), Transient or Rejected.
        Source: GET /V1/inventory/stock-resolver/website/:code.
        """
        return self._stock_id(store)


def folded(sku: str) -> str:
    """How Magento's database compares SKUs."""
    return sku.strip().casefold()


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
        # A line without product takes nothing from any source when it is shipped.
        if json_records.text(row, "product_type") not in STOCKED_TYPES or not row.get("product_id"):
            continue
        parent = items.get(json_records.integer(row, "parent_item_id"))
        left: Decimal | None = json_records.number(row, "qty_ordered") - _gone(row)
        if parent is not None:
            # The shop ships a configurable product by its parent line.
            is_variant = json_records.text(parent, "product_type") == "configurable"
            left = json_records.number(row, "qty_ordered") - _gone(parent) if is_variant else None
        # More counted as shipped than was ordered: an order whose reservation is being made.
        yield OpenLine(
            store_id, json_records.text(row, "sku"), None if left is None else max(left, ZERO)
        )


def _gone(row: dict[str, Any]) -> Decimal:
    return sum(
        (json_records.number(row, f"qty_{how}") for how in ("shipped", "canceled", "refunded")),
        ZERO,
    )


def _source_item(row: dict[str, Any]) -> tuple[str, str, Decimal | None]:
    in_stock = json_records.integer(row, "status") == 1
    if in_stock:
        json_records.units(row, "quantity")
    if not (sku := json_records.text(row, "sku")):
        raise ValueError("a source item without sku")
    return (
        folded(sku),
        json_records.text(row, "source_code"),
        json_records.number(row, "quantity") if in_stock else None,
    )


def _quantity(body: Any) -> Decimal:
    return parse_amount(body)


def _stock_item(row: dict[str, Any]) -> StockItem:
    return StockItem(
        is_managed=row.get("manage_stock") is not False,
        takes_backorders=json_records.integer(row, "backorders") > 0,
        min_quantity=json_records.number(row, "min_qty"),
    )
