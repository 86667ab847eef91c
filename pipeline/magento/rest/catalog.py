"""The shop's products."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pipeline.base.errors import Rejected
from pipeline.magento.records import Product
from pipeline.magento.rest import json_records, search
from pipeline.magento.rest.connection import Connection

SKU_BATCH = 50
EVERYWHERE = "all"
"""Stands for a store view's code: the catalogue before the changes of any store view."""


class Catalog:
    """Look-up and creation of products."""

    def __init__(self, api: Connection) -> None:
        self._api = api

    def products(self, skus: Collection[str], store: str) -> dict[str, Product]:
        """The existing products, keyed by the requested SKUs.

        A search covers up to 50 SKUs. Like Magento, it ignores case and surrounding spaces. Raises
        Transient or Rejected. Source: GET /V1/products.
        """
        products: dict[str, Product] = {}
        stripped = [sku.strip() for sku in skus]
        for batch in search.batches([sku for sku in stripped if sku], SKU_BATCH):
            rows = self._api.search(
                "/products",
                [search.any_of("sku", batch)],
                json_records.product,
                sort="entity_id",
                fields="id,sku,name,type_id,status,weight",
                store=store,
            )
            products |= {folded(row.sku): row for row in rows}
        return {sku: products[folded(sku)] for sku in skus if folded(sku) in products}

    def create(self, body: Mapping[str, Any]) -> int:
        """Create a product in every store view and return its id.

        Magento silently updates a product that has this SKU already: look first. Raises
        Rejected, Transient or OutcomeUnknown. Source: POST /V1/products.
        """
        return self._api.send(
            "POST",
            "/products",
            lambda reply: json_records.identifier(reply, "id"),
            body={"product": body},
            store=EVERYWHERE,
        )

    def at_url_key(self, url_key: str) -> int | None:
        """The id of the product with this URL key, which is unique.

        Raises Transient or Rejected. Source: GET /V1/products.
        """
        ids = self._api.search(
            "/products",
            [search.equals("url_key", url_key)],
            lambda row: json_records.identifier(row, "id"),
            sort="entity_id",
            fields="id",
            store=EVERYWHERE,
        )
        return min(ids, default=None)

    def attribute_set(self) -> int:
        """The id of the attribute set for products without attributes of their own.

        It is the set named Default, else the oldest set. Raises Transient or Rejected.
        Source: GET /V1/products/attribute-sets/sets/list.
        """
        return self._api.cached(("attribute set",), self._attribute_set)

    def _attribute_set(self) -> int:
        sets = self._api.search(
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
        return min(sets, key=lambda pair: (pair[1] != "Default", pair[0]))[0]


def folded(sku: str) -> str:
    """The SKU in the form in which Magento's database compares SKUs."""
    return sku.strip().casefold()
