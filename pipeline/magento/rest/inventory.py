"""The shop's stock: its sources, their quantities, and the salable quantities."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from pipeline.base.errors import Rejected
from pipeline.base.money import ZERO, parse_amount
from pipeline.magento.rest import json_records, odd_rows, replies, search
from pipeline.magento.rest.catalog import folded
from pipeline.magento.rest.connection import URI_TOO_LONG, Connection
from pipeline.magento.rest.directory import Directory

# Shops sort the indexes in different ways, which agree for single digits: the signature holds.
_SALABLE_BATCH = 10
# Encoded bytes in the address that name a SKU and its quantity.
_SALABLE_KEYS = 80
_SKU_BATCH = 50


@dataclass(frozen=True, slots=True)
class StockItem:
    """How a product's stock is managed."""

    is_managed: bool
    takes_backorders: bool
    min_quantity: Decimal = ZERO


class Inventory:
    """Reads of stocks, their quantities and their salable quantities."""

    def __init__(self, api: Connection, directory: Directory) -> None:
        self._api = api
        self._directory = directory

    def stocks(self) -> dict[int, int]:
        """The stock that each store view sells from, by store id.

        Empty in a shop without multi-source inventory. Raises Transient or Rejected.
        Source: GET /V1/store/storeConfigs, GET /V1/inventory/stock-resolver/website/:code.
        """
        codes = self._api.get(
            "/store/storeConfigs",
            lambda body: [json_records.text(row, "code") for row in json_records.rows(body)],
        )
        stock_ids = {}
        for code in codes:
            stock_id = self.stock_of(code)
            if stock_id is not None:
                stock_ids[self._directory.store_view(code).id] = stock_id
        return stock_ids

    def stock_of(self, store: str) -> int | None:
        """The stock that a store view sells from; None without multi-source inventory.

        Raises CannotMap(STORE_UNKNOWN), Transient or Rejected.
        Source: GET /V1/inventory/stock-resolver/website/:code.
        """
        website = self._directory.store_view(store).website_code

        def ask() -> int | None:
            try:
                return self._api.get(
                    f"/inventory/stock-resolver/website/{quote(website, safe='')}",
                    lambda body: json_records.identifier(body, "stock_id"),
                    store=store,
                )
            except Rejected as error:
                if error.status != 404:
                    raise
                return None

        return self._api.cached(("stock", website), ask)

    def salable(self, wanted: Mapping[str, int], store: str) -> dict[str, bool]:
        """Whether each SKU is salable in the wanted quantity on the store's website.

        Reservations and backorders count. In a shop without multi-source inventory the plain stock
        items are read, in a call per SKU. Raises Transient (also for the 500 that Magento returns
        for an unknown SKU) or Rejected.
        Source: GET /V1/inventory/are-product-salable-for-requested-qty/, GET /V1/stockItems/:sku.
        """
        if not wanted:
            return {}
        stock_id = self.stock_of(store)
        if stock_id is not None:
            try:
                return self._salable_from_stock(wanted, store, stock_id)
            except Rejected as error:
                if error.status != 404:
                    raise
        return {sku: self._in_stock(sku, wanted[sku], store) for sku in wanted}

    def _salable_from_stock(
        self, wanted: Mapping[str, int], store: str, stock_id: int
    ) -> dict[str, bool]:
        answers: dict[str, bool] = {}
        left = list(search.batches(wanted, _SALABLE_BATCH, _SALABLE_KEYS))
        while left:
            batch = left.pop(0)
            pairs = [("stockId", str(stock_id))]
            for place, sku in enumerate(batch):
                pairs += [
                    (f"skuRequests[{place}][sku]", sku),
                    (f"skuRequests[{place}][qty]", str(wanted[sku])),
                ]
            try:
                answers |= self._api.get(
                    "/inventory/are-product-salable-for-requested-qty/",
                    _salable_by_sku,
                    store=store,
                    query=search.encode(pairs),
                )
            except Rejected as error:
                if error.status != URI_TOO_LONG or len(batch) == 1:
                    raise
                middle = len(batch) // 2
                left[:0] = [batch[:middle], batch[middle:]]
        return {sku: answers.get(folded(sku), False) for sku in wanted}

    def _in_stock(self, sku: str, quantity: int, store: str) -> bool:
        try:
            return self._api.get(
                f"/stockItems/{quote(sku, safe='')}",
                lambda body: _covers(body, quantity),
                store=store,
            )
        except Rejected as error:
            if error.code != replies.NOT_FOUND:
                raise
            return False

    def source_quantities(self, skus: Collection[str], stock_id: int) -> dict[str, Decimal]:
        """The quantity of each SKU in the stock's sources, if at least one source has it in stock.

        The keys are the requested SKUs; a SKU with an unreadable row is left out. Raises Transient
        or Rejected. Source: GET /V1/inventory/source-items,
        GET /V1/inventory/get-sources-assigned-to-stock-ordered-by-priority/:stockId.
        """
        ours = self._api.cached(("sources", str(stock_id)), lambda: self._sources(stock_id))
        quantities: dict[str, Decimal] = {}
        for batch in search.batches([sku.strip() for sku in skus if sku.strip()], _SKU_BATCH):
            with odd_rows.set_aside() as odd:
                rows = self._api.search(
                    "/inventory/source-items",
                    [search.any_of("sku", batch)],
                    _source_item,
                    # Sorting by SKU would repeat and omit rows of a SKU in several sources.
                    sort="source_item_id",
                    fields="sku,source_code,quantity,status",
                )
            if not all(row.sku for row in odd):
                continue  # The unreadable row may belong to any of these SKUs.
            unclear = {folded(row.sku) for row in odd}
            for sku, code, quantity in rows:
                if code in ours and quantity is not None and sku not in unclear:
                    quantities[sku] = quantities.get(sku, ZERO) + quantity
        return {sku: quantities[folded(sku)] for sku in skus if folded(sku) in quantities}

    def _sources(self, stock_id: int) -> frozenset[str]:
        return self._api.get(
            f"/inventory/get-sources-assigned-to-stock-ordered-by-priority/{stock_id}",
            lambda body: frozenset(
                json_records.text(row, "source_code")
                for row in json_records.rows(body)
                if row.get("enabled") is not False
            ),
        )

    def salable_quantity(self, sku: str, stock_id: int) -> Decimal:
        """The salable quantity: what the sources hold, less the reservations.

        Zero for a product that is disabled or out of stock. Raises Rejected for a product type
        without stock, and Transient for an unknown SKU, since Magento returns 500.
        Source: GET /V1/inventory/get-product-salable-quantity/:sku/:stockId.
        """
        return self._api.get(
            f"/inventory/get-product-salable-quantity/{quote(sku, safe='')}/{stock_id}",
            _quantity,
        )

    def stock_item(self, sku: str) -> StockItem:
        """How the product's stock is managed. Raises Rejected (code NotFound) or Transient.

        Source: GET /V1/stockItems/:sku.
        """
        return self._api.get(f"/stockItems/{quote(sku, safe='')}", _stock_item)


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


def _salable_by_sku(body: Any) -> dict[str, bool]:
    return {folded(row["sku"]): row["salable"] is True for row in body}


def _covers(item: dict[str, Any], quantity: int) -> bool:
    if item.get("manage_stock") is False:
        return True
    if item["is_in_stock"] is not True:
        return False
    left = json_records.number(item, "qty") - json_records.number(item, "min_qty")
    return json_records.integer(item, "backorders") > 0 or left >= Decimal(quantity)
