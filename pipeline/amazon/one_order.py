"""Reads a whole order of an account from Amazon."""

from __future__ import annotations

from urllib.parse import quote

from pipeline.amazon.connection import Connection
from pipeline.amazon.json_fields import look
from pipeline.amazon.replies import GET_ORDER
from pipeline.amazon.withheld_fields import DATASETS
from pipeline.base.quota import Lane
from pipeline.orders.channel import Raw

ORDERS = "/orders/2026-01-01/orders"
INCLUDED = ",".join(DATASETS)


def read_order(connection: Connection, external_id: str, lane: Lane) -> Raw:
    """An order with all data sets. Source: GET /orders/2026-01-01/orders/{orderId} (getOrder)."""

    def shape(body: object) -> Raw | None:
        order = look(body, "order")
        return order if isinstance(order, dict) else None

    path = f"{ORDERS}/{quote(external_id, safe='')}"
    return connection.read(GET_ORDER, path, {"includedData": INCLUDED}, shape, lane)
