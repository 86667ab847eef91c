"""`/metrics` has a token of its own: nothing else opens it, and it opens nothing else."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from pipeline.base.db import Sessions
from pipeline.console.app import create_app
from tests.console.builders import NOW, a_held_order, some_settings, store
from tests.console.conftest import SignedIn

TOKEN = "a-token-of-more-than-twenty"
HELD = 'orderbridge_orders{account="eu",state="held",step="enrich_order"} 1.0'


@pytest.fixture
def measured(sessions: Sessions) -> Flask:
    """The console with a token for Prometheus, and one held order."""
    store(sessions, a_held_order(1))
    changed = {"metrics_token": SecretStr(TOKEN)}
    return create_app(some_settings().model_copy(update=changed), sessions, lambda: NOW)


@pytest.fixture
def prometheus(measured: Flask) -> FlaskClient:
    """What has the token, and nothing else."""
    return measured.test_client()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_the_token_gives_the_metrics_and_no_cookie(prometheus: FlaskClient) -> None:
    reply = prometheus.get("/metrics", headers=bearer(TOKEN))
    assert reply.status_code == 200
    assert reply.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert HELD in reply.text.splitlines()
    # Its broker is away, and the scrape says so.
    assert 'orderbridge_scrape_part_success{part="broker"} 0.0' in reply.text
    assert reply.headers.getlist("Set-Cookie") == []
    assert reply.headers["Cache-Control"] == "no-store"


def test_prometheus_gets_the_format_that_it_asks_for(prometheus: FlaskClient) -> None:
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"
    reply = prometheus.get("/metrics", headers={**bearer(TOKEN), "Accept": accept})
    assert reply.content_type.startswith("application/openmetrics-text; version=1.0.0;")
    assert reply.text.endswith("# EOF\n")


@pytest.mark.parametrize(
    "sent",
    [
        {},
        bearer(""),
        bearer(TOKEN[:-1]),
        bearer(f"{TOKEN}x"),
        bearer("tökén-of-more-than-twenty"),
        {"Authorization": TOKEN},
        {"Authorization": f"bearer {TOKEN}"},
        {"Authorization": f"Basic {TOKEN}"},
    ],
)
def test_nothing_but_the_token_gives_them(prometheus: FlaskClient, sent: dict[str, str]) -> None:
    reply = prometheus.get("/metrics", headers=sent)
    assert (reply.status_code, reply.headers["WWW-Authenticate"]) == (401, 'Bearer realm="metrics"')
    assert "ORDERBRIDGE_METRICS_TOKEN" in reply.text
    assert "orderbridge_" not in reply.text


def test_a_token_in_the_address_does_not_count(prometheus: FlaskClient) -> None:
    assert prometheus.get(f"/metrics?token={TOKEN}").status_code == 401


def test_an_admins_cookie_does_not_give_them(measured: Flask, sessions: Sessions) -> None:
    assert SignedIn(measured, sessions).get("/metrics").status_code == 401


def test_the_token_opens_no_other_page(prometheus: FlaskClient) -> None:
    reply = prometheus.get("/health", headers=bearer(TOKEN))
    assert (reply.status_code, reply.headers["Location"]) == (303, "/login?next=/health")


def test_without_a_token_they_are_off(app_without_database: Flask) -> None:
    for sent in ({}, bearer(""), bearer(TOKEN)):
        reply = app_without_database.test_client().get("/metrics", headers=sent)
        assert (reply.status_code, reply.content_type) == (404, "text/plain; charset=utf-8")
        assert reply.text.startswith("metrics are off: set ORDERBRIDGE_METRICS_TOKEN")
