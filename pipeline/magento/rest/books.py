"""Taking units off an order that is invoiced: a credit memo over a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from pipeline.base.money import ZERO
from pipeline.magento.rest import json_records

_CENT = Decimal("0.01")
_PARTS = ("subtotal", "tax", "shipping", "discount", "discount_tax_compensation")
FIELDS = (
    "entity_id,grand_total,base_grand_total,total_paid,total_refunded,base_total_paid,"
    "base_total_refunded,"
    + ",".join(f"base_{part}_invoiced,base_{part}_refunded" for part in _PARTS)
    + ",items[item_id,qty_invoiced,"
    "qty_refunded,row_invoiced,tax_invoiced,discount_invoiced,amount_refunded,tax_refunded,"
    "discount_refunded]"
)


@dataclass(frozen=True, slots=True)
class InvoicedLine:
    """Units of a line that are invoiced and not taken back, and what all of them cost."""

    units: Decimal
    row: Decimal
    tax: Decimal
    discount: Decimal

    def at_most(self, count: Decimal, minor: Decimal) -> Decimal:
        """The most that a credit memo gives back for so many of them.

        Each amount's share is rounded to the minor unit, one way or the other; the last units take
        what is left.
        """

        def share(amount: Decimal, rounding: str) -> Decimal:
            exact = amount * count / self.units
            return exact if count == self.units else exact.quantize(minor, rounding)

        gross = share(self.row, ROUND_CEILING) + share(self.tax, ROUND_CEILING)
        return gross - share(self.discount, ROUND_FLOOR)


@dataclass(frozen=True, slots=True)
class Books:
    """What the shop has booked of an order, in the order's currency; lines by item id.

    `total` is the order's, less what its credit memos gave back.
    """

    total: Decimal
    refunded: Decimal
    paid: Decimal
    has_one_currency: bool
    lines: Mapping[int, InvoicedLine]
    difference: Decimal = ZERO
    """What the payments that are left are more than all that is left to take back (below zero:
    less), in the shop's own currency: an earlier credit memo gave back another sum than its lines.
    """

    base_left: Decimal = ZERO
    """What was paid and not given back, in the shop's own currency."""

    @property
    def left(self) -> Decimal:
        """What was paid and not given back, to the cent, as Magento sums up what it gave back."""
        return (self.paid - self.refunded).quantize(_CENT)

    @property
    def has_units(self) -> bool:
        """Whether units are invoiced that no credit memo has taken back."""
        return any(line.units > ZERO for line in self.lines.values())


@dataclass(frozen=True, slots=True)
class Memo:
    """A credit memo to be: units by item id, and what it gives back beyond (below zero: keeps)."""

    units: Mapping[int, Decimal]
    adjustment: Decimal


def memo_over(books: Books, units: Mapping[int, Decimal], target: Decimal, minor: Decimal) -> Memo:
    """The credit memo that takes these units off and brings the order's total to `target`. Pure.

    Where a share of a line is not in whole minor units it stops a few short of that; `rest` is what
    then is left to give back.
    """
    lines = sum((books.lines[one].at_most(count, minor) for one, count in units.items()), ZERO)
    return Memo(dict(units), books.total - target - lines)


def rest(books: Books, target: Decimal) -> Memo | None:
    """The credit memo over no goods that is still missing, if any. Pure."""
    left = books.total - target
    return Memo({min(books.lines): ZERO}, left) if left > ZERO else None


def read(row: dict[str, Any]) -> Books:
    grand_total = json_records.number(row, "grand_total")
    return Books(
        total=grand_total - json_records.number(row, "total_refunded"),
        refunded=json_records.number(row, "total_refunded"),
        paid=json_records.number(row, "total_paid"),
        has_one_currency=grand_total == json_records.number(row, "base_grand_total"),
        lines={
            json_records.identifier(one, "item_id"): InvoicedLine(
                units=json_records.number(one, "qty_invoiced")
                - json_records.number(one, "qty_refunded"),
                row=_left(one, "row_invoiced", "amount_refunded"),
                tax=_left(one, "tax_invoiced", "tax_refunded"),
                discount=_left(one, "discount_invoiced", "discount_refunded"),
            )
            for one in json_records.rows(row.get("items"))
        },
        base_left=_left(row, "base_total_paid", "base_total_refunded"),
        difference=_left(row, "base_total_paid", "base_total_refunded")
        - sum(
            (_left(row, f"base_{part}_invoiced", f"base_{part}_refunded") for part in _PARTS), ZERO
        ),
    )


def _left(row: dict[str, Any], invoiced: str, refunded: str) -> Decimal:
    return json_records.number(row, invoiced) - json_records.number(row, refunded)
