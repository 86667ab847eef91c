"""`/held`: held orders by what holds them. `/ship-by`: what has to leave soon. And their counts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from flask import Flask, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from pipeline.bulk import release
from pipeline.console.guard import current_person
from pipeline.console.orders_tab import url
from pipeline.db import Sessions
from pipeline.listing.board import UNCONFIRMED_AFTER, Board
from pipeline.listing.causes import causes, held_by
from pipeline.listing.filters import Filters
from pipeline.listing.fixes import FIXES
from pipeline.models import Status
from pipeline.outcome import HoldCode

ONE_BY_ONE = frozenset({HoldCode.IN_MAGENTO_ALREADY})
"""Looked at as they are, these would be placed once more: that is decided order by order."""


def register_boards(app: Flask, sessions: Sessions, now: Callable[[], datetime]) -> None:
    """Add the pages to `app`."""

    @app.context_processor
    def _for_the_navigation() -> dict[str, object]:
        return {"standing": lambda: Board(sessions, now()).standing()}

    @app.get("/ship-by")
    def ship_by() -> str:
        board = Board(sessions, now())
        return render_template(
            "board_ship_by.html",
            now=now(),
            by_class=board.by_class(),
            to_ship=board.to_ship(),
            unconfirmed=board.unconfirmed(),
            minutes=UNCONFIRMED_AFTER // timedelta(minutes=1),
        )

    @app.get("/held")
    def held() -> str:
        freed = request.args.get("freed", "")
        return render_template(
            "board_held.html",
            causes=causes(sessions),
            fixes=FIXES,
            one_by_one=ONE_BY_ONE,
            link=_link,
            freed=int(freed) if freed.isascii() and freed.isdigit() and len(freed) < 9 else None,
        )

    @app.post("/held")
    def free() -> Response:
        """Have all orders of one cause looked at."""
        code, fact = request.form.get("code", ""), request.form.get("fact", "")
        if code in ONE_BY_ONE:
            abort(409, "Such orders are decided on one by one.")
        ids = held_by(sessions, code, fact.replace("\x00", ""))
        freed = release(sessions, ids, author=current_person().name, now=now())
        return redirect(url_for("held", freed=freed), 303)


def _link(code: str, sku: str) -> str:
    """The list of the orders that are held so; of those with the SKU where Amazon calls it so."""
    is_amazons = code == HoldCode.SKU_NOT_FOUND
    known = HoldCode(code) if code in frozenset(HoldCode) else None
    found = Filters(Status.HELD, reason=known, sku=sku if is_amazons else "")
    return url(found)
