"""`/held`: held orders by what holds them. `/ship-by`: what has to leave soon. And their counts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from flask import Blueprint, render_template, request

from pipeline.base.db import Sessions
from pipeline.console.orders_tab import url
from pipeline.operations.acts.many_orders import ONE_BY_ONE
from pipeline.operations.lists.board import UNCONFIRMED_AFTER, Board
from pipeline.operations.lists.causes import causes
from pipeline.operations.lists.filters import Filters
from pipeline.operations.lists.remedies import FIXES
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Status


def board_views(sessions: Sessions, now: Callable[[], datetime]) -> Blueprint:
    """Both pages, and the counts for every page."""
    views = Blueprint("board", __name__)

    @views.app_context_processor
    def _for_the_navigation() -> dict[str, object]:
        return {"standing": lambda: Board(sessions, now()).standing()}

    @views.get("/ship-by")
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

    @views.get("/held")
    def held() -> str:
        return render_template(
            "board_held.html",
            causes=causes(sessions),
            fixes=FIXES,
            one_by_one=ONE_BY_ONE,
            link=_link,
            freed=request.args.get("freed", type=int),
        )

    return views


def _link(code: str, sku: str) -> str:
    """The list of the orders that are held so; of those with the SKU where Amazon calls it so."""
    is_amazons = code == HoldCode.SKU_NOT_FOUND
    known = HoldCode(code) if code in frozenset(HoldCode) else None
    found = Filters(Status.HELD, reason=known, sku=sku if is_amazons else "")
    return url(found)
