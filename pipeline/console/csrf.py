"""Forms are accepted from our own pages only: each form holds a token that other sites lack.

The token is masked anew in each answer. A compressed answer's length would otherwise tell somebody
who can see it, and choose words that the page repeats, how much of the token they have guessed.
"""

from __future__ import annotations

import hmac
import secrets

from flask import g, request
from markupsafe import Markup

FIELD = "csrf_token"
_BYTES = 32


def csrf_field() -> Markup:
    """The hidden field that every form with method="post" needs."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, masked_token())


def masked_token() -> str:
    """The token as this answer has it: a random mask, and the token under the mask."""
    if "masked_token" not in g:
        mask = secrets.token_bytes(_BYTES)
        g.masked_token = (mask + _xor(mask, _token())).hex()
    masked: str = g.masked_token
    return masked


def is_from_our_page() -> bool:
    """Whether the request holds the token, and its headers do not name another site."""
    if not g.cookie:  # without a cookie anybody could compute the token
        return False
    try:
        given = bytes.fromhex(request.form.get(FIELD, ""))
    except ValueError:
        return False
    token = _xor(given[:_BYTES], given[_BYTES:])
    return _is_not_from_elsewhere() and hmac.compare_digest(token, _token())


def _token() -> bytes:
    """The token for the browser's cookie, which no other site can read or set."""
    cookie: str = g.cookie
    return hmac.digest(cookie.encode(), b"orderbridge forms", "sha256")


def _xor(mask: bytes, text: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(mask, text, strict=False))


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
