"""`/security-log`: the security log, for admins."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from flask import Blueprint, abort, render_template, request

from pipeline.access.audit import Wanted, newest
from pipeline.base.db import Sessions
from pipeline.base.row_ids import row_id
from pipeline.base.security_log import Action
from pipeline.console.guard import role_required
from pipeline.console.languages import gettext as _
from pipeline.console.reader import reader

PAGE_SIZE = 100
_LONGEST = 200


def audit_views(sessions: Sessions) -> Blueprint:
    """The page, filtered by its address."""
    views = Blueprint("audit", __name__)

    @views.before_request
    @role_required("admin")
    def _admins_alone() -> None:
        """Every view of this blueprint requires the role."""

    @views.get("/security-log")
    def page() -> str:
        before = row_id(request.args.get("before", ""))
        rows = newest(sessions, _wanted(), PAGE_SIZE + 1, before)
        return render_template(
            "security_log.html",
            rows=rows[:PAGE_SIZE],
            following=rows[PAGE_SIZE - 1].id if len(rows) > PAGE_SIZE else None,
            actions=tuple(Action),
            given={name: _text(name) for name in ("person", "action", "object", "from", "until")},
        )

    return views


def _wanted() -> Wanted:
    """The filters of the address. Answers 400 to an unreadable value."""
    action = _text("action")
    if action and action not in frozenset(Action):
        abort(400, _("There is no such action."))
    since, until = _day("from"), _day("until")
    return Wanted(
        person=_text("person"),
        action=Action(action) if action else None,
        object=_text("object"),
        since=_midnight(since) if since else None,
        until=_midnight(until + timedelta(days=1)) if until else None,
    )


def _text(name: str) -> str:
    return request.args.get(name, "").replace("\x00", "").strip()[:_LONGEST]


def _day(name: str) -> date | None:
    text = _text(name)
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not 2000 <= day.year < 3000:
        abort(400, _("A day looks like 2026-03-31."))
    return day


def _midnight(day: date) -> datetime:
    """The beginning of the reader's day."""
    return datetime(day.year, day.month, day.day, tzinfo=reader().zone)
