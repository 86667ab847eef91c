"""The only cookie: a random token, which identifies the sign-in once a person has signed in."""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response


class Cookie:
    """Reads and sets the cookie. With `is_secure` browsers send it over https and to this host
    only."""

    def __init__(self, *, is_secure: bool) -> None:
        self._is_secure = is_secure
        self._name = "__Host-orderbridge" if is_secure else "orderbridge"

    def value(self) -> str:
        """The token that the browser sent; empty without a cookie."""
        return request.cookies.get(self._name, "")

    def set(self, response: Response, token: str) -> None:
        """Set the token, which the browser keeps until it is closed."""
        response.set_cookie(
            self._name, token, httponly=True, samesite="Lax", secure=self._is_secure
        )

    def forget(self, response: Response) -> None:
        """Delete the cookie."""
        response.delete_cookie(self._name, httponly=True, samesite="Lax", secure=self._is_secure)
