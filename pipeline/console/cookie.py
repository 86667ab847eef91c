"""The one cookie: a random token, which names a sign-in after one and nothing before."""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response


class Cookie:
    """Reads and sets it. With `is_secure` it travels over https alone, to this very host."""

    def __init__(self, *, is_secure: bool) -> None:
        self._is_secure = is_secure
        self._name = "__Host-orderbridge" if is_secure else "orderbridge"

    def value(self) -> str:
        """What the browser sent; empty without."""
        return request.cookies.get(self._name, "")

    def set(self, response: Response, token: str) -> None:
        """Have the browser keep a token, until it is closed."""
        response.set_cookie(
            self._name, token, httponly=True, samesite="Lax", secure=self._is_secure
        )

    def forget(self, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(self._name, httponly=True, samesite="Lax", secure=self._is_secure)
