"""What Amazon refuses of a refund by feed: its rules of sign, net, tax and balance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sandbox.amazon.errors import Refused
from sandbox.amazon.proceeds import TAX_OF, ZERO, Amounts, Paid

CONCESSIONS = ("ReturnShipping", "Goodwill", "Other", "FreeReplacementReturnShipping")
KEPT = ("RestockingFee", "RestockingFeeTax")
"""What may be charged to the buyer: negative."""
TAXES = tuple(TAX_OF.values())
CONCESSIONS_AT_MOST = Decimal(150)
RETURN_SHIPPING_ABOVE = Decimal(10)


@dataclass(frozen=True)
class Adjusted:
    """One order item of a refund; `reference` is the seller's own."""

    item_id: str
    reference: str | None
    reason: str
    currency: str
    amounts: Amounts


def check_refund(
    items: Sequence[Adjusted], paid: Mapping[str, Paid], before: Mapping[str, Amounts]
) -> None:
    """Raise Refused when the refund breaks a rule; `before` is what was refunded per item."""
    seen: set[str] = set()
    for item in items:
        if item.item_id not in paid or item.item_id in seen:
            raise Refused("The AmazonOrderItemCode is not of this order, or there twice.")
        seen.add(item.item_id)
        if item.currency != paid[item.item_id].currency:
            raise Refused("The currency is not the one of the order.")
        _check_signs(item.amounts)
        _check_tax(item.amounts, paid[item.item_id])
        if sum(item.amounts.values(), ZERO) <= 0:
            raise net_is_not_positive()
        _check_balances(item.amounts, paid[item.item_id], before.get(item.item_id, {}))
    _check_concessions(items, paid, before)


def net_is_not_positive() -> Refused:
    """Zero, below, or refunded already."""
    return Refused(
        "The net adjustment amount is not a positive amount and has therefore been rejected.",
        page="30741",
    )


def too_much() -> Refused:
    """More than there is to refund, or an order that Amazon fulfils."""
    return Refused(
        "The requested refund amount exceeds the amount that can be refunded.", page="25281"
    )


def _check_signs(amounts: Amounts) -> None:
    for component, amount in amounts.items():
        if amount < 0 and component not in KEPT:
            raise Refused(
                "Adjustment amount for item price is a negative value. You cannot charge a"
                " customer's credit card by supplying a negative value.",
                page="25221",
            )
        if amount > 0 and component in KEPT:
            raise too_much()


def _check_tax(amounts: Amounts, paid: Paid) -> None:
    """A tax inside the price, and one that Amazon keeps, is no component of a refund."""
    for slot, tax in TAX_OF.items():
        is_the_sellers = paid.taxes[slot] and not paid.is_tax_inside and not paid.is_facilitated
        if amounts.get(tax) and not is_the_sellers:
            raise Refused(
                "The requested refund amount for the tax or shipping tax is not eligible."
            )


def _check_balances(amounts: Amounts, paid: Paid, before: Amounts) -> None:
    for component, amount in amounts.items():
        if component in CONCESSIONS or amount <= 0:
            continue
        left = paid.balances.get(component, ZERO) - before.get(component, ZERO)
        if amount <= left:
            continue
        if left <= 0 and before.get(component):
            raise net_is_not_positive()
        if component in ("Shipping", "ShippingTax"):
            raise Refused("Shipping or its tax: too high.", page="25181")
        raise Refused("Item price or its tax: too high.", page="25161")


def _check_concessions(
    items: Sequence[Adjusted], paid: Mapping[str, Paid], before: Mapping[str, Amounts]
) -> None:
    """Ceilings of the whole order; they bind only a refund that grants a concession."""
    granted = [*before.values(), *(item.amounts for item in items)]
    if not any(item.amounts.get(kind) for item in items for kind in CONCESSIONS):
        return
    concessions = sum((one.get(kind, ZERO) for one in granted for kind in CONCESSIONS), ZERO)
    returns = sum((one.get("ReturnShipping", ZERO) for one in granted), ZERO)
    shipping = sum((one.balances["Shipping"] for one in paid.values()), ZERO)
    if concessions > CONCESSIONS_AT_MOST or returns > 2 * shipping + RETURN_SHIPPING_ABOVE:
        raise too_much()
