"""What ends a worker or beat at its start: settings that a worker lacks, a broker of a kind that
cannot be used, tracing without its packages."""

from __future__ import annotations

from typing import Any

from celery.signals import beat_init, worker_init
from redis.exceptions import RedisError

from pipeline.base.broker import NotSupported, refuse_cluster
from pipeline.base.tracing import NotInstalled, refuse_without_packages
from pipeline.settings import file
from pipeline.settings.model import Settings


def install() -> None:
    """Check settings, packages and broker whenever a worker or beat starts in this process."""
    worker_init.connect(_worker_starting, weak=False)
    beat_init.connect(_beat_starting, weak=False)


def _worker_starting(**_: Any) -> None:
    try:
        settings = file.load()
        if settings.tracing is not None:
            refuse_without_packages()
        _check(settings)
    except (file.ConfigError, NotInstalled) as error:
        # Celery would go on after any other exception.
        raise SystemExit(f"Error: {error}") from error


def _beat_starting(**_: Any) -> None:
    _check(file.load_for_celery())


def _check(settings: Settings) -> None:
    try:
        with settings.broker.client(timeout_s=2) as client:
            refuse_cluster(client)
    except RedisError:
        return  # Celery itself waits for a broker that is away
    except NotSupported as error:
        raise SystemExit(f"Error: ORDERBRIDGE_REDIS_URL: {error}") from error
