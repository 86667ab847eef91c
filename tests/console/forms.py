"""The console's forms as a browser over a real socket fills them in."""

from __future__ import annotations

import re

import requests


def form_token(page: str) -> dict[str, str]:
    """The hidden field of every form."""
    field = re.search(r'name="(csrf_token)" value="(\w+)"', page)
    assert field is not None
    return {field[1]: field[2]}


def without_tokens(page: str) -> str:
    """A page without what differs in each answer."""
    return re.sub(r'(name="csrf_token" value=)"\w+"', r'\1""', page)


def sign_in(web: requests.Session, url: str, name: str, password: str) -> requests.Response:
    """Fill in the login form of the console at `url`, and follow where it leads."""
    form = form_token(web.get(f"{url}/login", timeout=20).text)
    return web.post(f"{url}/login", data={**form, "name": name, "password": password}, timeout=20)
