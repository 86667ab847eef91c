"""The cookies: a random token, which identifies the sign-in once a person has signed in, and the
mark of a known browser.

The mark lets nobody in. It says that a person has signed in here before, so that wrong passwords
tried elsewhere do not delay them.
"""

from __future__ import annotations

from datetime import timedelta

from flask import request
from werkzeug.wrappers import Response


class Cookie:
    """Reads and sets the cookies. With `is_secure` browsers send it over https and to this host
    only."""

    def __init__(self, *, is_secure: bool) -> None:
        self._is_secure = is_secure
        self._name = "__Host-orderbridge" if is_secure else "orderbridge"
        self._browser = f"{self._name}-browser"

    def value(self) -> str:
        """The token that the browser sent; empty without a cookie."""
        return request.cookies.get(self._name, "")

    def set(self, response: Response, token: str) -> None:
        """Set the token, which the browser keeps until it is closed."""
        response.set_cookie(
            self._name, token, httponly=True, samesite="Lax", secure=self._is_secure
        )

    def browser(self) -> str:
        """The mark that the browser sent; empty without one."""
        return request.cookies.get(self._browser, "")

    def know(self, response: Response, mark: str, lasting: timedelta) -> None:
        """Set the mark, which outlasts the sign-in."""
        response.set_cookie(
            self._browser,
            mark,
            max_age=lasting,
            httponly=True,
            samesite="Lax",
            secure=self._is_secure,
        )

    def forget(self, response: Response) -> None:
        """Delete the token."""
        response.delete_cookie(self._name, httponly=True, samesite="Lax", secure=self._is_secure)
