"""A sale's and a refund's money in the words of Finances: leaves, their groups, and the fees.

The fees by rule: a commission of 15 % of what the buyer paid for the goods, 3.00 for each unit that
Amazon sends (a fifth of it is tax), and for a refund a fifth of the commission given back, 5.00 at
most.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.amazon.proceeds import TAX_OF, ZERO, Amounts, Paid

COMMISSION = Decimal("0.15")
FBA_FEE_EACH = Decimal(3)
TAX_IN_FBA_FEE = Decimal("0.2")
REFUND_COMMISSION = Decimal("0.2")
REFUND_COMMISSION_AT_MOST = Decimal(5)
NEW_FEE = "SandboxNovelFee"

GROUPS = {
    "OurPricePrincipal": "ProductCharges",
    "OurPriceTax": "Tax",
    "ShippingTax": "Tax",
    "GiftwrapTax": "Tax",
    "ShippingPrincipal": "Shipping",
    "GiftwrapPrincipal": "GiftWrap",
    "OurPriceDiscount": "PromoRebates",
    "ShippingDiscount": "PromoRebates",
    "GiftwrapDiscount": "PromoRebates",
    "Commission": "AmazonFees",
    "RefundCommission": "AmazonFees",
    "FBAPerUnitFulfillmentFee": "AmazonFees",
    NEW_FEE: "AmazonFees",
}
"""Leaf → its group. A leaf that is not listed stands beside the groups."""

_LEAVES = {
    "Principal": ("OurPrice", "OurPriceTax", "MarketplaceFacilitatorTax-Principal"),
    "Shipping": ("Shipping", "ShippingTax", "MarketplaceFacilitatorTax-Shipping"),
    "GiftWrap": ("Giftwrap", "GiftwrapTax", "MarketplaceFacilitatorTax-Other"),
}
_CONCESSIONS = {
    "Goodwill": "GoodwillPrincipal",
    "ReturnShipping": "ReturnShipping",
    "Other": "OtherConcession",
    "FreeReplacementReturnShipping": "FreeReplacementReturnShipping",
    "RestockingFee": "RestockingDeductionPrincipal",
    "RestockingFeeTax": "RestockingDeductionTax",
}


@dataclass(frozen=True)
class Fee:
    """A fee that Amazon takes (negative) or gives back, and the tax within it."""

    amount: Decimal
    tax: Decimal = ZERO


def sale(paid: Paid, posted: int, shipped: int, ordered: int) -> dict[str, Decimal]:
    """The buyer's side of the units after `posted` up to `shipped`."""
    return _difference(
        _leaves(paid, paid.at(shipped, ordered)), _leaves(paid, paid.at(posted, ordered))
    )


def sale_fees(
    paid: Paid, posted: int, shipped: int, ordered: int, *, by_amazon: bool
) -> dict[str, Fee]:
    """What Amazon takes for these units."""
    later, earlier = paid.at(shipped, ordered), paid.at(posted, ordered)
    fees = {"Commission": Fee(_commission(paid, earlier) - _commission(paid, later))}
    if by_amazon:
        fee = paid.rounded(FBA_FEE_EACH * (shipped - posted))
        fees["FBAPerUnitFulfillmentFee"] = Fee(-fee, -paid.rounded(fee * TAX_IN_FBA_FEE))
    return fees


def refund(paid: Paid, before: Amounts, amounts: Amounts) -> dict[str, Decimal]:
    """The buyer's side of a refund, negative; `before` is what was refunded earlier."""
    return _difference(_leaves(paid, before), _leaves(paid, _summed(before, amounts)))


def refund_fees(paid: Paid, before: Amounts, amounts: Amounts) -> dict[str, Fee]:
    """The commission given back, and what the refund costs; nothing without goods in it."""
    after = _summed(before, amounts)
    given_back = _commission(paid, after) - _commission(paid, before)
    if given_back <= 0:
        return {}
    cost = min(paid.rounded(given_back * REFUND_COMMISSION), REFUND_COMMISSION_AT_MOST)
    return {"Commission": Fee(given_back), "RefundCommission": Fee(-cost)}


def _commission(paid: Paid, amounts: Amounts) -> Decimal:
    return paid.rounded(amounts.get("Principal", ZERO) * COMMISSION)


def _leaves(paid: Paid, amounts: Amounts) -> dict[str, Decimal]:
    """The leaves of a sale of these amounts."""
    leaves: dict[str, Decimal] = {}
    for component, (name, tax_leaf, withheld) in _LEAVES.items():
        amount, whole = amounts.get(component, ZERO), paid.balances[component]
        discount = paid.share(paid.discounts[component], amount, whole)
        tax = amounts.get(TAX_OF[component], ZERO)
        price = amount + discount
        if paid.is_tax_inside or paid.is_facilitated:
            tax = paid.share(paid.taxes[component], amount, whole)
        if paid.is_tax_inside:
            price -= tax
        if paid.is_facilitated:
            leaves[withheld] = -tax
        leaves[f"{name}Principal"] = price
        leaves[tax_leaf] = tax
        leaves[f"{name}Discount"] = -discount
    for component, leaf in _CONCESSIONS.items():
        leaves[leaf] = amounts.get(component, ZERO)
    return leaves


def _summed(one: Amounts, other: Amounts) -> dict[str, Decimal]:
    return {name: one.get(name, ZERO) + other.get(name, ZERO) for name in {**one, **other}}


def _difference(later: Amounts, earlier: Amounts) -> dict[str, Decimal]:
    parts = {name: later.get(name, ZERO) - earlier.get(name, ZERO) for name in later}
    return {name: amount for name, amount in parts.items() if amount}


def money(amount: Decimal, currency: str) -> dict[str, Any]:
    """An amount as a JSON number."""
    return {"currencyAmount": float(amount), "currencyCode": currency}


def item_tree(leaves: Amounts, fees: Mapping[str, Fee], currency: str) -> list[dict[str, Any]]:
    """An item's breakdowns: groups, leaves, and below each fee its base and its tax."""
    nodes: list[tuple[str, Decimal, list[dict[str, Any]]]] = [
        (leaf, amount, []) for leaf, amount in leaves.items()
    ]
    for name, fee in fees.items():
        parts = {"Base": fee.amount - fee.tax, "Tax": fee.tax}
        children = [_node(part, amount, currency) for part, amount in parts.items() if amount]
        nodes.append((name, fee.amount, children))
    tree: dict[str, dict[str, Any]] = {}
    sums: dict[str, Decimal] = {}
    for name, amount, children in nodes:
        leaf = _node(name, amount, currency, children)
        group = GROUPS.get(name)
        if group is None:
            tree[name] = leaf
            continue
        sums[group] = sums.get(group, ZERO) + amount
        tree.setdefault(group, _node(group, ZERO, currency))["breakdowns"].append(leaf)
        tree[group]["breakdownAmount"] = money(sums[group], currency)
    return list(tree.values())


def top_tree(parts: Iterable[tuple[str, Decimal]], currency: str) -> list[dict[str, Any]]:
    """A transaction's breakdowns, two levels only: groups above zero are Sales, below Expenses."""
    sums: dict[str, Decimal] = {}
    for name, amount in parts:
        group = GROUPS.get(name, name)
        sums[group] = sums.get(group, ZERO) + amount
    sides = (
        ("Sales", {group: amount for group, amount in sums.items() if amount > 0}),
        ("Expenses", {group: amount for group, amount in sums.items() if amount < 0}),
    )
    return [
        _node(
            side,
            sum(groups.values(), ZERO),
            currency,
            [_node(group, amount, currency) for group, amount in groups.items()],
        )
        for side, groups in sides
        if groups
    ]


def _node(
    name: str, amount: Decimal, currency: str, children: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    return {
        "breakdownType": name,
        "breakdownAmount": money(amount, currency),
        "breakdowns": children or [],
    }
