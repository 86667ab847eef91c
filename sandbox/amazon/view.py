"""What of an order a caller gets to see: the datasets asked for, minus what is withheld."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from datetime import datetime

from sandbox.amazon.errors import invalid_input
from sandbox.amazon.state import Order, status_of
from sandbox.amazon.times import parse

ORDER_DATASETS = {
    "buyer": "BUYER",
    "recipient": "RECIPIENT",
    "proceeds": "PROCEEDS",
    "fulfillment": "FULFILLMENT",
    "packages": "PACKAGES",
    "tax": "TAX",
    "payment": "PAYMENT",
    "fulfillmentOrders": "FULFILLMENT_ORDERS",
}
ITEM_DATASETS = {
    "proceeds": "PROCEEDS",
    "expense": "EXPENSE",
    "promotion": "PROMOTION",
    "cancellation": "CANCELLATION",
    "fulfillment": "FULFILLMENT",
    "tax": "TAX",
}
DATASETS = {*ORDER_DATASETS.values(), *ITEM_DATASETS.values()}

NOT_YET_OR_NO_LONGER_SOLD = ("PENDING_AVAILABILITY", "PENDING", "CANCELLED")
FBA_ADDRESS = ("city", "stateOrRegion", "postalCode", "countryCode")
ROLELESS_ADDRESS = ("city", "stateOrRegion", "countryCode")


def read_included(text: str | None) -> set[str]:
    """The datasets named in `includedData`; a 400 when one is unknown."""
    asked = set() if text is None else set(text.split(","))
    if asked - DATASETS:
        raise invalid_input("The value of includedData is invalid.")
    return asked


def visible(order: Order, included: set[str], *, pii: bool, now: datetime) -> Order:
    """A copy of the order as one answer shows it; `pii` says whether the roles are held."""
    seen = copy.deepcopy(order)
    _withhold(seen, pii=pii, now=now)
    if order["fulfillment"].get("fulfilledBy") != "MERCHANT":
        seen.pop("packages", None)
    _drop(seen, (key for key, dataset in ORDER_DATASETS.items() if dataset not in included))
    for item in seen["orderItems"]:
        _drop(item, (key for key, dataset in ITEM_DATASETS.items() if dataset not in included))
    return seen


def _withhold(order: Order, *, pii: bool, now: datetime) -> None:
    status = status_of(order)
    if status in NOT_YET_OR_NO_LONGER_SOLD:
        _drop(order, ("buyer", "recipient", "proceeds"))
        for item in order["orderItems"]:
            _drop(item, ("proceeds",))
    if order["fulfillment"].get("fulfilledBy") == "AMAZON":
        _drop(order.get("buyer", {}), ("buyerName", "buyerEmail"))
        _reduce_recipient(order, FBA_ADDRESS)
    elif status == "SHIPPED" and _delivery_is_over(order, now):
        _drop(order.get("recipient", {}).get("deliveryAddress", {}), ("phone",))
    if not pii:
        _drop(order, ("buyer",))
        _reduce_recipient(order, ROLELESS_ADDRESS)
        _drop(order.get("tax", {}), ("taxRegistrations",))
        for item in order["orderItems"]:
            packing = item.get("fulfillment", {}).get("packing", {})
            _drop(packing.get("giftOption", {}), ("giftMessage",))
            _drop(item["product"], ("customization",))
    # What is withheld is absent, not an empty object.
    _drop(order, [key for key in ("buyer", "recipient") if not order.get(key)])


def _reduce_recipient(order: Order, kept: Iterable[str]) -> None:
    if "recipient" in order:
        address = order["recipient"].get("deliveryAddress", {})
        left = {key: address[key] for key in kept if key in address}
        order["recipient"] = {"deliveryAddress": left} if left else {}


def _delivery_is_over(order: Order, now: datetime) -> bool:
    latest = order["fulfillment"].get("deliverByWindow", {}).get("latestDateTime")
    return latest is not None and parse(latest) < now


def _drop(body: Order, keys: Iterable[str]) -> None:
    for key in keys:
        body.pop(key, None)
