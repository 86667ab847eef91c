"""Beat's job for backfills. A concurrent run does no harm, and a run may be lost at any page."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from celery import Celery

from pipeline.base.clock import seconds
from pipeline.base.errors import AccountStopped, NotSent, Rejected, RemoteError
from pipeline.base.log import log
from pipeline.base.quota import Lane
from pipeline.intake.backfills import Backfills
from pipeline.intake.search_progress import NoProgress
from pipeline.intake.tables import Backfill
from pipeline.intake.unreadable_reports import open_nameless_incident, set_aside
from pipeline.monitoring.account_checks import stalled
from tasks.engine.runtime import Runtime
from tasks.workflow import send

# Each retry costs a call that new orders may need.
AFTER_TROUBLE = timedelta(minutes=1)
AFTER_REFUSAL = timedelta(minutes=15)


def run_backfills(app: Celery, parts: Runtime) -> None:
    """Continue every backfill, and end the backfills that have been read completely."""
    backfills = Backfills(parts.sessions)
    for backfill in backfills.due(parts.clients.now()):
        if backfill.account not in parts.settings.accounts:
            log.warning("backfill.no_account", account=backfill.account)
            continue
        if backfill.after_at is None or backfill.before_at is None:
            if backfills.end_when_read(backfill, parts.clients.now()):
                log.info("backfill.ended", account=backfill.account)
            continue
        with parts.leases.hold(f"backfill:{backfill.account}", str(uuid4())) as ours:
            if ours:
                _read_on(app, parts, backfills, backfill.id)


def _read_on(app: Celery, parts: Runtime, backfills: Backfills, backfill_id: int) -> None:
    """Store page after page, until the last page, the end of the quota, or a person's stop.

    A page is stored before its token advances: after a crash in between it is read again, and
    existing orders are not stored twice.
    """
    # Read under the lease: another worker may just have continued it.
    due = [
        backfill for backfill in backfills.due(parts.clients.now()) if backfill.id == backfill_id
    ]
    if not due or due[0].after_at is None or due[0].before_at is None:
        return
    backfill, after, before = due[0], due[0].after_at, due[0].before_at
    channel = parts.clients.channels[backfill.account]
    token = backfill.page_token
    search = f"backfill:{backfill.account}"
    pages = new = 0
    try:
        while True:
            asked_at = parts.clients.now()
            page = channel.placed_orders(after, before, token)
            now = parts.clients.now()
            account = parts.clients.in_force().accounts[backfill.account]
            stored = parts.intake.store(
                backfill.account, account, channel, page.orders, now, Lane.BACKFILL, asked_at
            )
            aside, seen = stored.set_aside, stored.seen
            set_aside(parts.fetching, parts.incidents, backfill.account, aside, seen, now)
            if token is None:
                parts.incidents.close(f"nameless:{search}", now)
            if stored.nameless:
                then = "Run a backfill of this period again later"
                period = (after, before)
                open_nameless_incident(parts.incidents, backfill.account, search, period, then, now)
            if stored.woken:
                send(app, parts.orders.positions(stored.woken, now))
            pages, new = pages + 1, new + len(stored.new)
            parts.progress.note(search, token, page, stored.seen)
            token = backfills.advance(backfill, page, len(stored.new), now)
            if token is None:
                parts.incidents.close(f"stalled:{search}", now)
                break
    except NotSent as error:
        wait = seconds(error.retry_after_s or 0)
        backfills.put_off(backfill, parts.clients.now() + wait, None)
    except RemoteError as error:
        _put_off(parts, backfills, backfill, error, had_token=token is not None)
    log.info("backfill.read", account=backfill.account, pages=pages, count=new)


def _put_off(
    parts: Runtime, backfills: Backfills, backfill: Backfill, error: RemoteError, *, had_token: bool
) -> None:
    is_refused = isinstance(error, Rejected) and not isinstance(error, AccountStopped)
    # A page token is valid for a day: after that the search starts again.
    expired = is_refused and had_token
    is_stalled = isinstance(error, NoProgress)
    wait = AFTER_REFUSAL if is_stalled or (is_refused and not expired) else AFTER_TROUBLE
    due_at = parts.clients.now() + max(wait, seconds(error.retry_after_s or 0))
    backfills.put_off(backfill, due_at, error.told, restart=expired or is_stalled)
    if is_stalled:
        now, name = parts.clients.now(), backfill.account
        stalled(parts.incidents, f"backfill:{name}", name, "orders placed in a period", error, now)
    log.warning(
        "backfill.stopped",
        account=backfill.account,
        code=error.code,
        request_id=error.request_id,
    )
