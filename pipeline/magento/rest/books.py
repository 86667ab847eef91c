"""Remove units from an invoiced order: a credit memo over a part of it."""

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
    """Units of a line that are invoiced and not refunded, and their total amounts."""

    units: Decimal
    row: Decimal
    tax: Decimal
    discount: Decimal

    def at_most(self, count: Decimal, minor: Decimal) -> Decimal:
        """The largest amount that a credit memo refunds for `count` of the units.

        The share of each amount is rounded up or down to the minor unit; the last units take the
        remainder.
        """

        def share(amount: Decimal, rounding: str) -> Decimal:
            exact = amount * count / self.units
            return exact if count == self.units else exact.quantize(minor, rounding)

        gross = share(self.row, ROUND_CEILING) + share(self.tax, ROUND_CEILING)
        return gross - share(self.discount, ROUND_FLOOR)


@dataclass(frozen=True, slots=True)
class Books:
    """The invoiced, paid and refunded amounts of an order in its currency; lines by item id.

    `total` is the order's total, less its credit memos.
    """

    total: Decimal
    refunded: Decimal
    paid: Decimal
    has_one_currency: bool
    lines: Mapping[int, InvoicedLine]
    difference: Decimal = ZERO
    """The remaining payments less the remaining refundable lines, in the shop's base currency. Not
    zero when an earlier credit memo refunded another sum than its lines.
    """

    base_left: Decimal = ZERO
    """The amount paid and not refunded, in the shop's base currency."""

    @property
    def left(self) -> Decimal:
        """The amount paid and not refunded, to the cent, as Magento rounds its sum of refunds."""
        return (self.paid - self.refunded).quantize(_CENT)

    @property
    def has_units(self) -> bool:
        """Whether invoiced units are left that no credit memo has refunded."""
        return any(line.units > ZERO for line in self.lines.values())


@dataclass(frozen=True, slots=True)
class Memo:
    """A new credit memo: units by item id, and the amount beyond them (if negative, it is kept)."""

    units: Mapping[int, Decimal]
    adjustment: Decimal


def memo_over(books: Books, units: Mapping[int, Decimal], target: Decimal, minor: Decimal) -> Memo:
    """The credit memo that removes these units and brings the order's total to `target`. Pure.

    If a line's share is not in whole minor units, the memo refunds a few minor units less; `rest`
    returns the memo for these.
    """
    lines = sum(
        (books.lines[item_id].at_most(count, minor) for item_id, count in units.items()), ZERO
    )
    return Memo(dict(units), books.total - target - lines)


def rest(books: Books, target: Decimal) -> Memo | None:
    """The credit memo without goods that is still needed to reach `target`, or None. Pure."""
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
            json_records.identifier(item, "item_id"): InvoicedLine(
                units=json_records.number(item, "qty_invoiced")
                - json_records.number(item, "qty_refunded"),
                row=_left(item, "row_invoiced", "amount_refunded"),
                tax=_left(item, "tax_invoiced", "tax_refunded"),
                discount=_left(item, "discount_invoiced", "discount_refunded"),
            )
            for item in json_records.rows(row.get("items"))
        },
        base_left=_left(row, "base_total_paid", "base_total_refunded"),
        difference=_left(row, "base_total_paid", "base_total_refunded")
        - sum(
            (_left(row, f"base_{part}_invoiced", f"base_{part}_refunded") for part in _PARTS), ZERO
        ),
    )


def _left(row: dict[str, Any], invoiced: str, refunded: str) -> Decimal:
    return json_records.number(row, invoiced) - json_records.number(row, refunded)
