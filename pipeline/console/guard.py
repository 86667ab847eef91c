"""Who may see a page, who may change something, and what a browser may load with it."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Flask, Response, abort, g, request

from pipeline.people import Person
from pipeline.roles import Role

_P = ParamSpec("_P")
_R = TypeVar("_R")

OPEN_TO_ALL = frozenset({"healthz"})
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def current_person() -> Person:
    """Who asks. There always is somebody on a page that is not open to all."""
    person: Person = g.person
    return person


def allows(role: str) -> bool:
    """Whether the one who asks has this role, or one that may do more."""
    return current_person().role.includes(Role(role))


def role_required(role: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Refuse a view with 403 to who has not this role."""

    def decorate(view: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(view)
        def guarded(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            if not allows(role):
                abort(403, f"For this you need the role “{role}”.")
            return view(*args, **kwargs)

        return guarded

    return decorate


def guard(app: Flask, user: str, password: str) -> None:
    """Ask for the login everywhere but at /healthz, and take changes from our own pages only."""

    @app.before_request
    def _know_the_browser() -> None:
        g.cookie = request.cookies.get("orderbridge") or secrets.token_urlsafe(32)

    @app.before_request
    def _ask_for_login() -> Response | None:
        if request.endpoint in OPEN_TO_ALL or _knows(user, password):
            g.person = Person(user, Role.ADMIN)
            return None
        return Response(
            "The console asks for its login.\n",
            401,
            {"WWW-Authenticate": 'Basic realm="Orderbridge", charset="UTF-8"'},
            mimetype="text/plain",
        )

    @app.before_request
    def _refuse_other_sites() -> None:
        if request.method not in ("GET", "HEAD", "OPTIONS") and not _comes_from_our_page():
            abort(403, "This was not sent from a page of the console.")

    @app.after_request
    def _limit_the_browser(response: Response) -> Response:
        response.headers.update(_HEADERS)
        if "orderbridge" not in request.cookies:
            response.set_cookie("orderbridge", g.cookie, httponly=True, samesite="Lax")
        return response


def _knows(user: str, password: str) -> bool:
    given = request.authorization
    if given is None or given.type != "basic":
        return False
    # Both are compared, to the end: the time it takes tells nothing about either.
    is_user = hmac.compare_digest((given.username or "").encode(), user.encode())
    is_password = hmac.compare_digest((given.password or "").encode(), password.encode())
    return is_user & is_password


def _comes_from_our_page() -> bool:
    """A browser sends the login along wherever a form comes from; but it says from where.

    `Sec-Fetch-Site` is missing over plain HTTP to another machine; then `Origin` has to name our
    host. A proxy in front of us may speak TLS, so the scheme is not compared.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    return request.headers.get("Origin") in (f"http://{request.host}", f"https://{request.host}")
