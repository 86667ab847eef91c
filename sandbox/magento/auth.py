"""OAuth 1.0a the way Magento checks it, and the credentials of the one integration there is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import sqlite3
from datetime import datetime
from urllib.parse import quote, unquote

from sandbox.magento.errors import Refused

CONSUMER_KEY = "sandbox-ck"
CONSUMER_SECRET = "sandbox-cs"
ACCESS_TOKEN = "sandbox-at"
ACCESS_TOKEN_SECRET = "sandbox-ats"
_AHEAD_S = 600
_NEEDED = (
    "oauth_consumer_key", "oauth_token", "oauth_signature_method", "oauth_signature",
    "oauth_nonce", "oauth_timestamp",
)  # fmt: skip


def check_oauth(
    db: sqlite3.Connection,
    header: str,
    method: str,
    origins: list[str],
    raw_path: str,
    raw_query: str,
    now: datetime,
) -> None:
    """Refuse a request whose OAuth header Magento would refuse.

    `origins` are the spellings of scheme and host that are accepted: one with the port and one
    without it, since a shop behind a proxy sees either.
    """
    sent = {key: unquote(value) for key, value in re.findall(r'(\w+)\s*=\s*"([^"]*)"', header)}
    missing = [name for name in _NEEDED if not sent.get(name)]
    if missing:
        raise Refused(400, "oauth_parameters_absent=" + "&".join(missing))
    if sent["oauth_consumer_key"] != CONSUMER_KEY:
        raise Refused(401, "A consumer having the specified key does not exist")
    if sent["oauth_token"] != ACCESS_TOKEN:
        raise Refused(401, "Specified token does not exist")
    if not sent["oauth_timestamp"].isdigit():
        raise Refused(401, "The timestamp value in the oauth_timestamp parameter is invalid")
    if int(sent["oauth_timestamp"]) > now.timestamp() + _AHEAD_S:
        raise Refused(401, "The timestamp value in the oauth_timestamp parameter is invalid")
    if sent["oauth_signature_method"] != "HMAC-SHA256":
        raise Refused(400, "Signature method %1 is not supported", [sent["oauth_signature_method"]])
    try:
        db.execute("INSERT INTO nonces VALUES (?)", (sent["oauth_nonce"],))
    except sqlite3.IntegrityError:
        raise Refused(
            401, "The nonce is already being used by the consumer with ID %1", ["1"]
        ) from None
    signature = sent.pop("oauth_signature")
    sent.pop("realm", None)
    expected = [sign(method, origin, raw_path, raw_query, sent) for origin in origins]
    if not any(hmac.compare_digest(signature, acceptable) for acceptable in expected):
        raise Refused(401, "The signature is invalid. Verify and try again.")


def sign(method: str, origin: str, raw_path: str, raw_query: str, oauth: dict[str, str]) -> str:
    """The HMAC-SHA256 signature of a request, with Magento's two departures from RFC 5849.

    An encoded slash counts as a slash in the path, and parameters sort in natural order
    (group 2 before group 10).
    """
    pairs = {_encode(key): _encode(value) for key, value in oauth.items()}
    for pair in raw_query.split("&"):
        name, equals, value = pair.partition("=")
        if equals:
            pairs[_encode(unquote(name))] = _encode(unquote(value))
    text = "&".join(f"{key}={pairs[key]}" for key in sorted(pairs, key=_natural))
    path = re.sub("%2f", "/", raw_path, flags=re.IGNORECASE)
    base = "&".join((method.upper(), _encode(origin + path), _encode(text)))
    key = f"{_encode(CONSUMER_SECRET)}&{_encode(ACCESS_TOKEN_SECRET)}"
    digest = hmac.new(key.encode(), base.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _encode(text: str) -> str:
    return quote(text, safe="~-._")


def _natural(text: str) -> list[tuple[int, int]]:
    """Digits compare as numbers, everything else byte by byte."""
    return [
        (48, int(part)) if part.isdigit() else (ord(part), 0)
        for part in re.findall(r"[0-9]+|[^0-9]", text)
    ]
