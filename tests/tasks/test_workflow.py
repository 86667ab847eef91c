"""The chain of an order on the real broker: what is sent, to where, and what is dropped."""

from __future__ import annotations

import base64
import inspect
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import redis
from celery import Celery
from celery.app.trace import trace_task
from kombu.transport.redis import Channel

from pipeline.base.db import Sessions
from pipeline.orders.machine import STEPS
from pipeline.orders.tables import Status
from tasks.jobs.search_and_sweep import FULL_QUEUE
from tasks.workflow import WORKFLOW, chain_from, send, task_name
from tests.builders import a_raw_order, an_order, loaded, stored

QUEUES = ("amazon", "magento", "jobs")
# Seven links that name nothing but an id; 1 kB of arguments would make it 13 kB.
LARGEST_MESSAGE_BYTES = 4096


@pytest.fixture
def broker(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def queued(broker: redis.Redis, queue: str) -> list[dict[str, Any]]:
    return [json.loads(raw) for raw in broker.lrange(f"orderbridge:{queue}", 0, -1)]


def counts(broker: redis.Redis) -> dict[str, int]:
    return {queue: int(broker.llen(f"orderbridge:{queue}")) for queue in QUEUES}


def test_the_chain_has_the_seven_steps_in_order_with_an_id_only(
    app: Celery, broker: redis.Redis
) -> None:
    chain_from(app, "import_order", 4711).apply_async()
    assert counts(broker) == {"amazon": 1, "magento": 0, "jobs": 0}
    (message,) = queued(broker, "amazon")
    arguments, keywords, embedded = json.loads(base64.b64decode(message["body"]))
    links = [(message["headers"]["task"], arguments, None)]
    for link in reversed(embedded["chain"]):
        assert (link["kwargs"], link["immutable"]) == ({}, True)
        links.append((link["task"], link["args"], link["options"]["queue"]))
    assert keywords == {}
    assert links == [
        (task_name(name), [4711], None if name == STEPS[0] else WORKFLOW[name][1]) for name in STEPS
    ]
    assert message["headers"]["argsrepr"] == "(4711,)"
    (raw,) = broker.lrange("orderbridge:amazon", 0, -1)
    assert len(raw) <= LARGEST_MESSAGE_BYTES


@pytest.mark.parametrize("step", STEPS)
def test_a_chain_from_any_step_begins_there(app: Celery, broker: redis.Redis, step: str) -> None:
    assert send(app, [(1, step)]) == 1
    (message,) = queued(broker, WORKFLOW[step][1])
    _, _, embedded = json.loads(base64.b64decode(message["body"]))
    assert message["headers"]["task"] == task_name(step)
    assert len(embedded["chain"] or []) == len(STEPS) - STEPS.index(step) - 1


@pytest.mark.parametrize("queue", QUEUES)
def test_a_message_to_an_exchange_reaches_its_own_queue_alone(
    app: Celery, broker: redis.Redis, queue: str
) -> None:
    with app.connection_for_write() as connection:
        # As a worker does when it starts.
        for one in app.amqp.queues.values():
            one(connection.default_channel).declare()
        entity = app.amqp.queues[queue]
        with connection.Producer() as producer:
            producer.publish({}, exchange=entity.exchange.name, routing_key=entity.routing_key)
    assert counts(broker) == {name: int(name == queue) for name in QUEUES}


def test_every_step_goes_to_its_remotes_queue_and_every_job_to_the_jobs(
    app: Celery, broker: redis.Redis
) -> None:
    steps = {task_name(name): queue for name, (_, queue) in WORKFLOW.items()}
    ours = {name for name in app.tasks if name.startswith("orderbridge.")}
    assert set(steps) < ours
    for name in ours:
        before = counts(broker)
        # Sent by name, as beat does: nothing but the task itself says where it goes.
        app.tasks[name].apply_async(args=arguments(app, name))
        after = counts(broker)
        queue = steps.get(name, "jobs")
        assert {queue: after[queue] - before[queue] for queue in QUEUES} == {
            one: int(one == queue) for one in QUEUES
        }


def arguments(app: Celery, name: str) -> tuple[int, ...]:
    return (1,) * len(inspect.signature(app.tasks[name].run).parameters)


def test_beat_names_known_tasks_with_the_arguments_they_take(app: Celery) -> None:
    schedule = app.conf.beat_schedule
    assert {
        "poll eu": "orderbridge.poll_amazon",
        "watch main": "orderbridge.watch_shipments",
        "sweep": "orderbridge.resume_due",
    }.items() <= {name: entry["task"] for name, entry in schedule.items()}.items()
    for entry in schedule.values():
        task = app.tasks[entry["task"]]
        inspect.signature(task.run).bind(*entry.get("args", ()))
        # One that is overtaken by its successors expires: nothing may pile up behind busy workers.
        assert 0 < entry["options"]["expires"] <= max(entry["schedule"], 3600)


def test_the_settings_that_reliability_rests_on(app: Celery) -> None:
    wanted = {
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,
        "task_ignore_result": True,
        "result_backend": None,
        "task_create_missing_queues": False,
        "task_serializer": "json",
        "accept_content": ["json"],
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
    }
    assert {name: app.conf[name] for name in wanted} == wanted
    transport = app.conf.broker_transport_options
    # Without the two the unacknowledged are looked at every 100 s only.
    assert transport["unacked_restore_interval"] == 5
    assert transport["unacked_restore_throttle"] == 1
    assert transport["visibility_timeout"] == 600
    assert transport["global_keyprefix"] == "orderbridge:"
    # A worker with more threads than connections cannot acknowledge.
    assert transport["max_connections"] >= 100
    assert transport["socket_timeout"] is not None
    assert FULL_QUEUE > 0
    # Nothing may wait in the broker: a delay longer than the visibility timeout runs several times.
    for task in app.tasks.values():
        assert (task.autoretry_for if hasattr(task, "autoretry_for") else ()) == ()


def test_a_broker_that_is_away_is_no_error(app: Celery, capsys: pytest.CaptureFixture[str]) -> None:
    away = Celery("away", broker="redis://127.0.0.1:1/0", set_as_current=False)
    away.conf.task_publish_retry_policy = app.conf.task_publish_retry_policy
    assert send(away, [(1, "import_order"), (2, "ship_order")]) == 0
    away.close()
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "broker.unavailable"
    assert json.loads(line)["count"] == 2


def delivered(app: Celery, step: str, order_id: int) -> None:
    """Do what a worker does with the message of a step whose chain goes on."""
    first, *rest = chain_from(app, step, order_id).tasks
    assert first.task is not None
    request = {"chain": [dict(link) for link in reversed(rest)], "is_eager": False}
    _, error, _, _ = trace_task(
        app.tasks[first.task], str(uuid4()), first.args, {}, request=request, app=app
    )
    assert error is None


@pytest.mark.usefixtures("fresh_runtime")
@pytest.mark.parametrize(
    ("status", "position", "sent"),
    [
        ("UNSHIPPED", ("enrich_order", Status.READY), {"amazon": 0, "magento": 1, "jobs": 0}),
        ("PENDING", ("verify_order", Status.WAITING), {"amazon": 0, "magento": 0, "jobs": 0}),
        ("UNFULFILLABLE", ("verify_order", Status.HELD), {"amazon": 0, "magento": 0, "jobs": 0}),
        ("CANCELLED", ("verify_order", Status.CANCELLED), {"amazon": 0, "magento": 0, "jobs": 0}),
    ],
)
def test_the_rest_of_a_chain_is_sent_only_when_the_order_goes_on(
    app: Celery,
    broker: redis.Redis,
    sessions: Sessions,
    status: str,
    position: tuple[str, Status],
    sent: dict[str, int],
) -> None:
    order_id = stored(sessions, an_order(raw=a_raw_order(status=status), step="verify_order"))
    delivered(app, "verify_order", order_id)
    order = loaded(sessions, order_id)
    assert (order.step, order.status) == position
    assert counts(broker) == sent


@pytest.mark.usefixtures("fresh_runtime")
def test_a_duplicate_sends_nothing(app: Celery, broker: redis.Redis, sessions: Sessions) -> None:
    order_id = stored(sessions, an_order(raw=a_raw_order(), step="ship_order"))
    delivered(app, "verify_order", order_id)
    assert counts(broker) == {"amazon": 0, "magento": 0, "jobs": 0}


def test_the_app_guards_kombus_channel(app: Celery) -> None:
    assert vars(Channel)["is_guarded"] is True
