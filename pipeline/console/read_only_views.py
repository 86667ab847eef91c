"""The banner of a read-only installation, and the admin's confirmation of a changed address."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, g, redirect, url_for
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from pipeline.base.db import Sessions
from pipeline.console.guard import role_required, signature
from pipeline.monitoring.read_only import Writes
from pipeline.settings.model import Settings


def read_only_views(
    settings: Settings, sessions: Sessions, now: Callable[[], datetime]
) -> Blueprint:
    """Show on every page whether the installation is read-only, and why."""
    views = Blueprint("read_only", __name__)
    writes = Writes(settings, sessions, now)

    @views.app_context_processor
    def _read_only_notice() -> dict[str, object]:
        notice, may_accept = "", False
        if g.get("person") is not None:
            try:
                notice = writes.notice()
                may_accept = bool(notice) and not settings.read_only and bool(writes.changed())
            except SQLAlchemyError:
                notice = ""  # the page itself shows that the database is away
        return {"read_only": notice, "may_accept_copy": may_accept}

    @views.post("/read-only/accept")
    @role_required("admin")
    def accept() -> Response:
        writes.accept(signature(now()))
        return redirect(url_for("today.page"), 303)

    return views
