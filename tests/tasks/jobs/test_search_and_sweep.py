"""Beat's jobs: the poll against Amazon's stand-in, and the sweep's bound."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from sqlalchemy import func, select, update

from pipeline.base.db import Sessions
from pipeline.base.errors import Transient
from pipeline.clients import Clients
from pipeline.intake.tables import Watermark
from pipeline.monitoring.account_checks import cursor_name
from pipeline.orders.tables import Order, Status
from pipeline.settings.model import Settings
from sandbox.amazon.builders import a_line, an_order
from sandbox.amazon.quota import Quota
from sandbox.amazon.state import Options
from tasks.engine.runtime import Runtime, build
from tasks.jobs.search_and_sweep import FULL_QUEUE, SHORT_QUEUE, poll_amazon, resume_due
from tests import builders
from tests.builders import ACCOUNT, NOW, settings, stored
from tests.sandbox.conftest import Caller, running_amazon
from tests.tasks.conftest import close

PAGE = 100
# The stand-in lists an order two minutes after it changed, at a clock that stands still.
EARLIER = NOW - timedelta(hours=1)
PLENTY = Options(quotas={"searchOrders": Quota(100, 1000), "getOrder": Quota(100, 1000)})


@pytest.fixture
def amazon(tmp_path: Path) -> Iterator[Caller]:
    with running_amazon(tmp_path / "amazon.sqlite", PLENTY) as caller:
        yield caller


@pytest.fixture
def broker(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def in_process(database_url: str, redis_url: str, url: str = "http://127.0.0.1:1") -> Settings:
    """Settings of an account whose Amazon is at `url`."""
    account = {
        "base_url": url,
        "token_url": url,
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "refresh_token": "Atzr|sandbox-main",
    }
    return settings(account=account, database_url=database_url, redis_url=redis_url)


@pytest.fixture
def parts(amazon: Caller, database_url: str, redis_url: str) -> Iterator[Runtime]:
    """A worker process's parts, with Amazon's stand-in behind its account."""
    built = build(in_process(database_url, redis_url, amazon.url))
    yield built
    close(built)


@pytest.fixture
def offline(database_url: str, redis_url: str) -> Iterator[Runtime]:
    """The same with both remotes away."""
    built = build(in_process(database_url, redis_url))
    yield built
    close(built)


def placed(amazon: Caller, count: int, at: datetime = EARLIER) -> list[str]:
    numbers = [f"305-{number:07}-{number:07}" for number in range(1, count + 1)]
    for number in numbers:
        amazon.place(an_order(number, lines=[a_line("MUG-BLUE")], created_at=at))
    return numbers


def known(sessions: Sessions) -> list[str]:
    with sessions() as session:
        return list(session.scalars(select(Order.external_id).order_by(Order.external_id)))


def cursor(sessions: Sessions) -> Watermark | None:
    with sessions() as session:
        return session.get(Watermark, cursor_name(ACCOUNT))


def waiting(broker: redis.Redis, queue: str = "amazon") -> int:
    return int(broker.llen(f"orderbridge:{queue}"))


def searches(amazon: Caller) -> dict[str, int]:
    answered: dict[str, int] = amazon.control("GET", "calls")["search_orders"]
    return answered


def test_the_poll_reads_every_page_and_moves_the_watermark(
    app: Celery, parts: Runtime, amazon: Caller, sessions: Sessions, broker: redis.Redis
) -> None:
    numbers = placed(amazon, 2 * PAGE + 1)
    poll_amazon(app, parts, ACCOUNT)
    assert known(sessions) == numbers
    assert waiting(broker) == len(numbers)
    assert searches(amazon) == {"200": 3}
    position = cursor(sessions)
    assert position is not None
    # What Amazon says it searched up to, two minutes before its own time.
    assert (position.position, position.page_token) == (NOW - timedelta(minutes=2), None)
    assert position.trouble is None

    poll_amazon(app, parts, ACCOUNT)
    # From the watermark less the overlap of five minutes there is nothing.
    assert searches(amazon) == {"200": 4}
    assert waiting(broker) == len(numbers)


def test_news_wake_an_order_and_are_sent(
    app: Celery, parts: Runtime, amazon: Caller, sessions: Sessions, broker: redis.Redis
) -> None:
    (number,) = placed(amazon, 1)
    poll_amazon(app, parts, ACCOUNT)
    with sessions() as session, session.begin():
        later = parts.clients.now() + timedelta(days=1)
        session.execute(update(Order).values(status=Status.WAITING, due_at=later, step=WATCHED))
    amazon.control("POST", f"orders/{number}/status", {"status": "CANCELLED"})
    amazon.control("POST", "clock", {"offset_s": 600})
    poll_amazon(app, parts, ACCOUNT)
    with sessions() as session:
        (order,) = session.scalars(select(Order))
    assert order.remote_status == "CANCELLED"
    assert order.due_at is not None
    assert order.due_at < later
    assert (waiting(broker), waiting(broker, "magento")) == (1, 1)


WATCHED = "ship_order"


def test_a_search_that_was_throttled_goes_on_at_its_page(
    app: Celery, parts: Runtime, amazon: Caller, sessions: Sessions, broker: redis.Redis
) -> None:
    numbers = placed(amazon, 2 * PAGE + 1)
    # Only pages after the first name a token; without Retry-After the wait is longer than a call.
    amazon.control(
        "POST",
        "faults",
        {"route": "search_orders", "kind": "status", "status": 429, "contains": "paginationToken"},
    )
    poll_amazon(app, parts, ACCOUNT)
    assert len(known(sessions)) == PAGE
    stopped_at = cursor(sessions)
    assert stopped_at is not None
    assert stopped_at.page_token is not None
    assert stopped_at.position == builders_start()

    broker.delete(*broker.keys("orderbridge:quota:*"))  # time passes
    poll_amazon(app, parts, ACCOUNT)
    assert known(sessions) == numbers
    assert searches(amazon) == {"200": 3, "429": 1}
    ended_at = cursor(sessions)
    assert ended_at is not None
    assert (ended_at.position, ended_at.page_token) == (NOW - timedelta(minutes=2), None)


def builders_start() -> datetime:
    return NOW - timedelta(days=30)


def test_a_token_that_expired_starts_the_search_anew(
    app: Celery, parts: Runtime, amazon: Caller, sessions: Sessions, broker: redis.Redis
) -> None:
    numbers = placed(amazon, PAGE + 1)
    fault = {"route": "search_orders", "kind": "status", "status": 429}
    amazon.control("POST", "faults", {**fault, "contains": "paginationToken"})
    poll_amazon(app, parts, ACCOUNT)
    broker.delete(*broker.keys("orderbridge:quota:*"))
    amazon.control("POST", "clock", {"offset_s": 25 * 3600})
    poll_amazon(app, parts, ACCOUNT)  # refused: 400 for the token
    given_up = cursor(sessions)
    assert given_up is not None
    assert (given_up.page_token, given_up.position) == (None, builders_start())
    assert given_up.trouble is not None
    poll_amazon(app, parts, ACCOUNT)
    assert known(sessions) == numbers
    assert waiting(broker) == len(numbers)


def test_one_unreadable_order_does_not_stop_the_page(
    app: Celery, parts: Runtime, amazon: Caller, sessions: Sessions
) -> None:
    until = NOW - timedelta(minutes=2)
    readable, timeless = builders.a_raw_order(), builders.a_raw_order()
    del timeless["createdTime"]
    page = {"orders": [{}, timeless, readable], "lastUpdatedBefore": until.isoformat()}
    fault = {"route": "search_orders", "kind": "status", "status": 200, "body": page}
    amazon.control("POST", "faults", fault)
    poll_amazon(app, parts, ACCOUNT)
    assert known(sessions) == [readable["orderId"]]
    position = cursor(sessions)
    assert position is not None
    assert position.position == until


def test_two_polls_at_once_are_one(
    app: Celery, parts: Runtime, amazon: Caller, sessions: Sessions, broker: redis.Redis
) -> None:
    numbers = placed(amazon, 20)
    amazon.control("POST", "faults", {"route": "search_orders", "kind": "delay", "seconds": 0.5})
    with ThreadPoolExecutor(4) as pool:
        for poll in [pool.submit(poll_amazon, app, parts, ACCOUNT) for _ in range(4)]:
            poll.result()
    assert known(sessions) == numbers
    assert waiting(broker) == len(numbers)
    assert searches(amazon) == {"200": 1}


def test_trouble_is_written_down_and_the_watermark_stays(
    app: Celery, offline: Runtime, sessions: Sessions
) -> None:
    poll_amazon(app, quick(offline), ACCOUNT)
    position = cursor(sessions)
    assert position is not None
    assert (position.position, position.checked_at) == (builders_start(), NOW)
    assert position.trouble is not None


class Silent:
    """A channel that is in trouble at once, where the real one would try for 20 s."""

    def changed_orders(self, since: datetime, *_: Any) -> Any:
        raise Transient("Amazon answers with a server error", code="InternalFailure")


def quick(parts: Runtime, **changes: Any) -> Runtime:
    """The same parts at a clock that stands still."""
    own: Clients = replace(
        parts.clients, **{"channels": {ACCOUNT: Silent()}, "now": lambda: NOW, **changes}
    )
    return replace(parts, clients=own)


def due_orders(sessions: Sessions, count: int, step: str = "import_order") -> None:
    for _ in range(count):
        stored(sessions, builders.an_order(due_at=NOW, step=step))


@pytest.mark.parametrize(
    ("in_queue", "due", "sent"),
    [(0, 20, 20), (FULL_QUEUE - 5, 20, 5), (FULL_QUEUE, 20, 0), (FULL_QUEUE + 50, 20, 0)],
)
def test_the_sweep_fills_no_queue_beyond_its_bound(
    app: Celery,
    offline: Runtime,
    sessions: Sessions,
    broker: redis.Redis,
    in_queue: int,
    due: int,
    sent: int,
) -> None:
    due_orders(sessions, due)
    if in_queue:
        broker.lpush("orderbridge:amazon", *["{}"] * in_queue)
    resume_due(app, quick(offline))
    assert waiting(broker) - in_queue == sent
    with sessions() as session:
        marked = session.scalar(select(func.count()).where(Order.sent_at.is_not(None)))
    # What was left over is still due the next time.
    assert marked == sent


@pytest.mark.parametrize(
    ("full", "other", "steps"),
    [
        ("amazon", "magento", ("import_order", "create_order")),
        ("magento", "amazon", ("create_order", "sync_tracking")),
    ],
)
def test_a_full_queue_stops_none_but_its_own_orders(
    app: Celery,
    offline: Runtime,
    sessions: Sessions,
    broker: redis.Redis,
    full: str,
    other: str,
    steps: tuple[str, str],
) -> None:
    of_full, of_other = steps
    for _ in range(FULL_QUEUE // 100):
        stored(sessions, builders.an_order(due_at=NOW - timedelta(hours=1), step=of_full))
    served = [stored(sessions, builders.an_order(due_at=NOW, step=of_other)) for _ in range(3)]
    broker.lpush(f"orderbridge:{full}", *["{}"] * FULL_QUEUE)
    resume_due(app, quick(offline))
    assert broker.llen(f"orderbridge:{full}") == FULL_QUEUE
    assert broker.llen(f"orderbridge:{other}") == 3
    with sessions() as session:
        sent = session.scalars(select(Order.id).where(Order.sent_at.is_not(None))).all()
    assert sorted(sent) == served


@pytest.mark.parametrize("step", ["import_order", "verify_order"])
@pytest.mark.parametrize(("in_queue", "sent"), [(FULL_QUEUE - 1, 3), (FULL_QUEUE, 0)])
def test_no_order_is_taken_in_while_the_queue_it_goes_on_to_is_full(
    app: Celery,
    offline: Runtime,
    sessions: Sessions,
    broker: redis.Redis,
    step: str,
    in_queue: int,
    sent: int,
) -> None:
    due_orders(sessions, 3, step)
    broker.lpush("orderbridge:magento", *["{}"] * in_queue)
    resume_due(app, quick(offline))
    assert waiting(broker) == sent


def test_what_a_dead_worker_had_in_hand_does_not_wait_behind_a_backlog(
    app: Celery, offline: Runtime, sessions: Sessions, broker: redis.Redis
) -> None:
    due_orders(sessions, 3, "sync_tracking")
    running = builders.an_order(due_at=NOW, step="create_order", status=Status.RUNNING)
    order_id = stored(sessions, running)
    broker.lpush("orderbridge:magento", *["{}"] * FULL_QUEUE)
    resume_due(app, quick(offline))
    resume_due(app, quick(offline))
    lengths = [broker.llen(f"orderbridge:{name}") for name in ("jobs", "magento", "amazon")]
    assert lengths == [1, FULL_QUEUE, 3]
    (message,) = broker.lrange("orderbridge:jobs", 0, -1)
    told = json.loads(message)
    assert told["headers"]["task"] == "orderbridge.create_order"
    args, _, embedded = json.loads(base64.b64decode(told["body"]))
    assert args == [order_id]
    # The steps that follow go by their own queues.
    queues = [one["options"]["queue"] for one in embedded["chain"]]
    assert queues == ["amazon", "magento"]


def test_a_long_queue_of_jobs_takes_no_orders(
    app: Celery, offline: Runtime, sessions: Sessions, broker: redis.Redis
) -> None:
    stored(sessions, builders.an_order(due_at=NOW, step="create_order", status=Status.RUNNING))
    broker.lpush("orderbridge:jobs", *["{}"] * SHORT_QUEUE)
    resume_due(app, quick(offline))
    assert broker.llen("orderbridge:jobs") == SHORT_QUEUE
    assert broker.llen("orderbridge:magento") == 1


def test_a_backfills_orders_wait_for_a_short_queue_of_their_own(
    app: Celery, offline: Runtime, sessions: Sessions, broker: redis.Redis
) -> None:
    for step in ("import_order", "enrich_order"):
        for _ in range(3):
            stored(sessions, builders.an_order(due_at=NOW, step=step, lane="backfill"))
    broker.lpush("orderbridge:amazon", *["{}"] * SHORT_QUEUE)
    resume_due(app, quick(offline))
    assert broker.llen("orderbridge:amazon") == SHORT_QUEUE
    assert broker.llen("orderbridge:magento") == 3


def test_two_sweeps_send_an_order_once(
    app: Celery, offline: Runtime, sessions: Sessions, broker: redis.Redis
) -> None:
    due_orders(sessions, 20)
    resume_due(app, quick(offline))
    resume_due(app, quick(offline))
    assert waiting(broker) == 20


def test_without_a_broker_the_sweep_marks_nothing(
    app: Celery,
    offline: Runtime,
    sessions: Sessions,
    away: redis.Redis,
    capsys: pytest.CaptureFixture[str],
) -> None:
    due_orders(sessions, 1)
    resume_due(app, replace(quick(offline), broker=away))
    with sessions() as session:
        assert session.scalars(select(Order.sent_at)).all() == [None]
    assert "broker.unavailable" in capsys.readouterr().err
