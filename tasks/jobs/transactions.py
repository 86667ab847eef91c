"""Beat's job that reads Amazon's transactions. A concurrent or lost run does no harm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

from pipeline.amazon.replies import UNAUTHORIZED
from pipeline.base.errors import AccountStopped, NotSent, Rejected, RemoteError
from pipeline.base.log import log
from pipeline.base.quota import Lane
from pipeline.finances.money_reads import MoneyReads
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
YOUNGEST = timedelta(minutes=7)
"""Amazon refuses an end within the last two minutes of its clock, which ours may be ahead of."""
STORM = timedelta(hours=1)
"""A storm of refusals is over by then; after that a role is missing."""
SILENT = timedelta(hours=6)
"""After so long without a transaction a person is told, whatever the error is."""
PAGES = 40
"""The most pages of a run, which other jobs of the account leave the time for."""
OVERDUE = 500
"""The most orders that a run lists for having their money held back too long."""


def watch_transactions(parts: Runtime, account: str) -> None:
    """Store what was posted since the last run, a period of at most 30 days after the other.

    The watermark is the time up to which nothing new can appear. A run continues the search that
    the run before it left, and leaves its own when the quota runs out.
    """
    settings = parts.clients.in_force().accounts[account]
    if settings.finances == "off":
        for key in _incidents(account):
            parts.incidents.close(key, parts.clients.now())
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
        finally:
            store = Transactions(parts.sessions)
            store.release(account, parts.clients.now())
            store.match(account, parts.clients.now())
            MoneyReads(parts.sessions).ask_overdue(account, parts.clients.now(), OVERDUE)
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
    begun = parts.clients.now()
    settled = begun - YOUNGEST - OVERLAP
    while read.pages < PAGES:
        search = cursors.search(name, max(start_from, begun - OLDEST))
        before = search.before or min(search.since + WINDOW, begun - YOUNGEST)
        if before <= search.since:
            return  # The account starts later than Amazon shows.
        page = api.page(search.since, before, search.token, Lane.BACKFILL)
        now = parts.clients.now()
        read.pages += 1
        read.changed += store.store(account, page.transactions, now)
        read.unreadable += page.unreadable
        listed = OrderPage((), page.next_token, min(before, settled))
        numbers = [one.transaction_id for one in page.transactions]
        parts.progress.note(name, search.token, listed, numbers)
        search = replace(search, before=before)
        search = cursors.advance(name, search, listed, now, brought=bool(numbers))
        if search.token is None and before > settled:
            break
    for key in _incidents(account)[:2]:
        parts.incidents.close(key, parts.clients.now())
    _tell_unreadable(parts, account, read.unreadable)


def _incidents(account: str) -> tuple[str, ...]:
    name = f"finances:{account}"
    return (name, f"stalled:{name}", f"{name}:rows")


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
    elif now - read_at > SILENT:
        parts.incidents.open(
            name,
            f"account {account}: Amazon's transactions have not been read since "
            f"{read_at:%Y-%m-%d %H:%M} UTC ({error.told}): money and refunds of orders are missing "
            "since then. It is tried again with each run, and nothing is lost",
            now,
            account=account,
        )
    log.warning("transactions.stopped", code=error.code, request_id=error.request_id)
