"""Who may see a page, who may change something, and what a browser may load with it."""

from __future__ import annotations

import hmac

from flask import Flask, Response, abort, request

OPEN_TO_ALL = frozenset({"healthz"})
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def guard(app: Flask, user: str, password: str) -> None:
    """Ask for the login everywhere but at /healthz, and take changes from our own pages only."""

    @app.before_request
    def _ask_for_login() -> Response | None:
        if request.endpoint in OPEN_TO_ALL or _knows(user, password):
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
