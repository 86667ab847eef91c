"""`/settlements`: what Amazon paid out, whether it adds up, and files for the bookkeeper."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request
from werkzeug.wrappers import Response

from pipeline.base.db import Sessions
from pipeline.base.row_ids import row_id
from pipeline.console.languages import gettext as _
from pipeline.console.reader import reader
from pipeline.console.saved_files import SavedFiles
from pipeline.console.sheets import FileKind, sheet
from pipeline.finances.settlement_comparison import WHY
from pipeline.finances.settlement_tables import Settlement
from pipeline.operations.lists import settlements as lists
from pipeline.operations.lists.settlement_differences import differing_orders

_DIFFERENCES = 50


def settlement_views(sessions: Sessions, files: SavedFiles) -> Blueprint:
    """The list, a settlement, and its files. Everybody who may sign in may read them."""
    views = Blueprint("settlements", __name__)

    @views.get("/settlements")
    def page() -> str:
        number = max(request.args.get("page", 1, type=int), 1)
        offset = min(number - 1, 10_000) * lists.PAGE_SIZE
        with sessions() as session:
            found = lists.newest(session, lists.PAGE_SIZE + 1, offset)
        return render_template(
            "settlements.html",
            settlements=found[: lists.PAGE_SIZE],
            state=lists.state,
            difference=lists.difference,
            page=number,
            is_more=len(found) > lists.PAGE_SIZE,
        )

    @views.get("/settlements/<row_id:settlement_id>")
    def shown(settlement_id: int) -> str:
        after = row_id(request.args.get("after", "")) or 0
        order = request.args.get("order", "").replace("\x00", "").strip()[:50]
        with sessions() as session:
            settlement = _settlement(session.get(Settlement, settlement_id))
            rows = lists.rows_page(session, settlement, min(after, 2**31 - 1), order)
            differences = differing_orders(session, settlement, _DIFFERENCES)
            sums = lists.sums(session, settlement)
        return render_template(
            "settlement.html",
            settlement=settlement,
            state=lists.state(settlement),
            states=lists.SettlementState,
            difference=lists.difference(settlement),
            differences=differences,
            why=WHY,
            sums=sums,
            rows=rows,
            order=order,
            is_first=not after,
            following=rows[-1].number if len(rows) == lists.ROWS else None,
        )

    @views.get("/settlements/<row_id:settlement_id>.csv")
    @views.get("/settlements/<row_id:settlement_id>.xlsx", endpoint="excel")
    def rows_file(settlement_id: int) -> Response:
        """A line for each row, or with `sums` for each kind of amount."""
        is_of_sums = "sums" in request.args
        kind = FileKind.of(request.path, request.args.get("format", ""))
        with sessions() as session:
            settlement = _settlement(session.get(Settlement, settlement_id))
            made = (
                lists.sums_sheet(session, settlement)
                if is_of_sums
                else lists.rows_sheet(sessions, settlement)
            )
        name = f"settlement-{settlement.settlement_id}{'-sums' if is_of_sums else ''}"
        safe = "".join(sign for sign in name if sign.isascii() and (sign.isalnum() or sign == "-"))
        return files.answer(kind, sheet(kind, made.names, made.slices, reader()), safe)

    return views


def _settlement(found: Settlement | None) -> Settlement:
    if found is None:
        abort(404, _("There is no such settlement."))
    return found
