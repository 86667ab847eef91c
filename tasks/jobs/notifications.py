"""Beat's jobs for Amazon's notifications: read the queue, then read the orders that it names.

A concurrent or lost run does no harm: the poll finds everything that these jobs miss.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from celery import Celery
from kombu.exceptions import OperationalError

from pipeline.amazon.notification_messages import MoneyPosted, Other, read
from pipeline.amazon.sqs import Message, Queue
from pipeline.base.clock import seconds
from pipeline.base.errors import AccountStopped, NotSent, Rejected, RemoteError, Transient
from pipeline.base.log import log
from pipeline.base.quota import Lane
from pipeline.finances.money_reads import MoneyReads
from pipeline.intake.fetch_list import Wanted
from pipeline.intake.unreadable_reports import update_incidents
from pipeline.orders.channel import Raw
from pipeline.orders.outcome import HoldCode
from tasks.engine.runner import backoff
from tasks.engine.runtime import Runtime
from tasks.workflow import send

SHOWN_AFTER = timedelta(minutes=5)
WAIT_S = 1
ROUNDS = 20
FETCHED_AT_ONCE = 50
EXPIRES_S = 30.0
# SQS delivers a message again until it is deleted; most dead-letter queues take it before that.
GIVEN_OUT_OFTEN = 5
REFUSED_OFTEN = 3
# With the default waits, about seven hours of failures with an order.
FAILED_OFTEN = 30


def read_notifications(parts: Runtime, account_name: str) -> None:
    """Read the messages in the account's queue, at most about two hundred.

    A read-only installation reads none: a message taken from the queue is lost for other readers,
    such as the installation from which this database was copied. The searches bring the orders.
    """
    if parts.writes.why_not(account_name):
        log.info("notifications.left", code="read_only")
        return
    queue = parts.queues.get(account_name)
    if queue is None:
        return  # The queue was removed from the configuration meanwhile.
    incident = f"notifications:{account_name}"
    new = rounds = 0
    with parts.leases.hold(incident, str(uuid4())) as ours:
        if not ours:
            return
        try:
            while rounds < ROUNDS and (messages := queue.receive(WAIT_S)):
                rounds += 1
                new += take_in(parts, account_name, queue, messages)
        except RemoteError as error:
            log.warning("notifications.stopped", code=error.code, request_id=error.request_id)
            if isinstance(error, Rejected):
                text = f"account {account_name}: its notification queue cannot be read: {error}"
                parts.incidents.open(incident, text, parts.clients.now(), account=account_name)
            return
    parts.incidents.close(incident, parts.clients.now())
    if rounds:
        log.info("notifications.read", pages=rounds, count=new)


def take_in(parts: Runtime, account_name: str, queue: Queue, messages: Sequence[Message]) -> int:
    """Add the orders named in messages to the fetch list, and those with new money to the list of
    money to be read; delete the messages after the commit.

    Returns how many of the notifications about changed orders were new.
    """
    named: dict[str, str] = {}
    changed: dict[str, datetime] = {}
    posted: set[str] = set()
    others: Counter[str] = Counter()
    finished: list[Message] = []
    seller_id = parts.settings.accounts[account_name].seller_id
    for message in messages:
        notice = read(message.body, message.message_id)
        if notice is None and not _is_given_up(queue, message):
            continue
        finished.append(message)
        if notice is None:
            continue
        if isinstance(notice, Other):
            others[notice.kind] += 1
        elif seller_id and notice.seller_id and notice.seller_id != seller_id:
            log.warning("notification.not_ours", message_id=message.message_id)
        elif isinstance(notice, MoneyPosted):
            posted.add(notice.external_id)
        else:
            named[notice.notification_id] = notice.external_id
            if notice.changed_at is not None:
                at = changed.get(notice.external_id, notice.changed_at)
                changed[notice.external_id] = max(at, notice.changed_at)
    for kind, count in sorted(others.items()):
        log.info("notification.other", code=kind, count=count)
    new = parts.fetching.notified(account_name, named, parts.clients.now(), changed)
    _ask_for_money(parts, account_name, posted)
    if finished and (kept := queue.delete(finished)):
        # These messages arrive again and are then known.
        log.warning("notifications.not_deleted", count=len(kept))
    return new


def _ask_for_money(parts: Runtime, account_name: str, numbers: set[str]) -> None:
    """Have the money of these orders read, some minutes later, since Amazon tells of a transaction
    before it shows it. What is missed the search for transactions finds."""
    if numbers and parts.clients.in_force().accounts[account_name].finances != "off":
        reads = MoneyReads(parts.sessions)
        reads.ask(account_name, numbers, parts.clients.now(), Lane.BACKFILL, wait=SHOWN_AFTER)


def _is_given_up(queue: Queue, message: Message) -> bool:
    """Whether to delete an unreadable message; at first it is left where a person can look.

    A queue with a dead-letter queue moves it there by itself.
    """
    given_up = message.times > GIVEN_OUT_OFTEN and not _has_redrive(queue)
    log.error(
        "notification.unreadable",
        message_id=message.message_id,
        tries=message.times,
        outcome="deleted" if given_up else "left",
    )
    return given_up


def _has_redrive(queue: Queue) -> bool:
    try:
        return queue.has_redrive()
    except Rejected:
        return False  # The permission to read a queue need not include its attributes.


def fetch_due(app: Celery, parts: Runtime) -> None:
    """Send `fetch_orders` for each account that has due orders on its fetch list."""
    accounts = parts.settings.accounts.keys() & parts.fetching.accounts_due(parts.clients.now())
    if not accounts:
        return
    try:
        with app.producer_or_acquire() as producer:
            for account in sorted(accounts):
                app.signature(
                    "orderbridge.fetch_orders", args=(account,), immutable=True
                ).apply_async(producer=producer, expires=EXPIRES_S)
    except OperationalError:
        log.warning("broker.unavailable", count=len(accounts))


def fetch_orders(app: Celery, parts: Runtime, account_name: str) -> None:
    """Read the orders of the fetch list, new ones first, until none is due or the quota is used."""
    with parts.leases.hold(f"fetch:{account_name}", str(uuid4())) as ours:
        if not ours:
            return
        fetched = 0
        # Under pressure the oldest orders are left to the next search, which reads them together.
        not_before = parts.windows.left_before(account_name)
        while fetched < FETCHED_AT_ONCE:
            due = parts.fetching.take(account_name, parts.clients.now(), 1, not_before=not_before)
            if not due or not _fetch(app, parts, due[0]):
                break
            fetched += 1
    if fetched:
        log.info("fetch.ended", count=fetched)


def _fetch(app: Celery, parts: Runtime, wanted: Wanted) -> bool:
    """Read and store an order; False when reading other orders now would be useless."""
    asked_at = parts.clients.now()
    try:
        raw = parts.clients.channels[wanted.account].order(wanted.external_id, wanted.lane)
    except NotSent as error:
        parts.fetching.put_back(wanted, parts.clients.now() + seconds(error.retry_after_s or 0.0))
        return False
    except (Transient, Rejected) as error:
        _failed(parts, wanted, error)
        # A refusal concerns only this order; any other error would meet the next order too.
        return isinstance(error, Rejected) and not isinstance(error, AccountStopped)
    _store(app, parts, wanted, raw, asked_at)
    return True


def _failed(parts: Runtime, wanted: Wanted, error: Transient | Rejected) -> None:
    """Retry later. An order that Amazon refuses, or does not know, is given up soon."""
    tries = wanted.tries + 1
    is_refused = isinstance(error, Rejected) and not isinstance(error, AccountStopped)
    given_up = tries >= (REFUSED_OFTEN if is_refused else FAILED_OFTEN)
    if given_up:
        parts.fetching.drop(wanted)
    else:
        delay = backoff(tries, error, parts.settings.timing)
        parts.fetching.retry(wanted, parts.clients.now() + delay)
    log.warning(
        "fetch.failed",
        number=wanted.external_id,
        code=error.code,
        status=error.status,
        request_id=error.request_id,
        tries=tries,
        outcome="dropped" if given_up else "later",
    )


def _store(app: Celery, parts: Runtime, wanted: Wanted, raw: Raw, asked_at: datetime) -> None:
    """Store the reply, and send the order if it is new or has changes. A reply that cannot be
    parsed is read again later, like a missing reply."""
    # A requested order stays in its backfill's lane, even if a notification made it urgent.
    lane = Lane.NEW if wanted.backfill_id is None else Lane.BACKFILL
    account = parts.clients.in_force().accounts[wanted.account]
    channel = parts.clients.channels[wanted.account]
    now = parts.clients.now()
    stored = parts.intake.store(wanted.account, account, channel, [raw], now, lane, asked_at)
    aside = [wanted.external_id] if stored.unreadable else []
    update_incidents(parts.incidents, wanted.account, aside, stored.seen, now)
    if stored.unreadable:
        _failed(parts, wanted, Transient("an unreadable report", code=HoldCode.UNREADABLE_ORDER))
        return
    sent = [*stored.woken, *(stored.new if lane is Lane.NEW else ())]
    if sent:
        send(app, parts.orders.positions(sent, now))
    parts.fetching.done(wanted, len(stored.new))
