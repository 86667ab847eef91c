"""What an admin sees until the first order is in: what to connect, and doctor's checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from threading import Lock

from flask import Blueprint, Response, abort, stream_template

from pipeline.base.db import Sessions
from pipeline.console.guard import role_required
from pipeline.console.languages import gettext as _
from pipeline.monitoring.doctor_checks import Verdict
from pipeline.monitoring.examination import (
    Examined,
    installation_and_accounts,
    shops,
    within_a_minute,
)
from pipeline.settings.model import Settings


def first_run_views(settings: Settings, sessions: Sessions) -> Blueprint:
    """The walk through, which the empty list of orders shows, and the page of the checks."""
    views = Blueprint("first_run", __name__)
    running = Lock()

    def examined(counted: Counter[Verdict]) -> Generator[Examined, None, None]:
        """The findings as they are made, while the page is sent."""
        if not running.acquire(blocking=False):
            return
        try:
            with settings.broker.client(timeout_s=2) as broker:
                parts = [*installation_and_accounts(settings, sessions, broker), *shops(settings)]
                for one in within_a_minute(parts):
                    if one.finding is not None:
                        counted[one.finding.verdict] += 1
                    yield one
        finally:
            running.release()

    @views.post("/checks")
    @role_required("admin")
    def checks() -> Response:
        """Check everything, and show each finding as soon as there is one."""
        if running.locked():
            abort(409, _("The checks are running already. They take a minute or two at most."))
        counted: Counter[Verdict] = Counter()
        going = examined(counted)
        page = stream_template("checks.html", examined=going, counted=counted)
        # A proxy would keep the page back until it is whole.
        response = Response(page, headers={"X-Accel-Buffering": "no"})
        # A reader who goes away ends the checks: the template may hold on to them for a while.
        response.call_on_close(going.close)
        return response

    @views.app_context_processor
    def _for_the_empty_list() -> dict[str, object]:
        return {"connected_accounts": settings.accounts, "connected_shops": settings.shops}

    return views
