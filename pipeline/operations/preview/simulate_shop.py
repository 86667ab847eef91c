"""A simulated shop: it answers our own Magento client without a network.

It replaces only the client's HTTP, so that paths and bodies are as for a real shop, and replies are
parsed like a real shop's. It refuses no write, and has everything that was not said to be
missing.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from pipeline.base import clean_json
from pipeline.base.http import Http, Method, Reply, encoded
from pipeline.magento.rest.catalog import folded
from pipeline.operations.preview.simulate_ledger import Sent

_ROUTE = re.compile(r"/rest/(?:(?P<store>[^/]+)/)?V1(?P<route>/.*)")
_OF_AN_ORDER = re.compile(r"/orders?/(\d+)(?:/(\w+))?")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the shop.

    `products` are rows of `GET /V1/products`, with `qty` where the salable quantity is known; None
    means that every SKU exists. `replies` are saved replies by route, such as /store/storeConfigs.
    """

    products: Sequence[Row] | None = None
    replies: Mapping[str, Any] = field(default_factory=dict)


class OfflineShop(Http):
    """The HTTP of a shop. Unknown store views have this `currency` and `country`: the order's own,
    so that nothing has to be converted."""

    def __init__(self, known: Known, sent: Sent) -> None:
        super().__init__("https://offline.invalid")
        self._known = known
        self._sent = sent
        self._products = {folded(row["sku"]): row for row in known.products or ()}
        self._orders: dict[int, Row] = {}
        self._customers: list[Row] = []
        self.currency, self.country = "", ""

    def call(
        self,
        method: Method,
        path: str,
        *,
        query: str = "",
        body: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: object = None,
        repeatable: bool | None = None,
    ) -> Reply:
        """Answer a read, or note a write and answer it. An unknown route gets a 404."""
        match = _ROUTE.fullmatch(path)
        store, route = (match["store"] or "", match["route"]) if match else ("", path)
        if method == "GET":
            answer = self._known.replies.get(route)
            if answer is None:
                asked = dict(parse_qsl(query, keep_blank_values=True))
                answer = self._answer_read(route, unquote(store), asked)
        else:
            answer = self._written(method, route, self._sent.add("Magento", method, path, body))
        if answer is None:
            return Reply(404, {}, {"message": f"not simulated: {method} {route}"}, True)
        return Reply(200, {}, clean_json.parsed(encoded(answer)), True)

    def _answer_read(self, route: str, store: str, query: Mapping[str, str]) -> Any:
        if route.startswith("/directory/countries/"):
            return {"id": route.rpartition("/")[2]}
        if route.startswith("/inventory/stock-resolver/"):
            return {"stock_id": 1}
        if match := _OF_AN_ORDER.fullmatch(route):
            return {"items": []} if match[2] else self._orders.get(int(match[1]))
        match route:
            case "/store/storeConfigs":
                return [self._store_config(store)]
            case "/store/websites":
                return [{"id": 1, "code": "base"}]
            case "/directory/currency":
                return {"exchange_rates": []}
            case "/products":
                return _page(self._matching_products(query))
            case "/products/attribute-sets/sets/list":
                return _page([{"attribute_set_id": 4, "attribute_set_name": "Default"}])
            case "/inventory/are-product-salable-for-requested-qty/":
                return list(self._salable(query))
            case "/customers/search":
                return _page(_matching(self._customers, query))
            case "/orders":
                return _page(_matching(self._orders.values(), query))
        return None

    def _store_config(self, code: str) -> Row:
        return {
            "id": 1,
            "code": code,
            "website_id": 1,
            "base_currency_code": self.currency,
            "locale": f"en_{self.country or 'US'}",
        }

    def _matching_products(self, query: Mapping[str, str]) -> list[Row]:
        wanted = [text for name, text in _filters(query) if name == "sku"]
        if self._known.products is None:
            for sku in wanted:
                self._add_product({"sku": sku, "name": sku, "type_id": "simple", "status": 1})
        if not wanted:
            return _matching(self._products.values(), query)
        return [self._products[name] for name in map(folded, wanted) if name in self._products]

    def _add_product(self, row: Row) -> Row:
        return self._products.setdefault(folded(row["sku"]), {"id": len(self._products) + 1} | row)

    def _salable(self, query: Mapping[str, str]) -> Iterator[Row]:
        for name, sku in query.items():
            if name.endswith("[sku]"):
                wanted = int(query[f"{name.removesuffix('[sku]')}[qty]"])
                left = self._products.get(folded(sku), {}).get("qty")
                yield {"sku": sku, "salable": left is None or left >= wanted}

    def _written(self, method: Method, route: str, body: Any) -> Any:
        match = _OF_AN_ORDER.fullmatch(route)
        if match and int(match[1]) in self._orders:
            return _done(self._orders[int(match[1])], match[2] or "")
        match method, route:
            case "PUT", "/orders/create":
                return self._saved(copy.deepcopy(body["entity"]))
            case "POST", "/customers":
                customer = {"id": len(self._customers) + 1} | body["customer"]
                self._customers.append(customer)
                return customer
            case "POST", "/products":
                return self._add_product(body["product"])
        return None

    def _saved(self, entity: Row) -> Row:
        if (entity_id := entity.get("entity_id")) in self._orders:
            order = self._orders[entity_id]
            lines = {line["item_id"]: line for line in entity.pop("items", ())}
            for line in order["items"]:
                line.update(lines.get(line["item_id"], {}))
            order.update(entity)
            return order
        number = len(self._orders) + 1
        order = {"increment_id": f"{number:09}", **entity, "entity_id": number}
        for place, line in enumerate(order["items"], start=1):
            line["item_id"] = 1000 * number + place
        order["payment"] = {**order["payment"], "entity_id": number}
        self._orders[number] = order
        return order


def _done(order: Row, what: str) -> Any:
    """Change the order as a later read would show it."""
    state = {"cancel": "canceled", "hold": "holded", "unhold": "new", "invoice": "processing"}
    if what in state:
        order["state"] = order["status"] = state[what]
    return str(order["entity_id"]) if what == "invoice" else True


def _page(rows: Sequence[Row]) -> Row:
    return {"items": rows, "total_count": len(rows)}


def _filters(query: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Field and value of each condition; a list gives a pair for each of its values."""
    for name, wanted in query.items():
        if "[filters]" in name and name.endswith("[field]"):
            stem = name.removesuffix("[field]")
            value = query[f"{stem}[value]"]
            is_list = query[f"{stem}[conditionType]"] == "in"
            for part in value.split(",") if is_list else [value]:
                yield wanted, part


def _matching(rows: Any, query: Mapping[str, str]) -> list[Row]:
    """The rows that match all conditions."""
    conditions = list(_filters(query))
    return [row for row in rows if all(str(row.get(name)) == text for name, text in conditions)]
