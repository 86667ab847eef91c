"""Beat's job that stores the shops' credit memos. A concurrent or lost run does no harm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from pipeline.base.clock import seconds
from pipeline.base.errors import RemoteError
from pipeline.base.log import log
from pipeline.intake.credit_memos import Refunds
from pipeline.intake.watermark import Watermarks
from pipeline.magento.records import CreditMemo
from pipeline.magento.rest.odd_rows import OddRow, set_aside
from pipeline.monitoring.shop_reads import Job
from pipeline.orders.channel import OrderPage
from tasks.engine.runtime import Runtime
from tasks.jobs.shop_reads import reading
from tasks.jobs.watch_shop import accounts_of

_MENDED_WITHIN = timedelta(days=7)
_COMMENTED_WITHIN = timedelta(days=2)


def watch_refunds(parts: Runtime, shop_name: str) -> None:
    """Store every credit memo of our orders since the last credit memo that was read.

    The watermark is a credit memo's time by the shop's clock, and moves only when all are stored.
    An unreadable credit memo is read again for a week, since it may be corrected meanwhile. Those
    of the last two days are read again for their comments, which do not change their time.
    """
    accounts = accounts_of(parts, shop_name)
    cursors = Watermarks(parts.sessions, seconds(parts.settings.timing.poll_overlap_s))
    name = f"refunds:{shop_name}"
    with parts.leases.hold(name, str(uuid4())) as ours:
        if not ours:
            return
        # Orders may be in a shop that no account sells into any more.
        starts = [parts.settings.accounts[name].start_from for name in accounts]
        start = min(starts, default=parts.clients.now())
        search = cursors.search(name, start)
        with reading(parts, shop_name, Job.REFUNDS) as odd:
            try:
                memos = parts.clients.shops[shop_name].credit_memos.since(search.since)
            except RemoteError as error:
                cursors.note_trouble(name, error.told, parts.clients.now(), restart=False)
                raise
            refunds, now = Refunds(parts.sessions), parts.clients.now()
            new = refunds.store(accounts, shop_name, memos)
            newest = max((memo.created_at for memo in memos), default=None)
            if odd and newest is not None:
                newest = min(newest, max(_before(odd, search.since), now - _MENDED_WITHIN))
            cursors.advance(name, search, OrderPage((), None, newest), now)
            _read_again(parts, refunds, accounts, shop_name, memos, now)
            log.info("refunds.ended", count=new)


def _read_again(
    parts: Runtime,
    refunds: Refunds,
    accounts: Sequence[str],
    shop_name: str,
    known: Sequence[CreditMemo],
    now: datetime,
) -> None:
    """Read young credit memos again for a word in a new comment, and those without facts."""
    but = {memo.entity_id for memo in known}
    ids = refunds.to_read_again(accounts, shop_name, now - _COMMENTED_WITHIN, but)
    if ids:
        with set_aside() as odd:
            memos = parts.clients.shops[shop_name].credit_memos.by_ids(ids)
        refunds.store(accounts, shop_name, memos)
        there = {memo.entity_id for memo in memos} | {row.entity_id for row in odd}
        if 0 not in there:
            refunds.gone(accounts, shop_name, set(ids) - there)


def _before(odd: Sequence[OddRow], since: datetime) -> datetime:
    """The oldest time of these credit memos; without a time, the start of the search counts."""
    return min(row.created_at or since for row in odd)
