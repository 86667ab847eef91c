"""The parts of the metrics, each computed by itself so that a fault in one leaves the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

import redis
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.base.quota import Lane
from pipeline.base.tables import Incident
from pipeline.intake.tables import Watermark
from pipeline.monitoring import health, installation_checks, purging
from pipeline.monitoring.account_checks import cursor_name
from pipeline.monitoring.metrics import families, recent
from pipeline.monitoring.metrics.families import Figure
from pipeline.orders.states import ConfirmationState, StepName
from pipeline.orders.tables import LIVE, EffectState
from pipeline.settings.model import Settings

Part = Callable[[Settings, Session, datetime], Iterator[Figure]]


def _orders(settings: Settings, session: Session, now: datetime) -> Iterator[Figure]:
    number: Counter[tuple[str, str, str]] = Counter()
    due: Counter[tuple[str, Lane]] = Counter()
    oldest: dict[tuple[str, Lane], datetime] = {}
    groups = health.live_orders(session, now)
    for group in groups:
        lane = group.account, Lane.BACKFILL if group.is_backfill else Lane.NEW
        number[group.account, group.step, group.status] += group.number
        due[lane] += group.due
        if group.oldest_due_at is not None:
            oldest[lane] = min(group.oldest_due_at, oldest.get(lane, group.oldest_due_at))
    for account in sorted(settings.accounts.keys() | {group.account for group in groups}):
        for step in StepName:
            for state in LIVE:
                yield families.ORDERS(number[account, step, state], account, step, state)
        for lane in ((account, Lane.NEW), (account, Lane.BACKFILL)):
            yield families.ORDERS_DUE(due[lane], *lane)
            yield families.OLDEST_DUE_AGE(_age_s(oldest.get(lane), now), *lane)


def _packages(settings: Settings, session: Session, now: datetime) -> Iterator[Figure]:
    packages = health.confirmations(session)
    for account in sorted(settings.accounts.keys() | {account for account, _ in packages}):
        for state in ConfirmationState:
            yield families.PACKAGES(packages[account, state], account, state)


def _ship_by(settings: Settings, session: Session, now: datetime) -> Iterator[Figure]:
    soon = now + timedelta(hours=settings.alerts.ship_by_hours)
    yield families.SHIP_BY(installation_checks.to_leave(session, None, now), "passed")
    yield families.SHIP_BY(installation_checks.to_leave(session, now, soon), "soon")


def _accounts(settings: Settings, session: Session, now: datetime) -> Iterator[Figure]:
    watermarks = {watermark.name: watermark for watermark in session.scalars(select(Watermark))}
    refusals, to_fetch = health.refusals(session), health.to_fetch(session)
    for account in settings.accounts:
        watermark = watermarks.get(cursor_name(account))
        if watermark is not None:
            yield families.WATERMARK_LAG(_age_s(watermark.read_at, now), account)
        yield families.TO_FETCH(to_fetch.get(account, 0), account)
        standing = health.account_state(refusals.get(account))
        for state in health.ACCOUNT_STATES:
            yield families.ACCOUNT_STATE(state == standing, account, state)


def _incidents(settings: Settings, session: Session, now: datetime) -> Iterator[Figure]:
    keys = session.scalars(select(Incident.key).where(Incident.ended_at.is_(None)))
    for kind, number in Counter(key.partition(":")[0] for key in keys).items():
        yield families.INCIDENTS(number, kind)


def _attempts(settings: Settings, session: Session, now: datetime) -> Iterator[Figure]:
    yield families.WINDOW(recent.WINDOW.total_seconds())
    for runs in recent.runs(session, now):
        if runs.outcome is not None:
            yield families.ATTEMPTS(runs.number, runs.step, runs.outcome)
        elif runs.median_s is not None and runs.p95_s is not None:
            yield families.STEP_MEDIAN(runs.median_s, runs.step)
            yield families.STEP_P95(runs.p95_s, runs.step)


def _effects(settings: Settings, session: Session, now: datetime) -> Iterator[Figure]:
    for kind, state, number in recent.effects(session, now):
        yield families.EFFECTS(number, kind, state)
    unsettled = recent.unsettled(session)
    for state in EffectState:
        if state != EffectState.DONE:
            yield families.UNSETTLED(unsettled.get(state, 0), state)


def _personal_data(settings: Settings, session: Session, now: datetime) -> Iterator[Figure]:
    age = purging.oldest_personal_data(session, now)
    yield families.PERSONAL_DATA_AGE(0 if age is None else max(0, age.total_seconds()))


def broker(settings: Settings, client: redis.Redis) -> Iterator[Figure]:
    """The part that the broker knows. Raises RedisError."""
    told = health.ask_broker(settings, client)
    for queue, number in told.queues.items():
        yield families.QUEUE(number, queue)
    yield families.REJECTED_MESSAGES(told.rejected_messages)
    yield families.BEAT(told.beat_at.timestamp() if told.beat_at else 0)
    for account, left in told.quota_left.items():
        for operation, calls in left.items():
            yield families.QUOTA_LEFT(calls, account, operation)


def _age_s(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since is not None else 0.0


OF_THE_DATABASE: Mapping[str, Part] = {
    "orders": _orders,
    "packages": _packages,
    "ship_by": _ship_by,
    "accounts": _accounts,
    "incidents": _incidents,
    "attempts": _attempts,
    "effects": _effects,
    "personal_data": _personal_data,
}
