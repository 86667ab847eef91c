"""Beat's search and sweep. A concurrent run does no harm; the next does a lost run's work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from celery import Celery
from redis.exceptions import RedisError

from pipeline.base.clock import seconds
from pipeline.base.errors import AccountStopped, NotSent, Rejected, RemoteError
from pipeline.base.log import log
from pipeline.base.quota import Lane
from pipeline.intake.search_progress import NoProgress
from pipeline.intake.store import Stored
from pipeline.intake.unreadable_reports import open_nameless_incident, set_aside
from pipeline.intake.watermark import Watermarks
from pipeline.monitoring.account_checks import cursor_name, refused_search, stalled
from pipeline.orders.channel import OrderPage
from pipeline.orders.states import StepName
from tasks.engine.runtime import Runtime
from tasks.workflow import WORKFLOW, send

FULL_QUEUE = 500
SHORT_QUEUE = 20
BATCH = 200
JOBS = "jobs"
MAGENTO = "magento"
TAKE_IN = (StepName.IMPORT_ORDER, StepName.VERIFY_ORDER)
"""The steps from which an order goes on to Magento's queue within moments."""
SEARCHABLE_AFTER = timedelta(minutes=3)


def poll_amazon(app: Celery, parts: Runtime, account_name: str) -> None:
    """Store every order that changed since the watermark, and send the new orders.

    A search of many pages continues where the last run stopped. The watermark moves to the upper
    bound that Amazon names, once every page is stored, and never on an error. The limit of a search
    when more orders are named than it can read: see `pipeline.intake.search_windows`.
    """
    account = parts.settings.accounts[account_name]
    cursors = Watermarks(parts.sessions, seconds(parts.settings.timing.poll_overlap_s))
    name = cursor_name(account_name)
    with parts.leases.hold(f"poll:{account_name}", str(uuid4())) as ours:
        if not ours:
            return
        end = _end_of_window(parts, account_name)
        if end is not None:
            parts.windows.pass_over(account_name, name)
        search = cursors.search(name, account.start_from, end)
        if end is None and search.token is None and _may_wait(parts, account_name, name):
            log.info("poll.left")
            return
        read = _Read()
        try:
            while True:
                asked_at = parts.clients.now()
                page = parts.clients.channels[account_name].changed_orders(
                    search.since, search.token, search.before
                )
                stored = _store(app, parts, account_name, page, read, asked_at)
                now = parts.clients.now()
                parts.progress.note(name, search.token, page, stored.seen)
                if stored.nameless:
                    until = search.until or page.upper_bound or search.before or now
                    _keep(parts, account_name, search.since, min(until, now), now)
                brought = bool(stored.new or stored.woken)
                search = cursors.advance(name, search, page, now, brought=brought)
                if read.pages == 1:
                    parts.incidents.close(f"search:{account_name}", now)
                if search.token is None:
                    parts.incidents.close(f"stalled:{name}", now)
                    break
            if search.before is not None:
                parts.windows.pass_over(account_name, name, search.since)
            else:
                _search_gaps(app, parts, account_name, read)
        except NotSent:
            # The next poll continues at this page.
            log.info("poll.paused", pages=read.pages, count=read.new)
            return
        except RemoteError as error:
            now, is_refused = parts.clients.now(), _is_refused(error)
            is_stalled = isinstance(error, NoProgress)
            read_at = cursors.note_trouble(name, error.told, now, restart=is_refused or is_stalled)
            if is_stalled:
                stalled(parts.incidents, name, account_name, "changed orders", error, now)
            if is_refused:
                refused_search(parts.incidents, account_name, read_at, error.told, now)
            log.warning(
                "poll.stopped", code=error.code, request_id=error.request_id, pages=read.pages
            )
            return
    log.info("poll.ended", pages=read.pages, count=read.new, waiting=read.woken)


@dataclass(slots=True)
class _Read:
    """The counts of a poll so far."""

    pages: int = 0
    new: int = 0
    woken: int = 0


def _end_of_window(parts: Runtime, account_name: str) -> datetime | None:
    """The end of the next search; None without a limit, or while the end is more recent than
    Amazon allows: two minutes back, and a little more."""
    if account_name not in parts.queues:
        return None
    end = parts.windows.end(account_name)
    if end is None or end > parts.clients.now() - SEARCHABLE_AFTER:
        return None
    return end


def _may_wait(parts: Runtime, account_name: str, cursor: str) -> bool:
    return account_name in parts.queues and parts.windows.may_wait(cursor, parts.clients.now())


def _store(
    app: Celery,
    parts: Runtime,
    account_name: str,
    page: OrderPage,
    read: _Read,
    asked_at: datetime,
) -> Stored:
    account = parts.clients.in_force().accounts[account_name]
    channel = parts.clients.channels[account_name]
    now = parts.clients.now()
    stored = parts.intake.store(account_name, account, channel, page.orders, now, asked_at=asked_at)
    aside, seen = stored.set_aside, stored.seen
    set_aside(parts.fetching, parts.incidents, account_name, aside, seen, now)
    if account_name in parts.queues:
        parts.fetching.satisfied(account_name, stored.seen)
    read.pages += 1
    read.new += len(stored.new)
    read.woken += len(stored.woken)
    send_now(app, parts, [*stored.new, *stored.woken])
    return stored


def _keep(
    parts: Runtime, account_name: str, since: datetime, until: datetime, now: datetime
) -> None:
    """Keep a period in which Amazon sent orders without a number, to search it again."""
    parts.windows.keep(account_name, since, until, now)
    _tell_nameless(parts, account_name, since, until, now)


def _tell_nameless(
    parts: Runtime, account_name: str, since: datetime, until: datetime, now: datetime
) -> None:
    then = "This period is searched again for a month, in the end once a day"
    open_nameless_incident(parts.incidents, account_name, account_name, (since, until), then, now)


def _search_gaps(app: Celery, parts: Runtime, account_name: str, read: _Read) -> None:
    """Search the gaps that were left under pressure, while tokens can be spared."""
    search = f"gap:{account_name}"
    while (gap := parts.windows.gap(account_name, parts.clients.now())) is not None:
        asked_at = parts.clients.now()
        try:
            page = parts.clients.channels[account_name].changed_orders(
                gap.since, gap.token, gap.until, Lane.BACKFILL
            )
        except Rejected as error:
            if gap.token is None or not _is_refused(error):
                raise
            parts.windows.restart(gap)  # Its page token has expired.
            return
        stored = _store(app, parts, account_name, page, read, asked_at)
        now = parts.clients.now()
        try:
            parts.progress.note(search, gap.token, page, stored.seen)
        except NoProgress as error:
            parts.windows.restart(gap)
            stalled(parts.incidents, search, account_name, "a skipped period", error, now)
            log.warning("gap.stopped", code=error.code)
            return
        if stored.nameless:
            _tell_nameless(parts, account_name, gap.since, gap.until, now)
        if not parts.windows.searched(gap, page, now, nameless=bool(stored.nameless)):
            log.error("gap.given_up")
        if page.next_token is None:
            parts.incidents.close(f"stalled:{search}", now)
            if not parts.windows.keeps(account_name):
                parts.incidents.close(f"nameless:{account_name}", now)


def _is_refused(error: RemoteError) -> bool:
    """Whether Amazon refused the search: its page token may have expired, so start it again."""
    return isinstance(error, Rejected) and not isinstance(error, AccountStopped)


def resume_due(app: Celery, parts: Runtime) -> None:
    """The sweep: send every order that is due, whatever happened to its last message.

    Each queue gets as many orders as it has room for, up to a bound; the rest is still due in the
    next run. An order is not taken in while Magento's queue is full, since its first steps would
    only add it there. A backfill's orders are only added to a short queue, so that new orders never
    wait long behind them. The runs of dead workers go to the jobs' queue: they are few, and were in
    progress before the waiting orders.
    """
    now = parts.clients.now()
    steps_of = _steps_of_queues()
    try:
        lengths = {name: parts.broker.llen(f"orderbridge:{name}") for name in (JOBS, *steps_of)}
    except RedisError:
        log.warning("broker.unavailable")
        return
    if (room := SHORT_QUEUE - lengths[JOBS]) > 0:
        _send_due(app, parts.orders.due(now, room, only_running=True), JOBS)
    is_shop_full = lengths[MAGENTO] >= FULL_QUEUE
    for queue, all_steps in steps_of.items():
        length = lengths[queue]
        steps = [step for step in all_steps if not (is_shop_full and step in TAKE_IN)]
        for bound, with_backfill in ((FULL_QUEUE, False), (SHORT_QUEUE, True)):
            while (room := bound - length) > 0:
                due = parts.orders.due(
                    now, min(BATCH, room), steps=steps, with_backfill=with_backfill
                )
                if not due:
                    break
                _send_due(app, due)
                length += len(due)


def _send_due(app: Celery, due: list[tuple[int, str]], queue: str | None = None) -> None:
    if due:
        log.info("sweep.sent", count=send(app, due, queue))


def _steps_of_queues() -> dict[str, list[str]]:
    steps: dict[str, list[str]] = {}
    for step, (_, queue) in WORKFLOW.items():
        steps.setdefault(queue, []).append(step)
    return steps


def send_now(app: Celery, parts: Runtime, order_ids: list[int]) -> None:
    """Send those of these orders that no worker has, each from its current step."""
    if order_ids:
        send(app, parts.orders.positions(order_ids, parts.clients.now()))
