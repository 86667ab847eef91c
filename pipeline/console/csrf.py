"""Forms are taken from our own pages only: each carries a token that only they can know."""

from __future__ import annotations

import hmac

from flask import g, request
from markupsafe import Markup

FIELD = "csrf_token"


def csrf_field() -> Markup:
    """The hidden field that every form with method="post" has to hold."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, _token())


def is_from_our_page() -> bool:
    """Whether the request carries the token, and no browser says that another site sent it."""
    if not g.cookie:  # then everybody could know the token
        return False
    given = request.form.get(FIELD, "")
    # Bytes, because text that is not ASCII cannot be compared.
    return _is_not_from_elsewhere() and hmac.compare_digest(given.encode(), _token().encode())


def _token() -> str:
    """Bound to the browser's cookie, which no other site can read or set."""
    cookie: str = g.cookie
    return hmac.new(cookie.encode(), b"orderbridge forms", "sha256").hexdigest()


def _is_not_from_elsewhere() -> bool:
    """`Sec-Fetch-Site` is missing over plain HTTP to another machine; then `Origin` may name our
    host. A proxy in front of us may speak TLS, so the scheme is not compared.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin")
    return origin is None or origin in (f"http://{request.host}", f"https://{request.host}")
