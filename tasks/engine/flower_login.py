"""Flower's pages `/metrics` and `/healthcheck` ask for the login, as its other pages do.

Flower 2.2 answers them to everybody and has no setting for it. The `celery` command loads Flower in
each of its processes, so this costs the workers nothing.
"""

from __future__ import annotations

from typing import Any

from flower.views.monitor import Healthcheck, Metrics


def install() -> None:
    """Close both pages in this process."""
    for page in (Healthcheck, Metrics):
        page.prepare = _ask_for_the_login


def _ask_for_the_login(page: Any) -> None:
    # With basic authentication, looking who asks answers 401 by itself.
    if not page.current_user:
        page.send_error(401)
