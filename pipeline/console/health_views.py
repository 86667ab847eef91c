"""`/health`: how accounts, shops, queues and workers stand, and what a person has to know."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import redis
from flask import Flask, render_template

from pipeline.db import Sessions
from pipeline.health import health
from pipeline.settings import Settings


def register_health(
    app: Flask, settings: Settings, sessions: Sessions, now: Callable[[], datetime]
) -> None:
    """Add the page to `app`."""
    broker = redis.Redis.from_url(
        settings.redis_url.get_secret_value(), socket_timeout=2, socket_connect_timeout=2
    )

    @app.get("/health")
    def health_page() -> str:
        return render_template("health.html", health=health(settings, sessions, broker, now()))
