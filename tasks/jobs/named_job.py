"""Jobs of one account or of one shop, as Celery tasks.

A message may lie in its queue while the account or the shop is taken out of the configuration, and
may come from a beat that has the old one: there is nothing to do for it any more.
"""

from __future__ import annotations

from collections.abc import Callable

from celery import Celery
from structlog.contextvars import bound_contextvars

from pipeline.base.log import log
from tasks.engine.runtime import Runtime, runtime

Work = Callable[[Runtime, str], None]


def for_account(app: Celery, job: str, work: Work) -> None:
    """Make `work` the task of this job, for the account that its message names."""

    @app.task(name=f"orderbridge.{job}")
    def task(account: str) -> None:
        with bound_contextvars(job=job, account=account):
            parts = runtime()
            if account in parts.settings.accounts:
                work(parts, account)
            else:
                log.warning("job.unknown_account")


def for_shop(app: Celery, job: str, work: Work) -> None:
    """Make `work` the task of this job, for the shop that its message names."""

    @app.task(name=f"orderbridge.{job}")
    def task(shop: str) -> None:
        with bound_contextvars(job=job, shop=shop):
            parts = runtime()
            if shop in parts.settings.shops:
                work(parts, shop)
            else:
                log.warning("job.unknown_shop")
