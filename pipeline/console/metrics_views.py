"""`/metrics` for Prometheus. It has a token of its own: no sign-in and no cookie counts there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hmac import compare_digest

from flask import Blueprint, Response, request

from pipeline.base.db import Sessions
from pipeline.settings.model import METRICS_TOKEN, Settings


def metrics_views(settings: Settings, sessions: Sessions, now: Callable[[], datetime]) -> Blueprint:
    """The metrics; 404 without a token in the settings."""
    views = Blueprint("metrics", __name__)
    token = settings.metrics_token.get_secret_value()
    if not token:
        views.add_url_rule("/metrics", "scrape", _are_off)
        return views
    # Slow to import, and many consoles have no Prometheus.
    from prometheus_client.exposition import choose_encoder

    from pipeline.monitoring.metrics.collector import Metrics

    metrics, expected = Metrics(settings, sessions, now), f"Bearer {token}".encode()

    @views.get("/metrics")
    def scrape() -> Response:
        """All metrics, in the format that the Accept header asks for."""
        if not compare_digest(request.headers.get("Authorization", "").encode(), expected):
            refused = _plain(f"the header Authorization must be: Bearer {METRICS_TOKEN}\n", 401)
            refused.headers["WWW-Authenticate"] = 'Bearer realm="metrics"'
            return refused
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return Response(encode(metrics), content_type=content_type)

    return views


def _are_off() -> Response:
    return _plain(
        f"metrics are off: set {METRICS_TOKEN} for the console, and give it to Prometheus\n", 404
    )


def _plain(text: str, status: int) -> Response:
    return Response(text, status, mimetype="text/plain")
