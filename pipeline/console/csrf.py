"""Forms are accepted from our own pages only: each form holds a token that other sites lack."""

from __future__ import annotations

import hmac

from flask import g, request
from markupsafe import Markup

FIELD = "csrf_token"


def csrf_field() -> Markup:
    """The hidden field that every form with method="post" needs."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, _token())


def is_from_our_page() -> bool:
    """Whether the request holds the token, and its headers do not name another site."""
    if not g.cookie:  # without a cookie anybody could compute the token
        return False
    given = request.form.get(FIELD, "")
    # Bytes, because compare_digest refuses text that is not ASCII.
    return _is_not_from_elsewhere() and hmac.compare_digest(given.encode(), _token().encode())


def _token() -> str:
    """The token for the browser's cookie, which no other site can read or set."""
    cookie: str = g.cookie
    return hmac.new(cookie.encode(), b"orderbridge forms", "sha256").hexdigest()


def _is_not_from_elsewhere() -> bool:
    """Whether the headers do not name another site.

    `Sec-Fetch-Site` is missing over plain HTTP to another machine; then `Origin`, if sent, has to
    name our host. A proxy in front of the console may speak TLS, so the scheme is not compared.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin")
    return origin is None or origin in (f"http://{request.host}", f"https://{request.host}")
