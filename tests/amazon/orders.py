"""Hand-written orders in Amazon's JSON, as an answer of searchOrders holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, settings

# How long an example takes says more of the machine than of the code.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

GERMANY, UNITED_STATES, JAPAN = "A1PA6795UKMFR9", "ATVPDKIKX0DER", "A1VC38T7YXB528"


def money(amount: str, currency: str = "EUR") -> dict[str, str]:
    return {"amount": amount, "currencyCode": currency}


def breakdown(
    kind: str, subtotal: str, details: Mapping[str, str] | None = None, currency: str = "EUR"
) -> dict[str, Any]:
    """An entry of a proceeds list; only TAX and DISCOUNT have details."""
    entry: dict[str, Any] = {"type": kind, "subtotal": money(subtotal, currency)}
    if details is not None:
        entry["detailedBreakdowns"] = [
            {"subtype": subtype, "value": money(value, currency)}
            for subtype, value in details.items()
        ]
    return entry


def an_item(
    *breakdowns: dict[str, Any],
    total: str | None = None,
    item_id: str = "11111111111111",
    quantity: int = 1,
    unit_price: str | None = None,
    currency: str = "EUR",
    facilitated: bool = False,
) -> dict[str, Any]:
    """An item with these proceeds, and with nothing of which the test does not speak."""
    item: dict[str, Any] = {
        "orderItemId": item_id,
        "quantityOrdered": quantity,
        "product": {"sellerSku": f"SKU-{item_id[:1]}", "title": "A thing"},
        "proceeds": {"breakdowns": list(breakdowns)},
    }
    if total is not None:
        item["proceeds"]["proceedsTotal"] = money(total, currency)
    if unit_price is not None:
        item["product"]["price"] = {"unitPrice": money(unit_price, currency)}
    if facilitated:
        item["tax"] = {"taxCollections": [{"model": "MARKETPLACE_FACILITATOR"}]}
    return item


def an_order(
    *items: dict[str, Any],
    grand_total: str | None = None,
    breakdowns: list[dict[str, Any]] | None = None,
    marketplace: str = GERMANY,
    currency: str = "EUR",
    **changes: Any,
) -> dict[str, Any]:
    """An unshipped merchant-fulfilled order; `changes` replace top-level keys."""
    order: dict[str, Any] = {
        "orderId": "302-1111111-2222222",
        "createdTime": "2026-11-20T08:00:00Z",
        "lastUpdatedTime": "2026-11-21T09:30:00.250Z",
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": marketplace},
        "fulfillment": {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "MERCHANT"},
        "orderItems": list(items) or [an_item()],
        "proceeds": {"breakdowns": breakdowns or []},
    }
    if grand_total is not None:
        order["proceeds"]["grandTotal"] = money(grand_total, currency)
    return order | changes
