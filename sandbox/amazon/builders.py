"""Orders as Amazon would hold them, for the demo and the tests.

An order built here is the whole truth; the stand-in decides what of it an answer shows.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.amazon.times import iso, parse

Order = dict[str, Any]

GERMANY = "A1PA6795UKMFR9"
ADDRESS = {
    "addressLine1": "Musterstraße 12",
    "city": "Berlin",
    "postalCode": "10115",
    "countryCode": "DE",
    "phone": "+49 30 5550123",
    "addressType": "RESIDENTIAL",
}
WITHOUT_DECIMALS = ("JPY",)


@dataclass(frozen=True)
class Line:
    """One order item; all amounts but `unit_price` are for the whole line, discounts positive."""

    sku: str
    quantity: int
    unit_price: Decimal
    shipping: Decimal
    gift_wrap: Decimal
    discount: Decimal
    shipping_discount: Decimal
    tax: Decimal
    shipping_tax: Decimal
    gift_wrap_tax: Decimal
    item_id: str | None
    title: str
    asin: str
    programs: Sequence[str]
    gift_message: str | None


def a_line(
    sku: str,
    quantity: int = 1,
    *,
    unit: str = "10.00",
    shipping: str = "0",
    gift_wrap: str = "0",
    discount: str = "0",
    shipping_discount: str = "0",
    tax: str = "0",
    shipping_tax: str = "0",
    gift_wrap_tax: str = "0",
    item_id: str | None = None,
    title: str | None = None,
    asin: str = "B000SANDBX",
    programs: Sequence[str] = (),
    gift_message: str | None = None,
) -> Line:
    """A line of `quantity` × `unit`; every other amount is the total of the line.

    `tax` is the goods' part only. Without `item_id` the order gives one, from its own id.
    """
    return Line(
        sku=sku,
        quantity=quantity,
        unit_price=Decimal(unit),
        shipping=Decimal(shipping),
        gift_wrap=Decimal(gift_wrap),
        discount=Decimal(discount),
        shipping_discount=Decimal(shipping_discount),
        tax=Decimal(tax),
        shipping_tax=Decimal(shipping_tax),
        gift_wrap_tax=Decimal(gift_wrap_tax),
        item_id=item_id,
        title=title or f"Product {sku}",
        asin=asin,
        programs=programs,
        gift_message=gift_message,
    )


@dataclass(frozen=True)
class _Amounts:
    """How this order writes money down: currency, tax on top or inside, sign of discounts."""

    currency: str
    tax_included: bool
    discount_positive: bool

    def money(self, amount: Decimal) -> dict[str, str]:
        decimals = 0 if self.currency in WITHOUT_DECIMALS else 2
        if amount == round(amount, decimals):
            amount = round(amount, decimals)
        return {"amount": f"{amount:f}", "currencyCode": self.currency}

    def proceeds(self, line: Line) -> dict[str, Any]:
        sign = 1 if self.discount_positive else -1
        taxes = {"ITEM": line.tax, "SHIPPING": line.shipping_tax, "GIFT_WRAP": line.gift_wrap_tax}
        discounts = {"ITEM": sign * line.discount, "SHIPPING": sign * line.shipping_discount}
        breakdowns = [{"type": "ITEM", "subtotal": self.money(line.quantity * line.unit_price)}]
        for kind, amount in (("SHIPPING", line.shipping), ("GIFT_WRAP", line.gift_wrap)):
            if amount:
                breakdowns.append({"type": kind, "subtotal": self.money(amount)})
        for kind, parts in (("TAX", taxes), ("DISCOUNT", discounts)):
            if any(parts.values()):
                breakdowns.append(self._detailed(kind, parts))
        return {"proceedsTotal": self.money(self.total(line)), "breakdowns": breakdowns}

    def _detailed(self, kind: str, parts: dict[str, Decimal]) -> dict[str, Any]:
        return {
            "type": kind,
            "subtotal": self.money(sum(parts.values(), Decimal(0))),
            "detailedBreakdowns": [
                {"subtype": part, "value": self.money(amount)}
                for part, amount in parts.items()
                if amount
            ],
        }

    def total(self, line: Line) -> Decimal:
        total = line.quantity * line.unit_price + line.shipping + line.gift_wrap
        if not self.tax_included:
            total += line.tax + line.shipping_tax + line.gift_wrap_tax
        return total - line.discount - line.shipping_discount


def an_order(
    order_id: str,
    *,
    status: str = "UNSHIPPED",
    fulfilled_by: str = "MERCHANT",
    marketplace: str = GERMANY,
    currency: str = "EUR",
    lines: Sequence[Line] | None = None,
    email: str | None = "",
    name: str = "Erika Mustermann",
    address: dict[str, str] | None = None,
    programs: Sequence[str] = (),
    service_level: str = "STANDARD",
    tax_included: bool = False,
    discount_positive: bool = False,
    created_at: datetime | None = None,
) -> Order:
    """An order whose item and order proceeds agree to the cent.

    Tax is added on top and discounts are negative, unless the options say otherwise. An empty
    `email` becomes a relay address made of the order id, None leaves it out. `address` holds
    deliveryAddress fields and replaces the default as a whole. Without `created_at` the order has
    no times: the stand-in gives them when it stores it (`stamped`).
    """
    lines = lines or [a_line("SKU-1")]
    amounts = _Amounts(currency, tax_included, discount_positive)
    digits = order_id.replace("-", "")
    if email == "":
        email = f"{digits}@marketplace.amazon.de"
    shipped = status == "SHIPPED"
    total = sum((amounts.total(line) for line in lines), Decimal(0))
    order: Order = {
        "orderId": order_id,
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": marketplace},
        "programs": list(programs),
        "buyer": {"buyerName": name} | ({"buyerEmail": email} if email else {}),
        "recipient": {"deliveryAddress": {"name": name} | (address or ADDRESS)},
        "fulfillment": {
            "fulfillmentStatus": status,
            "fulfilledBy": fulfilled_by,
            "fulfillmentServiceLevel": service_level,
        },
        "orderItems": [
            _item(line, line.item_id or f"{digits}{number:02}", amounts, shipped=shipped)
            for number, line in enumerate(lines, start=1)
        ],
    }
    order["proceeds"] = {
        "grandTotal": amounts.money(total),
        "breakdowns": _summed(order["orderItems"], amounts),
    }
    order["payment"] = {
        "paymentExecutions": [
            {"paymentMethod": "CreditCard", "paymentAmount": amounts.money(total)}
        ]
    }
    return order if created_at is None else stamped(order, created_at)


def stamped(order: Order, at: datetime) -> Order:
    """A copy of the order with every time it lacks: placed and updated at `at`, due days later."""
    result = copy.deepcopy(order)
    placed_at = parse(result.setdefault("createdTime", iso(at)))
    result.setdefault("lastUpdatedTime", iso(at))
    windows = {
        "shipByWindow": (timedelta(0), timedelta(days=2)),
        "deliverByWindow": (timedelta(days=3), timedelta(days=5)),
    }
    for window, (earliest, latest) in windows.items():
        times = (placed_at + earliest, placed_at + latest)
        dated = dict(zip(("earliestDateTime", "latestDateTime"), map(iso, times), strict=True))
        result["fulfillment"].setdefault(window, dated)
    return result


def a_cancellation_request(order: Order, reason: str = "Ordered by mistake") -> Order:
    """The merge patch by which the buyer asks to cancel every item of the order."""
    items = copy.deepcopy(order["orderItems"])
    for item in items:
        request = {"requester": "BUYER", "cancelReason": reason}
        item["cancellation"] = {"cancellationRequest": request}
    return {"orderItems": items}


def _item(line: Line, item_id: str, amounts: _Amounts, *, shipped: bool) -> dict[str, Any]:
    item: dict[str, Any] = {
        "orderItemId": item_id,
        "quantityOrdered": line.quantity,
        "programs": list(line.programs),
        "product": {
            "asin": line.asin,
            "title": line.title,
            "sellerSku": line.sku,
            "condition": {"conditionType": "NEW", "conditionSubtype": "NEW"},
            "price": {"unitPrice": amounts.money(line.unit_price)},
        },
        "proceeds": amounts.proceeds(line),
        "fulfillment": {
            "quantityFulfilled": line.quantity if shipped else 0,
            "quantityUnfulfilled": 0 if shipped else line.quantity,
        },
    }
    if line.discount or line.shipping_discount:
        item["promotion"] = {"breakdowns": [{"promotionId": f"PROMO-{line.sku}"}]}
    gift = {"giftWrapLevel": "STANDARD"} if line.gift_wrap else {}
    if line.gift_message is not None:
        gift["giftMessage"] = line.gift_message
    if gift:
        item["fulfillment"]["packing"] = {"giftOption": gift}
    return item


def _summed(items: list[dict[str, Any]], amounts: _Amounts) -> list[dict[str, Any]]:
    """The order-level breakdowns: the items' subtotals by type, without details."""
    sums: dict[str, Decimal] = {}
    for item in items:
        for breakdown in item["proceeds"]["breakdowns"]:
            amount = Decimal(breakdown["subtotal"]["amount"])
            sums[breakdown["type"]] = sums.get(breakdown["type"], Decimal(0)) + amount
    return [{"type": kind, "subtotal": amounts.money(amount)} for kind, amount in sums.items()]
