"""`/health`: the state of accounts, shops, queues and workers, and the open incidents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, render_template

from pipeline.base.db import Sessions
from pipeline.monitoring.health import health
from pipeline.settings.model import Settings


def health_views(settings: Settings, sessions: Sessions, now: Callable[[], datetime]) -> Blueprint:
    """The health page."""
    views = Blueprint("health", __name__)
    broker = settings.broker.client(timeout_s=2)

    @views.get("/health")
    def page() -> str:
        return render_template("health.html", health=health(settings, sessions, broker, now()))

    return views
