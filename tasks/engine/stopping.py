"""A stopped worker gets some seconds to finish its runs; then it hands them back.

After the signal Celery takes no new message and ends the process when the last task has finished,
however long that takes, since threads cannot be interrupted. So this module ends the process.
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
    """End each worker of this process in time."""
    worker_shutting_down.connect(_stopping, weak=False)


def _stopping(**_: Any) -> None:
    timer = threading.Timer(FINISH_WITHIN_S, _leave)
    timer.daemon = True  # A worker that has finished everything does not wait for the timer.
    timer.start()


def _leave() -> None:
    """End the process. Runs that cannot be handed back are resumed like a dead worker's."""
    try:
        parts = runtime()
        parts.runner.runs.stop()
        parts.leases.give_back()
    except (*AWAY, RedisError):
        log.warning("run.not_handed_back")
    finally:
        os._exit(0)
