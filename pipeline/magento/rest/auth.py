"""Authentication at a shop as an integration: bearer, or OAuth 1.0a as Magento checks it.

Magento departs from RFC 5849 in three ways: `%2F` in the path is signed as a slash, parameters
sort in natural order (group 2 before group 10), and the port is no part of the signed URL.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from urllib.parse import quote, unquote, urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase

from pipeline.settings.model import ShopSettings


class Bearer(AuthBase):
    """The integration's access token alone. Since Magento 2.4.4 shops refuse it by default."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class OAuth(AuthBase):
    """OAuth 1.0a with HMAC-SHA256: the only method that shops accept since 2.4.4 by default.

    Every request gets a new nonce, since a shop refuses a nonce it has seen. The shop's clock
    may be at most 600 s behind `now`.
    """

    def __init__(
        self,
        *,
        consumer_key: str,
        consumer_secret: str,
        token: str,
        token_secret: str,
        now: Callable[[], datetime],
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._consumer_key = consumer_key
        self._token = token
        self._key = f"{_encode(consumer_secret)}&{_encode(token_secret)}".encode()
        self._now = now
        self._nonce = nonce

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        parameters = {
            "oauth_consumer_key": self._consumer_key,
            "oauth_nonce": self._nonce(),
            "oauth_signature_method": "HMAC-SHA256",
            "oauth_timestamp": str(int(self._now().timestamp())),
            "oauth_token": self._token,
            "oauth_version": "1.0",
        }
        base = signature_base(request.method or "GET", request.url or "", parameters)
        digest = hmac.digest(self._key, base.encode(), "sha256")
        parameters["oauth_signature"] = base64.b64encode(digest).decode()
        request.headers["Authorization"] = "OAuth " + ", ".join(
            f'{name}="{_encode(value)}"' for name, value in parameters.items()
        )
        return request


def signature_base(method: str, url: str, parameters: dict[str, str]) -> str:
    """The text to sign, for an encoded URL and its OAuth parameters.

    Source: the behaviour of Magento\\Framework\\Oauth as observed on 2.4.7, not RFC 5849.
    """
    parts = urlsplit(url)
    path = re.sub("%2f", "/", parts.path, flags=re.IGNORECASE)
    pairs = [(*_named(name), _encode(value)) for name, value in parameters.items()]
    for pair in parts.query.split("&"):
        name, equals, value = pair.partition("=")
        if equals:
            pairs.append((*_named(unquote(name)), _encode(unquote(value))))
    pairs.sort(key=itemgetter(0))
    return "&".join(
        (
            method.upper(),
            _encode(f"{parts.scheme}://{parts.hostname}{path}"),
            _encode("&".join(f"{name}={value}" for _, name, value in pairs)),
        )
    )


def for_shop(shop: ShopSettings, now: Callable[[], datetime]) -> AuthBase:
    """The authentication of requests to this shop, by its settings."""
    if shop.auth == "bearer":
        return Bearer(shop.access_token.get_secret_value())
    return OAuth(
        consumer_key=shop.consumer_key.get_secret_value(),
        consumer_secret=shop.consumer_secret.get_secret_value(),
        token=shop.access_token.get_secret_value(),
        token_secret=shop.access_token_secret.get_secret_value(),
        now=now,
    )


_ENCODED = {code: quote(chr(code), safe="~") for code in range(128)}


def _encode(text: str) -> str:
    # A signature encodes its long text twice, and quote() goes through it byte by byte.
    return text.translate(_ENCODED) if text.isascii() else quote(text, safe="~")


@lru_cache(maxsize=512)
def _named(name: str) -> tuple[list[tuple[int, int]], str]:
    """The key by which a parameter's name is sorted, and the name as it is signed."""
    encoded = _encode(name)
    return _natural(encoded), encoded


def _natural(text: str) -> list[tuple[int, int]]:
    """PHP's strnatcmp as a key: runs of digits compare as numbers, other characters by byte."""
    return [
        (ord("0"), int(run)) if run[0] in "0123456789" else (ord(run), 0)
        for run in re.findall(r"[0-9]+|[^0-9]", text)
    ]
