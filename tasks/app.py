"""The Celery app: `celery -A tasks.app worker`, `beat` and `flower`."""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.signals import setup_logging

from pipeline.base.log import configure
from tasks import workflow
from tasks.engine import kombu_guard, stopping
from tasks.jobs import (
    accounts,
    alerts,
    backfills,
    bulk,
    credit_memos,
    feeds,
    notifications,
    purge,
    reconcile,
    search_and_sweep,
    stock_guard,
    watch_shop,
)

kombu_guard.install()
stopping.install()

app = Celery("orderbridge")
app.config_from_object("tasks.celery_config")
workflow.register(app)
search_and_sweep.register(app)
feeds.register(app)
accounts.register(app)
alerts.register(app)
backfills.register(app)
bulk.register(app)
notifications.register(app)
reconcile.register(app)
watch_shop.register(app)
credit_memos.register(app)
stock_guard.register(app)
purge.register(app)


@setup_logging.connect
def _log_as_json(**_: Any) -> None:
    configure()
