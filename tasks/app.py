"""The Celery app: `celery -A tasks.app worker`, `beat` and `flower`."""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.signals import setup_logging

from pipeline.log import configure
from tasks import (
    account_jobs,
    alert_job,
    backfill_jobs,
    bulk_job,
    feed_jobs,
    jobs,
    kombu_guard,
    notification_jobs,
    purge_job,
    reconcile_jobs,
    refund_jobs,
    stock_jobs,
    stopping,
    watch_jobs,
    workflow,
)

kombu_guard.install()
stopping.install()

app = Celery("orderbridge")
app.config_from_object("tasks.celery_config")
workflow.register(app)
jobs.register(app)
feed_jobs.register(app)
account_jobs.register(app)
alert_job.register(app)
backfill_jobs.register(app)
bulk_job.register(app)
notification_jobs.register(app)
reconcile_jobs.register(app)
watch_jobs.register(app)
refund_jobs.register(app)
stock_jobs.register(app)
purge_job.register(app)


@setup_logging.connect
def _log_as_json(**_: Any) -> None:
    configure()
