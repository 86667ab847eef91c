"""A worker and beat end at their start when they could not work.

The broker is of a kind that cannot be used, or tracing lacks its packages.
"""

from __future__ import annotations

from typing import Any

from celery.signals import beat_init, worker_init
from redis.exceptions import RedisError

from pipeline.base.broker import NotSupported, refuse_cluster
from pipeline.base.tracing import NotInstalled, refuse_without_packages
from pipeline.settings import file


def install() -> None:
    """Check both whenever a worker or beat starts in this process."""
    worker_init.connect(_starting, weak=False)
    beat_init.connect(_starting, weak=False)


def _starting(**_: Any) -> None:
    settings = file.load()
    try:
        if settings.tracing is not None:
            refuse_without_packages()
        with settings.broker.client(timeout_s=2) as client:
            refuse_cluster(client)
    except RedisError:
        return  # Celery itself waits for a broker that is away
    except NotInstalled as error:
        raise SystemExit(f"Error: {error}") from error
    except NotSupported as error:
        raise SystemExit(f"Error: ORDERBRIDGE_REDIS_URL: {error}") from error
