"""Reject and count a message that no worker can use; without this it ends the worker that takes it.

The broker then gives it to the next worker, until none is left. An order loses nothing by a
rejected message: its row says where it is, and the sweep sends it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from celery.worker.consumer import Consumer as CelerysConsumer
from redis.exceptions import RedisError

from pipeline.base.log import log
from pipeline.base.row_ids import LARGEST_ID
from pipeline.monitoring.health import REJECTED_MESSAGES
from tasks.engine.runtime import runtime

_NOT_OURS = ("eta", "timelimit")
"""Headers that none of our messages fills; Celery fills in a list of None."""


class Unusable(Exception):
    """The message is none of ours; the text says why, without quoting it."""


class Consumer(CelerysConsumer):
    """Takes the messages of a worker: Celery's `worker_consumer`."""

    def create_task_handler(self, *args: Any) -> Callable[[Any], None]:
        """Celery's handler, which then has only what `_check` lets pass."""
        handle = super().create_task_handler(*args)

        def on_task_received(message: Any) -> None:
            try:
                _check(self.app.tasks, message)
                handle(message)
            except (OSError, RedisError):
                raise  # the broker is away, which Celery lives through
            except Exception as error:  # noqa: BLE001 - whatever it is, the next worker fails alike
                self.on_invalid_task(None, message, error)

        return on_task_received

    def on_invalid_task(self, body: Any, message: Any, exc: Exception, **_: Any) -> None:
        """Take the message out of the queue for good. Celery itself calls this for odd times."""
        if not message.acknowledged:
            message.reject()
        count_rejected(exc)


def count_rejected(error: Exception) -> None:
    """Count a rejected message, and log why, in a line without its content."""
    reason = str(error) if isinstance(error, Unusable) else type(error).__name__
    log.error("message.rejected", code=reason)
    try:
        runtime().broker.incr(REJECTED_MESSAGES)
    except RedisError:
        log.warning("broker.unavailable")


def _check(tasks: Any, message: Any) -> None:
    """Raises Unusable unless the message calls a task of ours with arguments that it takes, and the
    errors of its decoding."""
    headers = message.headers
    name = headers.get("task") if isinstance(headers, dict) else None
    takes = getattr(tasks.get(name), "takes", None) if isinstance(name, str) else None
    if takes is None:
        raise Unusable("no task of ours")
    if not isinstance(headers.get("id"), str):
        raise Unusable("no id")
    if any(headers.get(one) not in (None, [None, None]) for one in _NOT_OURS):
        raise Unusable("a time of its own")
    match message.payload:
        case [list(arguments), dict(named), dict()] if not named and _fit(arguments, takes):
            return
    raise Unusable("arguments that the task does not take")


def _fit(arguments: Sequence[object], takes: Sequence[type]) -> bool:
    """Whether these are the arguments of a task that takes these types; a number is a row's id."""
    return len(arguments) == len(takes) and all(
        type(one) is kind and (not isinstance(one, int) or 0 < one <= LARGEST_ID)
        for one, kind in zip(arguments, takes, strict=True)
    )
