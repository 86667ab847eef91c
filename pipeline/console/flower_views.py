"""`/flower-access`: whether who asks for a page of Flower is signed in to the console.

The proxy before Flower asks here first (nginx's `auth_request`, Caddy's `forward_auth`): Flower
itself knows one login, and nobody's name.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from flask import Blueprint, Response, abort, request

from pipeline.access.audit import Wanted, newest
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action, record
from pipeline.console.guard import role_required, signature

_RECORDED_EVERY = timedelta(hours=1)


def flower_views(sessions: Sessions, now: Callable[[], datetime]) -> Blueprint:
    """The answer: 204 to operators and admins, 403 to viewers, 401 to everybody else."""
    views = Blueprint("flower", __name__)

    @views.get("/flower-access")
    @role_required("operator")
    def access() -> Response:
        """Each page of Flower asks many times: the security log has a row an hour."""
        if _is_from_another_site():
            abort(403, "Open Flower by its own address.")
        by = signature(now())
        wanted = Wanted(
            person=by.person, action=Action.FLOWER_OPENED, since=by.at - _RECORDED_EVERY
        )
        if all(row.address != by.address for row in newest(sessions, wanted, 100)):
            with sessions() as session, session.begin():
                record(
                    session,
                    at=by.at,
                    person=by.person,
                    address=by.address,
                    action=Action.FLOWER_OPENED,
                )
        return Response(status=204)

    return views


def _is_from_another_site() -> bool:
    """Whether a page elsewhere sent the request, but for a link to a page of Flower's: another host
    of the same domain would act with the sign-in here."""
    is_elsewhere = request.headers.get("Sec-Fetch-Site") in ("same-site", "cross-site")
    method = request.headers.get("X-Forwarded-Method", "GET")
    is_link = request.headers.get("Sec-Fetch-Mode") == "navigate" and method == "GET"
    return is_elsewhere and not is_link
