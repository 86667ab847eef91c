"""Reads orders from a file: a reply of getOrder or searchOrders, an order, or a list of these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.base import clean_json
from pipeline.base.http import MAX_BODY_BYTES
from pipeline.orders.channel import Raw

# Any of these keys marks JSON as an order, even if Amazon left other keys out.
_AN_ORDERS_OWN = frozenset({"orderId", "orderItems", "fulfillment", "salesChannel"})
_OLD = ("AmazonOrderId", "Orders", "OrderItems")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DEEPEST_LIST = 3


class Unusable(Exception):
    """A file that cannot be used; the message says what it holds and what is needed."""


def orders_in(content: bytes) -> list[Raw]:
    """The orders in the file, read like a reply of Amazon's. Raises Unusable."""
    if len(content) > MAX_BODY_BYTES:
        limit = MAX_BODY_BYTES // 1024**2
        raise Unusable(f"it is larger than {limit} MB, which is more than any answer of Amazon's")
    content = content.removeprefix(_BYTE_ORDER_MARK).strip()
    if not content:
        raise Unusable("it is empty: an Amazon order as JSON is needed")
    if content.startswith(b"<"):
        raise Unusable("it is HTML or XML: an Amazon order as JSON is needed")
    try:
        document = clean_json.parsed(content)
    except (ValueError, RecursionError):
        raise Unusable("it is not JSON: an Amazon order as JSON is needed") from None
    return list(_orders(document, _DEEPEST_LIST))


def _orders(value: Any, depth: int) -> Iterator[Raw]:
    if isinstance(value, list) and depth:
        for entry in value:
            yield from _orders(entry, depth - 1)
    elif not isinstance(value, Mapping):
        raise Unusable(f"it holds {_named(value)} where an order is needed")
    elif isinstance(value.get("orders"), list):
        yield from _orders(value["orders"], depth)
    elif isinstance(value.get("order"), Mapping):
        yield value["order"]
    elif _AN_ORDERS_OWN & value.keys():
        yield value
    else:
        raise Unusable(_why_not(value))


def _why_not(value: Mapping[str, Any]) -> str:
    payload = value.get("payload", value)
    if isinstance(payload, Mapping) and any(name in payload for name in _OLD):
        return (
            "it is of the Orders API v0, which Orderbridge does not use: take the reply of "
            "GET /orders/2026-01-01/orders/{orderId}"
        )
    if "errors" in value:
        return "it is an error that Amazon answered, and holds no order"
    return "it holds no order: neither order, orders nor orderId is there"


def _named(value: Any) -> str:
    return {str: "a text", list: "a list", type(None): "null"}.get(type(value), "a number")
