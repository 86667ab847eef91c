"""A worker that is told to stop ends what it has in hand, for some seconds; then it hands it back.

Celery takes no new message from the signal on and ends the process when the last task is through,
however long that takes: threads cannot be cut off. So this ends it.
"""

from __future__ import annotations

import os
import threading
from typing import Any

from celery.signals import worker_shutting_down
from redis.exceptions import RedisError

from pipeline.base.log import log
from tasks.engine.runs_in_hand import AWAY
from tasks.engine.runtime import runtime

FINISH_WITHIN_S = 10.0


def install() -> None:
    """Have each worker of this process end in time."""
    worker_shutting_down.connect(_stopping, weak=False)


def _stopping(**_: Any) -> None:
    timer = threading.Timer(FINISH_WITHIN_S, _leave)
    timer.daemon = True  # a worker that is through with everything does not wait for it
    timer.start()


def _leave() -> None:
    """End the process. What cannot be handed back is taken up like a dead worker's."""
    try:
        parts = runtime()
        parts.runner.runs.stop()
        parts.leases.give_back()
    except (*AWAY, RedisError):
        log.warning("run.not_handed_back")
    finally:
        os._exit(0)
