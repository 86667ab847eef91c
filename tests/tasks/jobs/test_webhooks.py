"""Beat's jobs of webhooks: a task for each endpoint that is due, none of a copied database."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from celery import Celery
from sqlalchemy import update

from pipeline.base.clock import utc_now
from pipeline.monitoring.tables import Belonging
from pipeline.orders.tables import Order, Status
from pipeline.webhooks.endpoints import Endpoints
from pipeline.webhooks.tables import EventType
from tasks.engine.runtime import Runtime, build
from tasks.jobs.webhooks import send_webhooks, send_webhooks_to
from tests.builders import NOW, a_vault, settings, signed
from tests.colliding import twins
from tests.remote import Remote
from tests.tasks.conftest import close
from tests.webhooks.conftest import answering, bodies


@pytest.fixture
def parts(database_url: str, redis_url: str) -> Iterator[Runtime]:
    built = build(settings(database_url=database_url, redis_url=redis_url), utc_now)
    yield built
    close(built)


@pytest.fixture
def sent(parts: Runtime, app: Celery) -> Callable[[], int]:
    """Runs beat's job; how many messages are in the queue then."""

    def send() -> int:
        send_webhooks(app, parts)
        return int(parts.broker.llen("orderbridge:jobs"))

    return send


def held(parts: Runtime, url: str, *names: str) -> int:
    """An order that was held, which these endpoints want to be told."""
    two = twins(parts.sessions)
    endpoints = Endpoints(parts.sessions, a_vault())
    for name in names:
        endpoints.add(name, url, [EventType.HELD], signed())
    with parts.sessions() as session, session.begin():
        session.execute(
            update(Order)
            .where(Order.id == two.ours)
            .values(status=Status.HELD, hold_code="currency", hold_reason="")
        )
    return two.ours


def test_each_due_endpoint_gets_a_task_which_sends(parts: Runtime, sent: Callable[[], int]) -> None:
    assert sent() == 0
    with Remote(*[answering(204)] * 2) as remote:
        order_id = held(parts, remote.url, "erp", "wms")
        assert sent() == 2
        send_webhooks_to(parts, "erp")
        assert [body["data"]["order_id"] for body in bodies(remote.requests)] == [order_id]
        assert sent() == 3
        send_webhooks_to(parts, "wms")
        send_webhooks_to(parts, "gone")
        assert len(remote.requests) == 2
    assert sent() == 3


def test_an_endpoint_in_other_hands_is_left_to_them(parts: Runtime) -> None:
    with Remote(answering(204)) as remote:
        held(parts, remote.url, "erp")
        with parts.leases.hold("webhooks:erp", "other") as ours:
            assert ours
            send_webhooks_to(parts, "erp")
        assert remote.requests == []


def test_a_copied_database_sends_nothing(parts: Runtime, sent: Callable[[], int]) -> None:
    held(parts, "https://erp.example", "erp")
    with parts.sessions() as session, session.begin():
        known = {"noted_at": NOW, "noted_by": ""}
        session.merge(Belonging(name="shops.main", value="https://other.example", **known))
    assert sent() == 0


def test_a_read_only_installation_sends_nothing(database_url: str, redis_url: str) -> None:
    given = settings(database_url=database_url, redis_url=redis_url)
    parts = build(given.model_copy(update={"read_only": True}), utc_now)
    try:
        with Remote() as remote:
            held(parts, remote.url, "erp")
            send_webhooks(Celery(), parts)  # with no broker, which a task would need
        assert remote.requests == []
    finally:
        close(parts)
