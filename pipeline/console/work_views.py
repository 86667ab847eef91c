"""How the reader works: their columns of the list, keyboard shortcuts, and the daily mail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from pipeline.access.errors import NotAllowed
from pipeline.access.work_preferences import WorkPreferences
from pipeline.base.db import Sessions
from pipeline.console.guard import current_person
from pipeline.console.reader import reader, zones
from pipeline.operations.lists.columns import CHOOSABLE, chosen, moved
from pipeline.settings.model import Settings

Answer = Response | str | tuple[str, int]


def work_views(settings: Settings, sessions: Sessions, now: Callable[[], datetime]) -> Blueprint:
    """The forms, and what every page has to know of its reader."""
    views = Blueprint("work", __name__)
    preferences = WorkPreferences(sessions)

    def glance() -> tuple[bool, int]:
        if "glance" not in g:
            person = g.get("person")
            is_in = person is not None and person.duty is None
            g.glance = preferences.at_a_glance(person.id) if is_in else (False, 0)
        known: tuple[bool, int] = g.glance
        return known

    @views.app_context_processor
    def _for_every_page() -> dict[str, object]:
        return {
            "has_shortcuts": lambda: glance()[0],
            "open_mentions": lambda: glance()[1],
            "work_part": part,
        }

    def part(mistake: str = "", typed: dict[str, str] | None = None) -> dict[str, Any]:
        """What account_work.html shows."""
        return {
            "work": preferences.of(current_person().id),
            "can_mail": settings.alerts.mail is not None,
            "zones": zones(),
            "here": reader().zone.key,
            "mistake": mistake,
            "typed": typed,
        }

    @views.post("/account/shortcuts")
    def shortcuts() -> Response:
        preferences.use_shortcuts(current_person().id, bool(request.form.get("shortcuts")))
        return redirect(url_for("account.account", _anchor="shortcuts"), 303)

    @views.post("/account/daily-mail")
    def digest() -> Answer:
        person_id = current_person().id
        typed = {name: request.form.get(name, "").strip() for name in ("to", "zone")}
        hour = None if "off" in request.form else request.form.get("hour", -1, type=int)
        try:
            preferences.send_digest(person_id, typed["to"], hour, typed["zone"], now())
        except NotAllowed as error:
            sentence = f"Not saved: {error}."
            return render_template("account_mail.html", part=part(sentence, typed)), 400
        return redirect(url_for("account.account", _anchor="digest"), 303)

    @views.get("/orders/columns")
    def columns() -> str:
        own = preferences.of(current_person().id).columns
        return render_template(
            "columns.html", columns=chosen(own), choosable=CHOOSABLE, is_own=bool(own)
        )

    @views.post("/orders/columns")
    def choose_columns() -> Response:
        """Store what is ticked, in the order of the page; an arrow moves its column by one."""
        wanted = request.form.getlist("column")
        if "standard" in request.form:
            wanted = []
        for name, by in (("up", -1), ("down", 1)):
            if name in request.form:
                wanted = moved(wanted, request.form[name], by)
        names = [column.name for column in chosen(wanted)] if wanted else []
        preferences.choose_columns(current_person().id, names)
        return redirect(url_for("work.columns"), 303)

    return views
