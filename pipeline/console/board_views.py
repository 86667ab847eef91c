"""`/held`: held orders by cause. `/ship-by`: orders that have to be shipped soon. The counts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from flask import Blueprint, g, render_template, request

from pipeline.base.db import Sessions
from pipeline.console.orders_tab import url
from pipeline.operations.acts.many_orders import ONE_BY_ONE
from pipeline.operations.lists.board import UNCONFIRMED_AFTER, Board, Standing
from pipeline.operations.lists.causes import PAGE_SIZE, causes, held_by_code
from pipeline.operations.lists.filters import Filters
from pipeline.operations.lists.remedies import FIXES
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Status

_LAST_PAGE = 1_000_000


def board_views(sessions: Sessions, now: Callable[[], datetime]) -> Blueprint:
    """The two pages, and their counts for the navigation of every page."""
    views = Blueprint("board", __name__)

    @views.app_context_processor
    def _for_the_navigation() -> dict[str, object]:
        return {"standing": standing}

    def standing() -> Standing:
        """The counts of the navigation, once for each answer."""
        if "standing" not in g:
            g.standing = Board(sessions, now()).standing()
        counts: Standing = g.standing
        return counts

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
        code, page = request.args.get("code", "").replace("\x00", ""), _page()
        by_code = held_by_code(sessions)
        found = sum(one.causes for one in by_code if code in ("", one.code))
        return render_template(
            "board_held.html",
            causes=causes(sessions, code, page),
            by_code=by_code,
            code=code,
            page=page,
            pages=-(-found // PAGE_SIZE),
            fixes=FIXES,
            now=now(),
            one_by_one=ONE_BY_ONE,
            link=_link,
            freed=request.args.get("freed", type=int),
        )

    return views


def _page() -> int:
    """The page that the address names, the first one unless it is a number."""
    return min(max(request.args.get("page", 1, type=int), 1), _LAST_PAGE)


def _link(code: str, sku: str) -> str:
    """The address of the list of orders held with this code, filtered by SKU if it is Amazon's."""
    is_amazons = code == HoldCode.SKU_NOT_FOUND
    known = HoldCode(code) if code in frozenset(HoldCode) else None
    filters = Filters(Status.HELD, reason=known, sku=sku if is_amazons else "")
    return url(filters)
