"""The shop's catalogue and stock, as far as an order needs it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from pipeline.base.errors import Rejected
from pipeline.magento.records import Product
from pipeline.magento.rest import json_records, replies, search
from pipeline.magento.rest.connection import URI_TOO_LONG
from pipeline.magento.rest.directory import Directory

# Indexes of one digit sort alike in every order, so a signature holds whichever a shop sorts by.
_SALABLE_BATCH = 10
# What names a SKU and its quantity in the address, encoded.
_SALABLE_KEYS = 80
SKU_BATCH = 50
EVERYWHERE = "all"
"""In place of a store view's code: the catalogue as it is before any store view changes it."""


class Catalog(Directory):
    """Products and what can be sold of them."""

    def products(self, skus: Collection[str], store: str) -> dict[str, Product]:
        """The products that exist, keyed by the SKUs as asked for.

        One search for up to 50 SKUs. Like Magento, it ignores case and spaces around. Raises
        Transient or Rejected. Source: GET /V1/products.
        """
        found: dict[str, Product] = {}
        stripped = [sku.strip() for sku in skus]
        for batch in search.batches([sku for sku in stripped if sku], SKU_BATCH):
            rows = self._search(
                "/products",
                [search.any_of("sku", batch)],
                json_records.product,
                sort="entity_id",
                fields="id,sku,name,type_id,status,weight",
                store=store,
            )
            found |= {folded(row.sku): row for row in rows}
        return {sku: found[folded(sku)] for sku in skus if folded(sku) in found}

    def create_product(self, body: Mapping[str, Any]) -> int:
        """Create a product in every store view and return its id.

        Magento updates a product that has this SKU already, without a word: look first. Raises
        Rejected, Transient or OutcomeUnknown. Source: POST /V1/products.
        """
        return self._send(
            "POST",
            "/products",
            lambda reply: json_records.identifier(reply, "id"),
            body={"product": body},
            store=EVERYWHERE,
        )

    def product_at(self, url_key: str) -> int | None:
        """The id of the product with this URL key, of which there is one at most.

        Raises Transient or Rejected. Source: GET /V1/products.
        """
        found = self._search(
            "/products",
            [search.equals("url_key", url_key)],
            lambda row: json_records.identifier(row, "id"),
            sort="entity_id",
            fields="id",
            store=EVERYWHERE,
        )
        return min(found, default=None)

    def attribute_set(self) -> int:
        """The id of the attribute set for products without attributes of their own.

        That is the one named Default, else the oldest. Raises Transient or Rejected.
        Source: GET /V1/products/attribute-sets/sets/list.
        """
        return self._cached(("attribute set",), self._attribute_set)

    def _attribute_set(self) -> int:
        sets = self._search(
            "/products/attribute-sets/sets/list",
            [],
            lambda row: (
                json_records.identifier(row, "attribute_set_id"),
                json_records.text(row, "attribute_set_name"),
            ),
            sort="attribute_set_id",
            fields="attribute_set_id,attribute_set_name",
        )
        if not sets:
            raise Rejected("the shop has no attribute set for products")
        return min(sets, key=lambda one: (one[1] != "Default", one[0]))[0]

    def salable(self, wanted: Mapping[str, int], store: str) -> dict[str, bool]:
        """Whether each SKU can be sold in the quantity wanted, by the store's website.

        Reservations and backorders count. A shop without multi-source inventory is asked for its
        plain stock items, one call per SKU. Raises Transient (also for the 500 that an unknown SKU
        gets) or Rejected.
        Source: GET /V1/inventory/are-product-salable-for-requested-qty/, GET /V1/stockItems/:sku.
        """
        if not wanted:
            return {}
        stock_id = self._stock_id(store)
        if stock_id is not None:
            try:
                return self._salable_from_stock(wanted, store, stock_id)
            except Rejected as error:
                if error.status != 404:
                    raise
        return {sku: self._in_stock(sku, wanted[sku], store) for sku in wanted}

    def _stock_id(self, store: str) -> int | None:
        """The stock that the store's website sells from; None without multi-source inventory."""
        website = self.store_view(store).website_code

        def ask() -> int | None:
            try:
                return self._get(
                    f"/inventory/stock-resolver/website/{quote(website, safe='')}",
                    lambda body: json_records.identifier(body, "stock_id"),
                    store=store,
                )
            except Rejected as error:
                if error.status != 404:
                    raise
                return None

        return self._cached(("stock", website), ask)

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
                answers |= self._get(
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
            return self._get(
                f"/stockItems/{quote(sku, safe='')}",
                lambda body: _covers(body, quantity),
                store=store,
            )
        except Rejected as error:
            if error.code != replies.NOT_FOUND:
                raise
            return False


def folded(sku: str) -> str:
    """How Magento's database compares SKUs."""
    return sku.strip().casefold()


def _salable_by_sku(body: Any) -> dict[str, bool]:
    return {folded(row["sku"]): row["salable"] is True for row in body}


def _covers(item: dict[str, Any], quantity: int) -> bool:
    if item.get("manage_stock") is False:
        return True
    if item["is_in_stock"] is not True:
        return False
    left = json_records.number(item, "qty") - json_records.number(item, "min_qty")
    return json_records.integer(item, "backorders") > 0 or left >= Decimal(quantity)
