"""Reads Amazon's two reports of returns into rows of our own. Pure.

The report by return date lists the requests of buyers of seller-fulfilled orders, a row for each
order item; FBA's lists the units that Amazon received. All their words are free texts of Amazon's.
The buyer's comments, the item's name and the tracking number are left where they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import NamedTuple

from pipeline.amazon.json_fields import moment, whole, word
from pipeline.amazon.report_rows import Row, table
from pipeline.base.clock import YEARS
from pipeline.base.money import LARGEST_AMOUNT
from pipeline.orders.channel_order import FulfilledBy


class ReturnsReport(StrEnum):
    """The type of a report of returns."""

    BY_RETURN_DATE = "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE"
    FBA = "GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA"

    @property
    def fulfilled_by(self) -> FulfilledBy:
        """Whose orders it tells of."""
        return FulfilledBy.AMAZON if self is ReturnsReport.FBA else FulfilledBy.MERCHANT


class UnknownHeadings(Exception):
    """The report lacks headings that it must have; it is in another language, or a new one."""


@dataclass(frozen=True, slots=True)
class ReturnRow:
    """A row of a report; see `pipeline.returns.tables.Return` for its columns."""

    external_id: str
    fulfilled_by: FulfilledBy
    reference: str
    item: str
    sku: str
    asin: str
    quantity: int
    requested_on: date | None
    arrived_on: date | None
    status: str
    reason: str
    place: int = 1
    ordered_quantity: int | None = None
    disposition: str = ""
    resolution: str = ""
    merchant_rma: str = ""
    label_payer: str = ""
    is_a_to_z: bool = False
    refunded_total: Decimal | None = None
    currency: str = ""


class ReturnRows(NamedTuple):
    """The readable rows of a report, and the numbers of the lines that are not."""

    rows: Sequence[ReturnRow]
    bad_lines: Sequence[int]


_NEEDED = {
    ReturnsReport.BY_RETURN_DATE: (
        *("order-id", "return-request-date", "amazon-rma-id", "merchant-sku"),
        *("return-quantity", "return-request-status", "return-delivery-date"),
    ),
    ReturnsReport.FBA: ("return-date", "order-id", "sku", "quantity", "license-plate-number"),
}
_ORDER = re.compile(r"\w{3}-\w{7}-\w{7}", re.ASCII)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY = re.compile(r"(\d{1,2})-([A-Za-z]{3})-(\d{4})", re.ASCII)
_YES = frozenset({"y", "yes", "true"})


def read(kind: ReturnsReport, text: str) -> ReturnRows:
    """The rows of a report. A bad row stops no other.

    Raises UnknownHeadings, which names the missing headings, and those that are there unless the
    first line may be a row, which has the buyer's words.
    """
    headings, rows = table(text)
    missing = [name for name in _NEEDED[kind] if name not in headings]
    if missing and text.strip():
        there = f"its headings are {', '.join(headings)[:500]}"
        if len(missing) == len(_NEEDED[kind]):
            there = "its first line has none of the headings"
        raise UnknownHeadings(f"it lacks {', '.join(missing)}; {there}")
    reader = _received if kind is ReturnsReport.FBA else _requested
    found: list[ReturnRow] = []
    bad: list[int] = []
    for number, row in rows:
        try:
            found.append(reader(row))
        except ValueError:
            bad.append(number)
    return ReturnRows(_placed(found), bad)


def day(written: str) -> date | None:
    """A day as the report by return date writes it, such as 14-Nov-2026; None if it is empty.

    Raises ValueError for any other text.
    """
    if not written:
        return None
    parts = _DAY.fullmatch(written)
    if parts is None or parts[2].lower() not in _MONTHS:
        raise ValueError("not a day")
    found = date(int(parts[3]), _MONTHS.index(parts[2].lower()) + 1, int(parts[1]))
    if found.year not in YEARS:
        raise ValueError("not a year of ours")
    return found


def _requested(row: Row) -> ReturnRow:
    sku, asin = word(row, "merchant-sku"), word(row, "asin")
    requested_on = day(row["return-request-date"])
    if requested_on is None:
        raise ValueError("no day of the request")
    return ReturnRow(
        external_id=_order_id(row),
        fulfilled_by=FulfilledBy.MERCHANT,
        reference=word(row, "amazon-rma-id") or requested_on.isoformat(),
        item=sku or asin,
        sku=sku,
        asin=asin,
        quantity=_quantity(row, "return-quantity"),
        ordered_quantity=whole(row, "order-quantity"),
        requested_on=requested_on,
        arrived_on=day(row["return-delivery-date"]),
        status=word(row, "return-request-status"),
        reason=word(row, "return-reason"),
        resolution=word(row, "resolution"),
        merchant_rma=word(row, "merchant-rma-id"),
        label_payer=word(row, "label-to-be-paid-by"),
        is_a_to_z=row.get("a-to-z-claim", "").casefold() in _YES,
        refunded_total=_amount(row.get("refunded-amount", "")),
        currency=word(row, "currency-code"),
    )


def _received(row: Row) -> ReturnRow:
    sku, asin = word(row, "sku"), word(row, "asin")
    received_at = moment(row, "return-date")
    if received_at is None:
        raise ValueError("no time of the receipt")
    return ReturnRow(
        external_id=_order_id(row),
        fulfilled_by=FulfilledBy.AMAZON,
        # Rows without a plate are told apart by their time, which no two reads count differently.
        reference=word(row, "license-plate-number") or received_at.isoformat(),
        item=sku or asin,
        sku=sku,
        asin=asin,
        quantity=_quantity(row, "quantity"),
        requested_on=None,
        arrived_on=received_at.date(),
        status=word(row, "status"),
        reason=word(row, "reason"),
        disposition=word(row, "detailed-disposition"),
    )


def _placed(rows: Sequence[ReturnRow]) -> list[ReturnRow]:
    """Count the rows with the same key: equal rows are two units."""
    seen: Counter[tuple[str, str, str]] = Counter()
    placed = []
    for row in rows:
        key = row.external_id, row.reference, row.item
        seen[key] += 1
        placed.append(replace(row, place=seen[key]))
    return placed


def _order_id(row: Mapping[str, str]) -> str:
    if not _ORDER.fullmatch(row["order-id"]):
        raise ValueError("not an order of Amazon's")
    return row["order-id"]


def _quantity(row: Mapping[str, str], name: str) -> int:
    quantity = whole(row, name)
    if quantity is None or quantity < 1:
        raise ValueError("not a quantity")
    return quantity


def _amount(written: str) -> Decimal | None:
    """An amount with a point or a comma before its decimals; None for any other text."""
    if "," in written and "." not in written:
        written = written.replace(",", ".")
    try:
        amount = Decimal(written)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount) < LARGEST_AMOUNT else None
