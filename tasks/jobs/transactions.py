"""Beat's job that reads Amazon's transactions. A concurrent or lost run does no harm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

from pipeline.amazon.replies import UNAUTHORIZED
from pipeline.base.errors import AccountStopped, NotSent, Rejected, RemoteError
from pipeline.base.log import log
from pipeline.base.quota import Lane
from pipeline.finances.store import Transactions
from pipeline.intake.search_progress import NoProgress
from pipeline.intake.watermark import Watermarks
from pipeline.monitoring.account_checks import stalled
from pipeline.orders.channel import OrderPage
from tasks.engine.runtime import Runtime

OVERLAP = timedelta(hours=72)
"""Amazon may show a transaction 48 hours late, so the last three days are read again."""
WINDOW = timedelta(days=30)
OLDEST = timedelta(days=179)
"""How far back is read at first: Amazon answers more than 180 days with an empty page."""
YOUNGEST = timedelta(minutes=3)
"""Amazon refuses an end within the last two minutes."""
STORM = timedelta(hours=1)
"""A storm of refusals is over by then; after that a role is missing."""
PAGES = 40
"""The most pages of a run, which other jobs of the account leave the time for."""


def watch_transactions(parts: Runtime, account: str) -> None:
    """Store what was posted since the last run, a period of at most 30 days after the other.

    The watermark is the time up to which nothing new can appear. A run continues the search that
    the run before it left, and leaves its own when the quota runs out.
    """
    settings = parts.clients.in_force().accounts[account]
    if settings.finances == "off":
        return
    with parts.leases.hold(f"finances:{account}", str(uuid4())) as ours:
        if not ours:
            return
        read = _Read()
        try:
            _walk(parts, account, settings.start_from, read)
        except NotSent:
            log.info("transactions.paused", pages=read.pages, count=read.changed)
            return
        except RemoteError as error:
            _note(parts, account, error)
            return
    log.info("transactions.ended", pages=read.pages, count=read.changed)


@dataclass(slots=True)
class _Read:
    """The counts of a run so far."""

    pages: int = 0
    changed: int = 0
    unreadable: int = 0


def _walk(parts: Runtime, account: str, start_from: datetime, read: _Read) -> None:
    cursors, name = Watermarks(parts.sessions, timedelta(0)), f"finances:{account}"
    store, api = Transactions(parts.sessions), parts.clients.finances[account]
    while read.pages < PAGES:
        now = parts.clients.now()
        newest = now - YOUNGEST
        search = cursors.search(name, max(start_from, now - OLDEST))
        if search.token is None:
            search = replace(search, before=min(search.since + WINDOW, newest))
        before = search.before or newest
        if before <= search.since:
            return  # The account starts later than Amazon shows.
        page = api.page(search.since, before, search.token, Lane.BACKFILL)
        read.pages += 1
        read.changed += store.store(account, page.transactions, now)
        read.unreadable += page.unreadable
        listed = OrderPage((), page.next_token, min(before, newest - OVERLAP))
        numbers = [one.transaction_id for one in page.transactions]
        parts.progress.note(name, search.token, listed, numbers)
        search = cursors.advance(name, search, listed, now, brought=bool(numbers))
        if search.token is None and before == newest:
            break
    store.release(account, parts.clients.now())
    store.match(account, parts.clients.now())
    for key in (name, f"stalled:{name}"):
        parts.incidents.close(key, parts.clients.now())
    _tell_unreadable(parts, account, read.unreadable)


def _tell_unreadable(parts: Runtime, account: str, count: int) -> None:
    key, now = f"finances:{account}:rows", parts.clients.now()
    if not count:
        parts.incidents.close(key, now)
        return
    parts.incidents.open(
        key,
        f"account {account}: Amazon lists transactions without an id, a time or an amount; all "
        "others were stored. They are read again with the next run; if they stay, ask Amazon's "
        "developer support",
        now,
        account=account,
    )


def _note(parts: Runtime, account: str, error: RemoteError) -> None:
    """Keep the error beside the watermark, and tell what a person has to do something about."""
    name, now = f"finances:{account}", parts.clients.now()
    cursors = Watermarks(parts.sessions, timedelta(0))
    is_stalled = isinstance(error, NoProgress)
    is_refused = isinstance(error, Rejected) and not isinstance(error, AccountStopped)
    # A refused search may have a page token that has expired.
    read_at = cursors.note_trouble(name, error.told, now, restart=is_stalled or is_refused)
    if is_stalled:
        stalled(parts.incidents, name, account, "transactions", error, now)
    elif error.code == UNAUTHORIZED and now - read_at > STORM:
        parts.incidents.open(
            name,
            f"account {account}: Amazon refuses access to its transactions: the application lacks "
            "the role Finance and Accounting. Add the role in the Solution Provider Portal and "
            'authorise the application again in Seller Central, or set finances = "off"; orders go '
            "on meanwhile",
            now,
            account=account,
        )
    log.warning("transactions.stopped", code=error.code, request_id=error.request_id)
