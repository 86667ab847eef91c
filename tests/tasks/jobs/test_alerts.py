"""Beat's job of alerts: what is wrong is told to a real webhook, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from pipeline.settings.alerts import AlertSettings
from tasks.engine.runtime import Runtime, build
from tasks.jobs.alerts import alert
from tests.builders import NOW, an_order, settings, stored
from tests.remote import Remote, answer
from tests.tasks.conftest import close


@pytest.fixture
def webhook() -> Iterator[Remote]:
    with Remote(answer(b"ok"), answer(b"ok")) as remote:
        yield remote


@pytest.fixture
def parts(webhook: Remote, database_url: str, redis_url: str) -> Iterator[Runtime]:
    given = settings(database_url=database_url, redis_url=redis_url)
    alerts = AlertSettings.model_validate({"webhook": True, "webhook_url": webhook.url})
    built = build(given.model_copy(update={"alerts": alerts}), lambda: NOW + timedelta(hours=1))
    yield built
    close(built)


def test_what_is_found_is_told_once(parts: Runtime, webhook: Remote) -> None:
    stored(parts.sessions, an_order(due_at=NOW))
    for _ in range(2):
        alert(parts)
    [body] = webhook.bodies
    assert json.loads(body)["text"].startswith("Orderbridge: for 15 minutes or more 1 order")
