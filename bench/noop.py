"""The floor of the engine: a chain of seven Celery tasks that do nothing.

`ours` has the product's Celery settings, queues and guard, so that the difference to the product is
its own work alone; `plain` has Celery's defaults. A worker is told by BENCH_NOOP which of both to
serve and by BENCH_NOOP_BROKER where.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import redis
from celery import Celery, chain

from tasks.engine import kombu_guard
from tasks.workflow import WORKFLOW

OURS, PLAIN = "ours", "plain"
DONE = "bench:noop:done"
_QUEUES = [queue for _, queue in WORKFLOW.values()]


@cache
def _counter(url: str) -> redis.Redis:
    return redis.Redis.from_url(url)


def make(kind: str, url: str) -> Celery:
    """The app of a kind at a broker."""
    made = Celery(f"noop-{kind}")
    if kind == OURS:
        kombu_guard.install()
        made.config_from_object("tasks.celery_config")
    made.conf.update(broker_url=url, beat_schedule={}, worker_hijack_root_logger=False)
    for number in range(1, len(_QUEUES) + 1):
        step = _step(url, is_last=number == len(_QUEUES))
        made.task(name=f"noop-{kind}.{number}", shared=False, takes=(int,))(step)
    return made


def _step(url: str, *, is_last: bool) -> Any:
    def step(order_id: int) -> None:
        if is_last:
            _counter(url).incr(DONE)

    return step


def publish(app: Celery, count: int) -> None:
    """Send chains, as the product sends an order's."""
    is_ours = app.main == f"noop-{OURS}"
    with app.producer_or_acquire() as producer:
        for order_id in range(1, count + 1):
            links = [
                app.signature(
                    f"{app.main}.{number}",
                    args=(order_id,),
                    immutable=True,
                    **({"queue": queue} if is_ours else {}),
                )
                for number, queue in enumerate(_QUEUES, 1)
            ]
            chain(*links).apply_async(producer=producer)


def done(url: str) -> int:
    """How many chains have come to their end."""
    return int(_counter(url).get(DONE) or 0)


if "BENCH_NOOP" in os.environ:
    app = make(os.environ["BENCH_NOOP"], os.environ["BENCH_NOOP_BROKER"])
