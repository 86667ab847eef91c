"""Reports the installation's health: figures per account and shop, and the problems now.

Problems are computed anew for each report, since without workers no incident is up to date.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

import redis
from redis.exceptions import RedisError
from sqlalchemy import func, literal_column, select
from sqlalchemy.orm import Session

from pipeline.amazon.replies import CONFIRM_SHIPMENT, GET_ORDER, SEARCH_ORDERS
from pipeline.amazon.tables import AccountAccess
from pipeline.base.db import Sessions
from pipeline.base.incidents import Incidents
from pipeline.base.quota import calls_left
from pipeline.intake.tables import ToFetch, Watermark
from pipeline.monitoring.account_checks import alarms_of, cursor_name
from pipeline.monitoring.installation_checks import IS_BACKFILL, reasons
from pipeline.monitoring.purging import oldest_personal_data
from pipeline.monitoring.read_only import Writes
from pipeline.monitoring.tables import AlertDelivery
from pipeline.orders.package_tables import Shipment
from pipeline.orders.states import ConfirmationState
from pipeline.orders.tables import LIVE, Order
from pipeline.settings.model import Settings

BEAT = "orderbridge:beat"
"""The Redis key where a worker notes each half minute that beat and the workers run."""
BEAT_MISSED_AFTER = timedelta(minutes=3)
REJECTED_MESSAGES = "orderbridge:rejected_messages"
"""The Redis key where the workers count the messages that no worker can use."""
QUEUES = ("amazon", "magento", "jobs")
ACCOUNT_STATES = ("works", "refused", "stopped")
_OPERATIONS = (SEARCH_ORDERS, GET_ORDER, CONFIRM_SHIPMENT)
_NAMES = [operation.name for operation in _OPERATIONS]


@dataclass(frozen=True, slots=True)
class AccountHealth:
    """The figures of an account. `state` is works, refused or stopped; `orders` counts live orders
    by status, `due` those that are due. `quota_left` counts calls, None when unknown.
    """

    name: str
    shop: str
    state: str
    last_import_at: datetime | None
    lag: timedelta | None
    trouble: str
    orders: Mapping[str, int]
    due: int
    oldest_due_at: datetime | None
    to_fetch: int
    unconfirmed: int
    refused: int
    quota_left: Mapping[str, float | None]
    client_secret_expires: date | None


@dataclass(frozen=True, slots=True)
class ShopHealth:
    """The figures of a shop, over all accounts that sell into it."""

    name: str
    read_only: bool
    orders: Mapping[str, int]
    due: int


@dataclass(frozen=True, slots=True)
class Health:
    """All figures; the installation is well when `problems` is empty. `queues` and
    `rejected_messages` are None without the broker. `oldest_personal_data` counts from the
    delivery."""

    at: datetime
    accounts: Sequence[AccountHealth]
    shops: Sequence[ShopHealth]
    queues: Mapping[str, int] | None
    rejected_messages: int | None
    last_beat_at: datetime | None
    untold_alerts: int
    oldest_personal_data: timedelta | None
    read_only: str
    problems: Mapping[str, str]

    @property
    def is_well(self) -> bool:
        """Whether no problem needs a person."""
        return not self.problems


def health(settings: Settings, sessions: Sessions, broker: redis.Redis, now: datetime) -> Health:
    """Compute the health; the number of queries does not grow with the orders."""
    writes = Writes(settings, sessions, lambda: now)
    try:
        told = ask_broker(settings, broker)
    except RedisError:
        told = None
    queues, beat_at = (told.queues, told.beat_at) if told is not None else (None, None)
    rejected = told.rejected_messages if told is not None else None
    with sessions() as session:
        orders = _by_account(live_orders(session, now))
        packages = confirmations(session)
        fetches, refused_by_amazon = to_fetch(session), refusals(session)
        cursors = {watermark.name: watermark for watermark in session.scalars(select(Watermark))}
        oldest = oldest_personal_data(session, now)
        untold = session.scalar(
            select(func.count()).where(
                AlertDelivery.sent_at.is_(None), AlertDelivery.trouble.is_not(None)
            )
        )
    accounts = []
    for name, account in settings.accounts.items():
        cursor = cursors.get(cursor_name(name))
        own = orders.get(name, _Counted())
        accounts.append(
            AccountHealth(
                name=name,
                shop=account.shop,
                state=account_state(refused_by_amazon.get(name)),
                last_import_at=cursor.read_at if cursor else None,
                lag=now - cursor.read_at if cursor else None,
                trouble=(cursor.trouble or "") if cursor else "",
                orders=dict(own.by_status),
                due=own.due,
                oldest_due_at=own.oldest_due_at,
                to_fetch=fetches.get(name, 0),
                unconfirmed=packages[name, ConfirmationState.QUEUED]
                + packages[name, ConfirmationState.SENT],
                refused=packages[name, ConfirmationState.REFUSED],
                quota_left=told.quota_left[name] if told is not None else dict.fromkeys(_NAMES),
                client_secret_expires=account.client_secret_expires,
            )
        )
    return Health(
        at=now,
        accounts=accounts,
        shops=[_shop(settings, name, orders) for name in settings.shops],
        queues=queues,
        rejected_messages=rejected,
        last_beat_at=beat_at,
        untold_alerts=untold or 0,
        oldest_personal_data=oldest,
        read_only=writes.notice(),
        problems=_problems(settings, sessions, writes, queues, beat_at, now),
    )


def refusals(session: Session) -> Mapping[str, AccountAccess]:
    """The rows of the accounts that Amazon refuses, by name."""
    return {row.account: row for row in session.scalars(select(AccountAccess))}


def account_state(refused: AccountAccess | None) -> str:
    """One of ACCOUNT_STATES, by the row of the account's refusals."""
    if refused is None:
        return "works"
    return "stopped" if refused.stopped_at else "refused"


def note_beat(broker: redis.Redis, now: datetime) -> None:
    """Note that beat sends jobs and a worker runs them. Raises RedisError."""
    broker.set(BEAT, now.isoformat())


@dataclass(slots=True)
class _Counted:
    by_status: Counter[str] = field(default_factory=Counter)
    due: int = 0
    oldest_due_at: datetime | None = None


class LiveOrders(NamedTuple):
    """The live orders of an account at a step, in a status, of a backfill or not."""

    account: str
    step: str
    status: str
    is_backfill: bool
    number: int
    due: int
    oldest_due_at: datetime | None


def live_orders(session: Session, now: datetime) -> list[LiveOrders]:
    """The live orders and those of them that are due, by account, step and status."""
    is_due = Order.due_at <= now
    rows = session.execute(
        select(
            Order.account,
            Order.step,
            Order.status,
            IS_BACKFILL.label("is_backfill"),
            func.count(),
            func.count().filter(is_due),
            func.min(Order.due_at).filter(is_due),
        )
        .where(Order.status.in_(LIVE))
        .group_by(Order.account, Order.step, Order.status, literal_column("is_backfill"))
    )
    return [LiveOrders(*row) for row in rows]


def _by_account(groups: Iterable[LiveOrders]) -> Mapping[str, _Counted]:
    counted: dict[str, _Counted] = {}
    for group in groups:
        own = counted.setdefault(group.account, _Counted())
        own.by_status[group.status] += group.number
        own.due += group.due
        if group.oldest_due_at is not None:
            own.oldest_due_at = min(group.oldest_due_at, own.oldest_due_at or group.oldest_due_at)
    return counted


def to_fetch(session: Session) -> Mapping[str, int]:
    """The length of the fetch list, by account."""
    counted = select(ToFetch.account, func.count()).group_by(ToFetch.account)
    return dict(session.execute(counted).all())


def confirmations(session: Session) -> Counter[tuple[str, str]]:
    """The packages of live orders, by account and state of their confirmation."""
    rows = session.execute(
        select(Order.account, Shipment.confirmation, func.count())
        .join(Shipment, Shipment.order_id == Order.id)
        .where(Order.status.in_(LIVE), Shipment.tracking_number != "")
        .group_by(Order.account, Shipment.confirmation)
    )
    return Counter({(account, state): count for account, state, count in rows})


def _shop(settings: Settings, name: str, orders: Mapping[str, _Counted]) -> ShopHealth:
    counted: Counter[str] = Counter()
    due = 0
    for account, own in orders.items():
        if account in settings.accounts and settings.accounts[account].shop == name:
            counted += own.by_status
            due += own.due
    return ShopHealth(name, settings.shops[name].read_only, dict(counted), due)


class BrokerFigures(NamedTuple):
    """What the broker tells. `quota_left` is by account and operation."""

    queues: Mapping[str, int]
    rejected_messages: int
    beat_at: datetime | None
    quota_left: Mapping[str, Mapping[str, float]]


def ask_broker(settings: Settings, broker: redis.Redis) -> BrokerFigures:
    """The figures that the broker has, in two round trips. Raises RedisError."""
    pipeline = broker.pipeline(transaction=False)
    pipeline.get(BEAT)
    pipeline.get(REJECTED_MESSAGES)
    for name in QUEUES:
        pipeline.llen(f"orderbridge:{name}")
    beat, rejected, *lengths = pipeline.execute()
    plans = [operation.plan for operation in _OPERATIONS]
    asked = [(account, plan) for account in settings.accounts for plan in plans]
    left = iter(calls_left(broker, asked))
    return BrokerFigures(
        dict(zip(QUEUES, lengths, strict=True)),
        int(rejected or 0),
        datetime.fromisoformat(beat.decode()) if beat else None,
        {account: {name: next(left) for name in _NAMES} for account in settings.accounts},
    )


def _problems(
    settings: Settings,
    sessions: Sessions,
    writes: Writes,
    queues: Mapping[str, int] | None,
    beat_at: datetime | None,
    now: datetime,
) -> Mapping[str, str]:
    problems = {incident.key: incident.text for incident in Incidents(sessions).all_open()}
    for key, text in reasons(settings, sessions, writes, now).items():
        problems.pop(key, None)
        if text:
            problems[key] = text
    for name, account in settings.accounts.items():
        alarms = alarms_of(sessions, name, account, settings.timing, now)
        problems |= {key: alarm.text for key, alarm in alarms.items()}
    if queues is None:
        problems["broker"] = "the broker of ORDERBRIDGE_REDIS_URL does not answer"
    elif beat_at is None or now - beat_at > BEAT_MISSED_AFTER:
        since = f" since {beat_at:%Y-%m-%d %H:%M} UTC" if beat_at else ""
        problems["beat"] = f"beat or the workers do not run: no scheduled job ran{since}"
    return problems
