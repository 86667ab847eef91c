"""What an order brought, cost and gave back, from its transactions. Pure.

The names of amounts are an open list of Amazon's: what is not known here counts as `other`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from pipeline.amazon.transactions import Leaf, Transaction
from pipeline.base.money import ZERO

REFUNDS = frozenset({"refund", "chargerefund"})
"""The kinds of transactions that give a buyer money back, in lower case."""
_CHARGES = ("ourpriceprincipal", "shippingprincipal", "giftwrap")
_TAXES = ("ourpricetax", "shippingtax", "giftwraptax")
_DISCOUNTS = ("discount", "promo")
_WITHHELD = ("marketplacefacilitator", "lowvaluegoodstax")
_FEES = frozenset({"amazonfees", "fbafees"})
_NAME = re.compile(r"(?=.{1,60}$)[A-Za-z][A-Za-z0-9_-]*(?: [A-Za-z0-9_-]+){0,3}")
UNREADABLE_NAME = "(no name)"
"""Stands for a text in the place of a name."""


@dataclass(frozen=True, slots=True)
class UnknownAmount:
    """Amounts whose name is not known here: the name, their number, and their sum."""

    name: str
    number: int
    total: Decimal


@dataclass(frozen=True, slots=True)
class OrderMoney:
    """The money of an order in one currency; what leaves the seller is negative.

    `charges`, `taxes` and `discounts` are the buyer's, of sales alone; `withheld_tax` is the tax
    that Amazon keeps. `fees` and the tax within them, `fee_tax`, are of sales and refunds.
    `refunds` is what the buyer got back, `refunds_withheld_tax` the part of it that Amazon paid
    from the tax it kept. `other` is everything else; all but `fee_tax` sum to `net`. `unknown` are
    the amounts in `other` whose name is not known here, by name. `is_expected` means that a part is
    still held back: these amounts are estimates.
    """

    currency: str
    charges: Decimal
    taxes: Decimal
    discounts: Decimal
    withheld_tax: Decimal
    fees: Decimal
    fee_tax: Decimal
    refunds: Decimal
    refunds_withheld_tax: Decimal
    other: Decimal
    net: Decimal
    is_expected: bool
    unknown: tuple[UnknownAmount, ...] = ()

    @property
    def paid_by_buyer(self) -> Decimal:
        """What the buyer paid for all sales."""
        return self.charges + self.taxes + self.discounts


def refunded_to_buyer(transactions: Iterable[Transaction]) -> Decimal:
    """What the buyer got back, zero or more; copies of deferred transactions do not count."""
    return -sum(
        (
            leaf.amount
            for one in transactions
            if is_refund(one) and not one.copy_of
            for leaf in one.counted
            if _is_buyers(leaf)
        ),
        ZERO,
    )


def refunded_by_amazon(transactions: Iterable[Transaction]) -> Decimal:
    """The part of `refunded_to_buyer` that Amazon paid from the tax it kept, zero or more."""
    return sum(
        (
            leaf.amount
            for one in transactions
            if is_refund(one) and not one.copy_of
            for leaf in one.counted
            if _part(leaf) == "withheld_tax"
        ),
        ZERO,
    )


def is_between_amazon_and_seller(leaf: Leaf) -> bool:
    """Whether the buyer has no part in the amount: a fee, or tax that Amazon keeps."""
    return _part(leaf) in ("fees", "withheld_tax")


def is_refund(one: Transaction) -> bool:
    """Whether the transaction gives the buyer money back."""
    return one.kind.lower() in REFUNDS


def order_money(transactions: Sequence[Transaction]) -> list[OrderMoney]:
    """The money of an order, for each currency of its transactions."""
    own = [one for one in transactions if not one.copy_of]
    released = {one.copy_of for one in transactions}
    currencies = sorted({one.currency for one in own})
    return [
        _money(currency, [one for one in own if one.currency == currency], released)
        for currency in currencies
    ]


def _money(
    currency: str, transactions: Sequence[Transaction], released: Collection[str]
) -> OrderMoney:
    sums = dict.fromkeys(("charges", "taxes", "discounts", "withheld_tax", "fees"), ZERO)
    fee_tax = refunds = refunds_withheld = ZERO
    for one in transactions:
        for leaf in one.counted:
            part = _part(leaf)
            if part == "fees":
                sums["fees"] += leaf.amount
                fee_tax += leaf.tax
            elif is_refund(one) and part == "withheld_tax":
                refunds_withheld += leaf.amount
            elif is_refund(one) and _is_buyers(leaf):
                refunds += leaf.amount
            elif part in sums:
                sums[part] += leaf.amount
    net = sum((one.total for one in transactions), ZERO)
    known = sum(sums.values(), ZERO) + refunds + refunds_withheld
    return OrderMoney(
        currency=currency,
        **sums,
        fee_tax=fee_tax,
        refunds=refunds,
        refunds_withheld_tax=refunds_withheld,
        other=net - known,
        net=net,
        is_expected=any(
            one.is_deferred and one.transaction_id not in released for one in transactions
        ),
        unknown=_by_name(leaf for one in transactions for leaf in _unknown(one)),
    )


class Figures(NamedTuple):
    """What Today and doctor sum up of a transaction: the charges of a sale, Amazon's fees (below
    zero where the seller pays), and each amount whose name is not known here."""

    charges: Decimal
    fees: Decimal
    unknown: tuple[Leaf, ...]


def figures(one: Transaction) -> Figures:
    """The transaction's figures, by the same rules as the money of an order."""
    charges = fees = ZERO
    for leaf in one.counted:
        part = _part(leaf)
        if part == "fees":
            fees += leaf.amount
        elif part == "charges" and not is_refund(one):
            charges += leaf.amount
    return Figures(charges, fees, tuple(_unknown(one)))


def _unknown(one: Transaction) -> Iterator[Leaf]:
    return (leaf for leaf in one.counted if _part(leaf) == "other" and not _is_buyers(leaf))


def _by_name(leaves: Iterable[Leaf]) -> tuple[UnknownAmount, ...]:
    amounts: dict[str, list[Decimal]] = {}
    for leaf in leaves:
        amounts.setdefault(shown_name(leaf.kind), []).append(leaf.amount)
    return tuple(
        UnknownAmount(name, len(own), sum(own, ZERO)) for name, own in sorted(amounts.items())
    )


def shown_name(kind: str) -> str:
    """Amazon's name of an amount as pages and commands show it. What is no name but a text, which
    nobody has checked, is not repeated."""
    return kind if _NAME.fullmatch(kind) else UNREADABLE_NAME


def _is_buyers(leaf: Leaf) -> bool:
    """Whether the amount is between the buyer and the seller: a price, its tax, a discount, a
    concession, or what was kept of a refund for restocking."""
    return _part(leaf) in ("charges", "taxes", "discounts") or leaf.kind.lower().startswith(
        ("goodwill", "restockingdeduction")
    )


def _part(leaf: Leaf) -> str:
    kind, group = leaf.kind.lower().replace(" ", ""), leaf.group.lower().replace(" ", "")
    if group in _FEES:
        return "fees"
    if kind.startswith(_WITHHELD):
        return "withheld_tax"
    if any(word in kind for word in _DISCOUNTS):
        return "discounts"
    if kind.startswith(_TAXES):
        return "taxes"
    return "charges" if kind.startswith(_CHARGES) else "other"
