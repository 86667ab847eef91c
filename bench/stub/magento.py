"""The shop's side of the stub: orders with their invoices, shipments and comments, in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

AT = "2026-11-22 12:00:00"
_TIMES = {"created_at": AT, "updated_at": AT}
_NO_TOTALS = dict.fromkeys(
    ("row_total", "base_row_total", "row_total_incl_tax", "base_row_total_incl_tax"), 0
)
Json = dict[str, Any]
Fields = dict[str, "Fields"]

STORES = [
    {
        "id": number,
        "code": code,
        "website_id": 1,
        "locale": "en_US",
        "base_currency_code": "EUR",
        "default_display_currency_code": "EUR",
        "timezone": "Europe/Berlin",
        "weight_unit": "kgs",
        "base_url": "http://127.0.0.1/",
        "base_link_url": "http://127.0.0.1/",
        "secure_base_url": "http://127.0.0.1/",
        "secure_base_link_url": "http://127.0.0.1/",
    }
    for number, code in ((1, "default"), (2, "amazon_fba"))
]
WEBSITES = [
    {"id": 0, "code": "admin", "name": "Admin", "default_group_id": 0},
    {"id": 1, "code": "base", "name": "Main Website", "default_group_id": 1},
]
STOCK = {
    "stock_id": 1,
    "name": "Default Stock",
    "extension_attributes": {"sales_channels": [{"type": "website", "code": "base"}]},
}
GERMANY = {
    "id": "DE",
    "two_letter_abbreviation": "DE",
    "three_letter_abbreviation": "DEU",
    "full_name_locale": "Germany",
    "full_name_english": "Germany",
    "available_regions": [{"id": "82", "code": "BER", "name": "Berlin"}],
}


class Magento:
    """The shop's orders by entity id, which counts from 1."""

    def __init__(self) -> None:
        self._orders: dict[int, Json] = {}
        self._comments: dict[int, list[Json]] = {}
        self._shipped: set[int] = set()
        self._by_number: dict[str, int] = {}
        self._written: dict[int, Json] = {}
        self.invoices = 0

    @property
    def placed(self) -> int:
        """How many orders were created."""
        return len(self._orders)

    @property
    def commented(self) -> int:
        """How many comments were added."""
        return sum(map(len, self._comments.values()))

    def ship(self) -> int:
        """The warehouse ships every open order; how many."""
        shipped = 0
        for entity_id, order in self._orders.items():
            if order["state"] == "processing":
                order["state"] = order["status"] = "complete"
                for item in order["items"]:
                    item["qty_shipped"] = item["qty_ordered"]
                self._shipped.add(entity_id)
                shipped += 1
        return shipped

    def save(self, body: bytes) -> Json:
        """Create an order, or save it again (PUT /V1/orders/create)."""
        entity = json.loads(body)["entity"]
        return self._saved_again(entity) if "entity_id" in entity else self._created(entity)

    def _created(self, entity: Json) -> Json:
        entity_id = len(self._orders) + 1
        number = f"{entity_id:09}"
        own = {"entity_id": entity_id, "parent_id": entity_id}
        told = entity["payment"]["additional_information"]
        items = [
            {**item, "item_id": entity_id, "order_id": entity_id, **_TIMES}
            for item in entity["items"]
        ]
        written = {
            "billing_address": {**entity["billing_address"], **own},
            "status_histories": [{**one, **own} for one in entity["status_histories"]],
        }
        for one in entity["extension_attributes"]["shipping_assignments"]:
            one["shipping"]["address"] |= own
        self._orders[entity_id] = {
            **{name: entity[name] for name in ("ext_order_id", "store_id", "state", "status")},
            **{name: entity[name] for name in ("grand_total", "base_grand_total")},
            "entity_id": entity_id,
            "increment_id": number,
            "items": [_kept(item) for item in items],
            "payment": {"method": entity["payment"]["method"], "entity_id": entity_id},
            "extension_attributes": {
                "payment_additional_info": [
                    {"key": key, "value": value} for key, value in told.items()
                ]
            },
        }
        self._by_number[entity["ext_order_id"]] = entity_id
        self._written[entity_id] = written
        return {
            **entity,
            "entity_id": entity_id,
            "increment_id": number,
            "billing_address_id": entity_id,
            "protect_code": "e2d79885e64b3f5caba1b0b4f6ff3962",
            "store_name": "Main Website\nMain Website Store\nDefault Store View",
            "total_item_count": len(items),
            "updated_at": AT,
            "items": items,
            "payment": {**entity["payment"], **own, "additional_information": [*told.values()]},
            **written,
        }

    def _saved_again(self, entity: Json) -> Json:
        order = self._orders[entity["entity_id"]]
        order["state"], order["status"] = entity["state"], entity["status"]
        shipped = {one["item_id"]: one["qty_shipped"] for one in entity.get("items", ())}
        for item in order["items"]:
            item["qty_shipped"] = shipped.get(item["item_id"], item["qty_shipped"])
        entity_id, told = entity["entity_id"], entity["payment"]["additional_information"]
        kept = self._written[entity_id]
        return {
            **entity,
            **_TIMES,
            "billing_address_id": entity_id,
            "customer_email": None,
            "items": [
                {**one, **_TIMES, **_NO_TOTALS, "order_id": entity_id} for one in entity["items"]
            ],
            "payment": {
                **entity["payment"],
                **{"parent_id": entity_id, "additional_information": [*told.values()]},
            },
            "billing_address": kept["billing_address"],
            "status_histories": [{**one, "created_at": AT} for one in kept["status_histories"]],
        }

    def cancel(self, entity_id: int) -> bool:
        """Cancel an order (POST /V1/orders/:id/cancel)."""
        order = self._orders[entity_id]
        order["state"] = order["status"] = "canceled"
        return True

    def invoice(self, entity_id: int) -> str:
        """Invoice all of an order (POST /V1/order/:id/invoice)."""
        order = self._orders[entity_id]
        order["total_paid"] = order["total_invoiced"] = order["grand_total"]
        for item in order["items"]:
            item["qty_invoiced"] = item["qty_ordered"]
        is_sent = all(item["qty_shipped"] >= item["qty_ordered"] for item in order["items"])
        order["state"] = order["status"] = "complete" if is_sent else "processing"
        self.invoices += 1
        return str(self.invoices)

    def comment(self, entity_id: int, body: bytes) -> bool:
        """Add a comment (POST /V1/orders/:id/comments)."""
        kept = self._comments.setdefault(entity_id, [])
        row = {"entity_id": 2 * entity_id + len(kept), "created_at": AT}
        kept.append({**json.loads(body)["statusHistory"], **row})
        return True

    def comments(self, entity_id: int) -> Json:
        """The comments of an order (GET /V1/orders/:id/comments)."""
        kept = self._comments.get(entity_id, [])
        return {"items": kept, "search_criteria": {"filter_groups": []}, "total_count": len(kept)}

    def order(self, entity_id: int, query: str) -> Any:
        """An order (GET /V1/orders/:id)."""
        return _asked(self._orders[entity_id], query)

    def orders(self, query: str) -> Any:
        """The orders of a search by entity id or by Amazon's number (GET /V1/orders)."""
        field, values = _filter(query)
        ids = (
            [self._by_number[one] for one in values if one in self._by_number]
            if field == "ext_order_id"
            else [int(one) for one in values if int(one) in self._orders]
        )
        return _found([self._orders[one] for one in ids], query)

    def shipments(self, query: str) -> Any:
        """The shipments of some orders (GET /V1/shipments)."""
        _, values = _filter(query)
        rows = [_shipment(int(one)) for one in values if int(one) in self._shipped]
        return _found(rows, query)


def products(query: str) -> Any:
    """Every product that is asked for exists (GET /V1/products)."""
    _, values = _filter(query)
    own = {"name": "Product", "status": 1, "type_id": "simple", "weight": 0.5}
    return _found([{"id": 16, "sku": sku, **own} for sku in values], query)


def salable(query: str) -> list[Json]:
    """Every quantity can be sold (GET /V1/inventory/are-product-salable-for-requested-qty)."""
    skus = [value for name, value in parse_qsl(query) if name.endswith("[sku]")]
    return [{"sku": sku, "stock_id": 1, "salable": True, "errors": []} for sku in skus]


def _kept(item: Json) -> Json:
    names = ("item_id", "sku", "ext_order_item_id", "qty_ordered", "product_type", "product_id")
    none = {"qty_shipped": 0, "qty_invoiced": 0, "qty_canceled": 0, "qty_refunded": 0}
    shipped = {"qty_shipped": item.get("qty_shipped", 0)}
    return {**none, **shipped, **{name: item[name] for name in names if name in item}}


def _shipment(entity_id: int) -> Json:
    track = {"carrier_code": "ups", "title": "UPS", "track_number": f"1Z{entity_id:07}"}
    return {
        "entity_id": entity_id,
        "order_id": entity_id,
        "created_at": AT,
        "items": [{"order_item_id": entity_id, "qty": 1}],
        "tracks": [{"entity_id": entity_id, **track}],
    }


def _filter(query: str) -> tuple[str, list[str]]:
    """The field and the values of a search's only filter."""
    told = dict(parse_qsl(query))
    begin = "searchCriteria[filterGroups][0][filters][0]"
    return told[f"{begin}[field]"], told[f"{begin}[value]"].split(",")


def _found(rows: list[Json], query: str) -> Any:
    return _asked({"items": rows, "total_count": len(rows)}, query)


def _asked(value: Any, query: str) -> Any:
    """The fields of an object that the query names; all of them when it names none."""
    fields = next((text for name, text in parse_qsl(query) if name == "fields"), "")
    return _only(value, _tree(fields)) if fields else value


@lru_cache
def _tree(fields: str) -> Fields:
    """`a,b[c,d]` as {"a": {}, "b": {"c": {}, "d": {}}}."""
    root: Fields = {}
    open_ones, name = [root], ""
    for letter in (*fields, ","):
        if letter not in ",[]":
            name += letter
            continue
        if name:
            open_ones[-1][name] = {}
        if letter == "[":
            open_ones.append(open_ones[-1][name])
        elif letter == "]":
            open_ones.pop()
        name = ""
    return root


def _only(value: Any, fields: Fields) -> Any:
    if not fields:
        return value
    if isinstance(value, list):
        return [_only(one, fields) for one in value]
    named: Iterable[str] = (name for name in fields if name in value)
    return {name: _only(value[name], fields[name]) for name in named}
