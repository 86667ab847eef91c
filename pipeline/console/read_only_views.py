"""The banner of a read-only installation, and an admin's word that a changed address is meant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, g, redirect, url_for
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from pipeline.base.db import Sessions
from pipeline.console.guard import current_person, role_required
from pipeline.monitoring.read_only import Writes
from pipeline.settings.model import Settings


def read_only_views(
    settings: Settings, sessions: Sessions, now: Callable[[], datetime]
) -> Blueprint:
    """Have every page tell whether something is not written, and why."""
    views = Blueprint("read_only", __name__)
    writes = Writes(settings, sessions, now)

    @views.app_context_processor
    def _what_is_not_written() -> dict[str, object]:
        told, may_accept = "", False
        if g.get("person") is not None:
            try:
                told = writes.told()
                may_accept = bool(told) and not settings.read_only and bool(writes.changed())
            except SQLAlchemyError:
                told = ""  # the page itself tells that there is no database
        return {"read_only": told, "may_accept_copy": may_accept}

    @views.post("/read-only/accept")
    @role_required("admin")
    def accept() -> Response:
        writes.accept(current_person().name)
        return redirect(url_for("orders.tab"), 303)

    return views
