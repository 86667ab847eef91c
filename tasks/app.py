"""The Celery app: `celery -A tasks.app worker`, `beat` and `flower`."""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.signals import setup_logging

from pipeline.base.log import configure
from tasks import workflow
from tasks.engine import flower_login, kombu_guard, starting, stopping
from tasks.jobs import schedule

kombu_guard.install()
starting.install()
stopping.install()
flower_login.install()

app = Celery("orderbridge")
app.config_from_object("tasks.celery_config")
workflow.register(app)
schedule.register(app)


@setup_logging.connect
def _log_as_json(**_: Any) -> None:
    configure()
