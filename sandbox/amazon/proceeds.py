"""What the buyer paid for an order item, component by component, read from its proceeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from sandbox.amazon.builders import WITHOUT_DECIMALS

ZERO = Decimal(0)
SLOTS = {"ITEM": "Principal", "SHIPPING": "Shipping", "GIFT_WRAP": "GiftWrap"}
"""Breakdown type of the order's proceeds → component of a refund."""
TAX_OF = {"Principal": "Tax", "Shipping": "ShippingTax", "GiftWrap": "GiftWrapTax"}

Amounts = Mapping[str, Decimal]
"""Component of a refund → amount."""


@dataclass(frozen=True)
class Paid:
    """An item's money: by component what can be refunded, and what it is made of.

    `discounts` and `taxes` are by the component they belong to, both positive. A tax inside the
    price is part of the component; a tax that Amazon keeps can be refunded by Amazon alone.
    """

    currency: str
    balances: Amounts
    discounts: Amounts
    taxes: Amounts
    is_tax_inside: bool
    is_facilitated: bool

    @property
    def minor_unit(self) -> Decimal:
        """The smallest amount of the currency."""
        return Decimal(1) if self.currency in WITHOUT_DECIMALS else Decimal("0.01")

    def rounded(self, amount: Decimal) -> Decimal:
        """The amount in whole minor units, half up."""
        return amount.quantize(self.minor_unit, rounding=ROUND_HALF_UP)

    def share(self, total: Decimal, part: Decimal, whole: Decimal) -> Decimal:
        """As much of `total` as `part` is of `whole`; all of it at the end, to the cent."""
        return self.rounded(total * part / whole) if whole else ZERO

    def at(self, quantity: int, ordered: int) -> dict[str, Decimal]:
        """The balances of the first `quantity` units of `ordered`."""
        return {
            component: self.share(amount, Decimal(quantity), Decimal(ordered))
            for component, amount in self.balances.items()
        }


def paid_for(item: Mapping[str, Any]) -> Paid:
    """Read an order item; what is missing or not readable counts as nothing."""
    proceeds = _part(item, "proceeds")
    prices = dict.fromkeys(SLOTS.values(), ZERO)
    taxes, discounts = dict(prices), dict(prices)
    tax_total = ZERO
    for breakdown in _list(proceeds, "breakdowns"):
        kind, subtotal = breakdown.get("type"), _amount(breakdown, "subtotal")
        if kind in SLOTS:
            prices[SLOTS[kind]] += subtotal
        elif kind == "TAX":
            _spread(taxes, breakdown, subtotal)
            tax_total += subtotal
        elif kind == "DISCOUNT":
            _spread(discounts, breakdown, abs(subtotal))
    balances = {component: prices[component] - discounts[component] for component in prices}
    is_inside = tax_total > 0 and _amount(proceeds, "proceedsTotal") == sum(balances.values(), ZERO)
    is_facilitated = any(
        collection.get("model") == "MARKETPLACE_FACILITATOR"
        for collection in _list(_part(item, "tax"), "taxCollections")
    )
    on_top = ZERO if is_inside or is_facilitated else Decimal(1)
    return Paid(
        currency=str(_part(proceeds, "proceedsTotal").get("currencyCode", "EUR")),
        balances=balances | {TAX_OF[slot]: tax * on_top for slot, tax in taxes.items()},
        discounts=discounts,
        taxes=taxes,
        is_tax_inside=is_inside,
        is_facilitated=is_facilitated,
    )


def _spread(parts: dict[str, Decimal], breakdown: Mapping[str, Any], subtotal: Decimal) -> None:
    """Add a breakdown's details to what they belong to; the rest belongs to the goods."""
    rest = subtotal
    for detail in _list(breakdown, "detailedBreakdowns"):
        component = SLOTS.get(str(detail.get("subtype")))
        if component is not None:
            amount = abs(_amount(detail, "value"))
            parts[component] += amount
            rest -= amount
    parts["Principal"] += rest


def _part(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = of.get(name)
    return found if isinstance(found, Mapping) else {}


def _list(of: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = of.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _amount(of: Mapping[str, Any], name: str) -> Decimal:
    try:
        amount = Decimal(_part(of, name)["amount"])
    except (KeyError, TypeError, ValueError, InvalidOperation):
        return ZERO
    return amount if amount.is_finite() else ZERO
