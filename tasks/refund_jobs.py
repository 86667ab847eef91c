"""The job that keeps the shops' credit memos. Safe to run twice at once, and to lose."""

from __future__ import annotations

from uuid import uuid4

from celery import Celery
from structlog.contextvars import bound_contextvars

from pipeline.channel import OrderPage
from pipeline.clock import seconds
from pipeline.cursors import Cursors
from pipeline.errors import RemoteError
from pipeline.log import log
from pipeline.refunds import Refunds
from tasks.runtime import Runtime, runtime
from tasks.watch_jobs import accounts_of


def register(app: Celery) -> None:
    """Make the job a Celery task of the app."""

    @app.task(name="orderbridge.watch_refunds")
    def watch_refunds_task(shop: str) -> None:
        with bound_contextvars(job="watch_refunds", shop=shop):
            watch_refunds(runtime(), shop)


def watch_refunds(parts: Runtime, shop_name: str) -> None:
    """Keep every credit memo made since the last one that was read, of orders of ours.

    The mark is a memo's own time, by the shop's clock, and moves only when all have been stored.
    """
    accounts = accounts_of(parts, shop_name)
    if not accounts:
        return
    cursors = Cursors(parts.sessions, seconds(parts.settings.timing.poll_overlap_s))
    name = f"refunds:{shop_name}"
    with parts.leases.hold(name, str(uuid4())) as ours:
        if not ours:
            return
        start = min(parts.settings.accounts[one].start_from for one in accounts)
        search = cursors.search(name, start)
        try:
            memos = parts.clients.shops[shop_name].credit_memos(search.since)
        except RemoteError as error:
            trouble = f"{error.code}: {error}"
            cursors.note_trouble(name, trouble, parts.clients.now(), restart=False)
            log.warning("refunds.stopped", code=error.code, request_id=error.request_id)
            return
        new = Refunds(parts.sessions).store(accounts, memos)
        newest = max((memo.created_at for memo in memos), default=None)
        cursors.advance(name, search, OrderPage((), None, newest), parts.clients.now())
    log.info("refunds.ended", count=new)
