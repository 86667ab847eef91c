"""`/returns`: returns that arrived and are not refunded, as a page and as a file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from flask import Blueprint, Response, render_template, request

from pipeline.base.db import Sessions
from pipeline.console.reader import reader
from pipeline.console.saved_files import SavedFiles
from pipeline.console.sheets import FileKind, SheetValue, sheet
from pipeline.operations.lists.columns import Price
from pipeline.operations.lists.filters import Filters
from pipeline.operations.lists.returns import MOST, Returned, WhichReturns, unrefunded
from pipeline.returns.deadline import BUSINESS_DAYS


def returns_views(sessions: Sessions, now: Callable[[], datetime], files: SavedFiles) -> Blueprint:
    """The board and its files."""
    views = Blueprint("returns", __name__)

    def today() -> date:
        return now().astimezone(reader().zone).date()

    @views.get("/returns")
    def board() -> str:
        return render_template(
            "board_returns.html",
            returns=unrefunded(sessions, now()),
            most=MOST,
            today=today(),
            business_days=BUSINESS_DAYS,
            any_return=Filters(returns=WhichReturns.ANY),
        )

    @views.get("/returns.csv", endpoint="csv")
    @views.get("/returns.xlsx", endpoint="excel")
    def as_file() -> Response:
        """All of them, also those that the page has no room for."""
        kind = FileKind.of(request.path, request.args.get("format", ""))
        rows = [_cells(one, today()) for one in unrefunded(sessions, now(), most=None)]
        parts = sheet(kind, _COLUMNS, [rows], reader())
        return files.answer(kind, parts, f"returns-{now():%Y%m%d}")

    return views


_COLUMNS = (
    *("account", "amazon_order", "magento_order", "sku", "quantity", "reason", "status", "rma"),
    *("merchant_rma", "label_paid_by", "a_to_z_claim", "requested", "arrived", "refund_by"),
    *("business_days_left", "refunded"),
)


def _cells(one: Returned, today: date) -> list[SheetValue]:
    refunded: SheetValue = ""
    if one.refunded_total is not None and one.currency:
        refunded = Price(one.refunded_total, one.currency)
    return [
        *(one.account, one.external_id, one.magento_increment_id or "", one.sku, one.quantity),
        *(one.reason, one.status, one.reference, one.merchant_rma, one.label_payer),
        "yes" if one.is_a_to_z else "no",
        *(_day(one.requested_on), _day(one.arrived_on), _day(one.refund_by)),
        one.days_left(today),
        refunded,
    ]


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""
