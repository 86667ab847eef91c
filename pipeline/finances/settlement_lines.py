"""Names the amounts of an order in which a settlement and the transactions differ. Pure.

The two name the same amount in different words: a settlement has ItemPrice, Principal where a
transaction has OurPricePrincipal. What has no pair stands for itself on its side.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from pipeline.amazon.transactions import Transaction
from pipeline.base.money import ZERO
from pipeline.finances.settlement_tables import SettlementRow

_SIGNS = re.compile(r"[\W_]+")
_PAIRS = {
    ("itemprice", "principal"): "OurPricePrincipal",
    ("itemprice", "tax"): "OurPriceTax",
    ("itemprice", "shipping"): "ShippingPrincipal",
    ("itemprice", "giftwrap"): "GiftwrapPrincipal",
    ("itemprice", "goodwill"): "GoodwillPrincipal",
    ("itemprice", "restockingfee"): "RestockingDeductionPrincipal",
    ("promotion", "principal"): "OurPriceDiscount",
    ("promotion", "shipping"): "ShippingDiscount",
    ("promotion", "taxdiscount"): "ShippingTaxDiscount",
    ("promotion", "giftwrap"): "GiftwrapDiscount",
    ("itemprice", "restockingfeetax"): "RestockingDeductionTax",
}


class Amount(NamedTuple):
    """An amount of an order on one of the two sides; `number` is its line in the settlement."""

    is_refund: bool
    kind: str
    sku: str
    amount: Decimal
    number: int | None = None


@dataclass(frozen=True, slots=True)
class LineDifference:
    """A kind of amount of a SKU in which the two sides differ, and its lines in the settlement."""

    transaction_type: str
    kind: str
    sku: str
    settled: Decimal
    released: Decimal
    numbers: tuple[int, ...]


def amount_of_row(row: SettlementRow) -> Amount:
    """The amount of a settlement's row, by the transactions' word for it where one is known."""
    words = (_folded(row.amount_type), _folded(row.amount_description))
    kind = _PAIRS.get(words, row.amount_description or row.amount_type)
    return Amount(_is_refund(row.transaction_type), kind, row.sku, row.amount, row.number)


def amounts_of_transaction(one: Transaction) -> Iterator[Amount]:
    """The leaves of a transaction's items; its own count where the items have none."""
    is_refund = _is_refund(one.kind)
    of_items = [(item.sku, leaf) for item in one.items for leaf in item.leaves]
    for sku, leaf in of_items or [("", leaf) for leaf in one.leaves]:
        yield Amount(is_refund, leaf.kind, sku, leaf.amount)


def differing_lines(
    settled: Iterable[Amount], released: Iterable[Amount]
) -> Sequence[LineDifference]:
    """The amounts in which the sides of an order differ, by the first line of each."""
    sides = (list(settled), list(released))
    names: dict[tuple[bool, str, str], Amount] = {}
    sums: tuple[dict[tuple[bool, str, str], Decimal], ...] = ({}, {})
    lines: dict[tuple[bool, str, str], list[int]] = {}
    for amounts, by_key in zip(sides, sums, strict=True):
        for one in amounts:
            key = (one.is_refund, _folded(one.kind), one.sku)
            names.setdefault(key, one)
            by_key[key] = by_key.get(key, ZERO) + one.amount
            if one.number is not None:
                lines.setdefault(key, []).append(one.number)
    return [
        LineDifference(
            "Refund" if one.is_refund else "Order",
            one.kind,
            one.sku,
            sums[0].get(key, ZERO),
            sums[1].get(key, ZERO),
            tuple(lines.get(key, ())),
        )
        for key, one in names.items()
        if sums[0].get(key, ZERO) != sums[1].get(key, ZERO)
    ]


def _folded(word: str) -> str:
    return _SIGNS.sub("", word.casefold())


def _is_refund(kind: str) -> bool:
    return "refund" in kind.casefold()
