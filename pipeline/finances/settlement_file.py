"""A settlement report V2 as Amazon writes it: a summary, and a row for every amount. Pure.

Source: GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2, 24 columns parted by tabs. The words of a row
(transaction type, amount type and description) are an open list and are kept as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from pipeline.amazon.report_rows import Row, table
from pipeline.base.money import ZERO
from pipeline.finances.local_styles import (
    DateStyle,
    NumberStyle,
    UnknownStyle,
    date_style,
    number_style,
)

REPORT_TYPE = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
_NEEDED = (
    *("settlement-id", "settlement-start-date", "settlement-end-date", "deposit-date"),
    *("total-amount", "currency", "transaction-type", "order-id", "amount-type"),
    *("amount-description", "amount", "posted-date"),
)
_OF_SUMMARY = ("settlement-start-date", "settlement-end-date", "deposit-date")
_OF_ROW = ("posted-date", "posted-date-time")
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_LONGEST_WORD = 200


class UnreadableSettlement(ValueError):
    """The file is no settlement that we can read; the sentence says where and why."""


@dataclass(frozen=True, slots=True)
class SettlementLine:
    """A row of the file. `number` is its line in the file, the heading being line 1.

    `external_id` is what Amazon names as the order: an order, a shipment of FBA, or nothing.
    """

    number: int
    transaction_type: str
    external_id: str
    merchant_order_id: str
    adjustment_id: str
    shipment_id: str
    marketplace_name: str
    amount_type: str
    amount_description: str
    amount: Decimal
    fulfillment_id: str
    posted_at: datetime | None
    order_item_code: str
    merchant_order_item_id: str
    merchant_adjustment_item_id: str
    sku: str
    quantity: int | None
    promotion_id: str


@dataclass(frozen=True, slots=True)
class SettlementFile:
    """A settlement: a period's money in one currency, and what Amazon paid out for it."""

    settlement_id: str
    starts_at: datetime | None
    ends_at: datetime | None
    deposited_at: datetime | None
    currency: str
    total_amount: Decimal
    lines: tuple[SettlementLine, ...]

    @property
    def lines_total(self) -> Decimal:
        """The sum of the rows, which should be the total."""
        return sum((line.amount for line in self.lines), ZERO)


def read_settlement(text: str) -> SettlementFile:
    """The settlement in a report's text. Raises UnreadableSettlement: nothing of it is used then.

    Numbers and dates are read in the style that the whole file has.
    """
    (at, *numbers), (first, *others) = _rows(text)
    currency = first["currency"].upper()
    settlement_id = _word(first, "settlement-id")
    if not settlement_id or not first["total-amount"] or not currency:
        raise UnreadableSettlement("its first row is no summary with id, total and currency")
    if any(_word(row, "settlement-id") not in ("", settlement_id) for row in others):
        raise UnreadableSettlement("it holds rows of two settlements")
    if any(row["currency"].upper() not in ("", currency) for row in others):
        raise UnreadableSettlement("it holds two currencies")
    cells = [row["amount"] for row in others if row["amount"]]
    dates = [first[name] for name in _OF_SUMMARY if first[name]]
    dates += [row[name] for row in others for name in _OF_ROW if row.get(name)]
    try:
        amounts = number_style([first["total-amount"], *cells], currency)
        days = date_style(dates)
    except UnknownStyle as error:
        raise UnreadableSettlement(str(error)) from error
    lines = tuple(
        _line(number, row, amounts, days) for number, row in zip(numbers, others, strict=True)
    )
    try:
        starts_at, ends_at, deposited_at = (
            days.read(first[name]) if first[name] else None for name in _OF_SUMMARY
        )
        total = amounts.read(first["total-amount"])
    except UnknownStyle as error:
        raise UnreadableSettlement(f"line {at}: {error}") from error
    return SettlementFile(settlement_id, starts_at, ends_at, deposited_at, currency, total, lines)


def _rows(text: str) -> tuple[list[int], list[Row]]:
    headings, rows = table(text)
    missing = [name for name in _NEEDED if name not in headings]
    if missing:
        raise UnreadableSettlement(f"it lacks the columns {', '.join(missing)}")
    numbered = [(number, row) for number, row in rows if any(row.values())]
    if not numbered:
        raise UnreadableSettlement("it has no row below its heading")
    return [number for number, _ in numbered], [row for _, row in numbered]


def _line(number: int, row: Row, amounts: NumberStyle, days: DateStyle) -> SettlementLine:
    posted = row.get("posted-date-time") or row["posted-date"]
    try:
        return SettlementLine(
            number,
            transaction_type=_word(row, "transaction-type"),
            external_id=_word(row, "order-id"),
            merchant_order_id=_word(row, "merchant-order-id"),
            adjustment_id=_word(row, "adjustment-id"),
            shipment_id=_word(row, "shipment-id"),
            marketplace_name=_word(row, "marketplace-name"),
            amount_type=_word(row, "amount-type"),
            amount_description=_word(row, "amount-description"),
            amount=amounts.read(row["amount"]) if row["amount"] else ZERO,
            fulfillment_id=_word(row, "fulfillment-id"),
            posted_at=days.read(posted) if posted else None,
            order_item_code=_word(row, "order-item-code"),
            merchant_order_item_id=_word(row, "merchant-order-item-id"),
            merchant_adjustment_item_id=_word(row, "merchant-adjustment-item-id"),
            sku=_word(row, "sku"),
            quantity=_quantity(row.get("quantity-purchased", "")),
            promotion_id=_word(row, "promotion-id"),
        )
    except UnknownStyle as error:
        raise UnreadableSettlement(f"line {number}: {error}") from error


def _word(row: Row, name: str) -> str:
    return _UNSTORABLE.sub("", row.get(name, ""))[:_LONGEST_WORD]


def _quantity(text: str) -> int | None:
    """The units of a row; what is no whole number is left out, since no money depends on it."""
    return int(text) if re.fullmatch(r"-?\d{1,9}", text) else None
