"""Sends alerts of incidents on every channel: once when an incident opens, once when it closes.

Each alert has a row for each channel. A worker claims the row and commits before it sends, so that
no two workers send the same alert. After a crash between sending and noting, it is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, exists, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from pipeline.base.db import Sessions
from pipeline.base.log import log
from pipeline.base.tables import Incident
from pipeline.monitoring.alert_channels import Alert, Send, Undelivered
from pipeline.monitoring.tables import AlertDelivery

OPENED, CLOSED = "opened", "closed"
CLAIMED_FOR = timedelta(minutes=5)
"""Longer than any send can take: after it the worker that claimed the alert counts as dead."""
STILL_NEWS_FOR = timedelta(hours=1)
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=30), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Claimed:
    incident_id: int
    event: str
    channel: str
    tries: int
    alert: Alert


class Alerts:
    """Delivers the alerts that are due on each of `channels`."""

    def __init__(
        self, sessions: Sessions, channels: Mapping[str, Send], now: Callable[[], datetime]
    ) -> None:
        self._sessions = sessions
        self._channels = channels
        self._now = now

    def deliver(self) -> int:
        """Send all alerts that are due; return how many were sent. A channel that fails is skipped
        for the rest of this run."""
        open_ways, sent = set(self._channels), 0
        self._note(open_ways)
        while open_ways and (claimed := self._claim(open_ways)) is not None:
            try:
                self._channels[claimed.channel](claimed.alert)
            except Undelivered as error:
                self._put_off(claimed, str(error))
                open_ways.discard(claimed.channel)
                log.warning("alert.failed", queue=claimed.channel, code=str(error))
            else:
                self._record_sent(claimed)
                sent += 1
        return sent

    def _note(self, channels: Collection[str]) -> None:
        """Add a row for each alert to send; a closing only where the opening was noted."""
        now = self._now()
        is_news = or_(Incident.ended_at.is_(None), Incident.ended_at > now - STILL_NEWS_FOR)
        with self._sessions() as session, session.begin():
            for channel in channels:
                beginning = aliased(AlertDelivery)
                was_told = exists().where(
                    beginning.incident_id == Incident.id,
                    beginning.channel == channel,
                    beginning.event == OPENED,
                    beginning.sent_at.is_not(None),
                )
                for event, condition in (
                    (OPENED, is_news),
                    (CLOSED, and_(Incident.ended_at.is_not(None), was_told)),
                ):
                    _add(session, event, channel, now, condition)

    def _claim(self, channels: Collection[str]) -> _Claimed | None:
        now = self._now()
        with self._sessions() as session, session.begin():
            row = session.scalar(
                select(AlertDelivery)
                .where(
                    AlertDelivery.sent_at.is_(None),
                    AlertDelivery.due_at <= now,
                    AlertDelivery.channel.in_(channels),
                )
                .order_by(AlertDelivery.due_at, AlertDelivery.incident_id)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            if row is None:
                return None
            row.due_at, row.tries = now + CLAIMED_FOR, row.tries + 1
            incident = session.get_one(Incident, row.incident_id)
            alert = Alert(f"incident-{incident.id}-{row.event}", _text(incident, row.event))
            return _Claimed(row.incident_id, row.event, row.channel, row.tries, alert)

    def _record_sent(self, claimed: _Claimed) -> None:
        self._change(claimed, sent_at=self._now(), trouble=None)

    def _put_off(self, claimed: _Claimed, trouble: str) -> None:
        wait = min(FIRST_RETRY * 2 ** min(claimed.tries - 1, 20), LONGEST_RETRY)
        self._change(claimed, due_at=self._now() + wait, trouble=trouble)

    def _change(self, claimed: _Claimed, **values: object) -> None:
        with self._sessions() as session, session.begin():
            session.execute(
                update(AlertDelivery)
                .where(
                    AlertDelivery.incident_id == claimed.incident_id,
                    AlertDelivery.event == claimed.event,
                    AlertDelivery.channel == claimed.channel,
                )
                .values(**values)
            )


def _add(session: Session, event: str, channel: str, now: datetime, condition: object) -> None:
    delivery = aliased(AlertDelivery)
    is_noted = exists().where(
        delivery.incident_id == Incident.id, delivery.channel == channel, delivery.event == event
    )
    session.execute(
        insert(AlertDelivery)
        .from_select(
            ["incident_id", "event", "channel", "due_at"],
            select(Incident.id, literal(event), literal(channel), literal(now)).where(
                condition,  # type: ignore[arg-type]
                ~is_noted,
            ),
        )
        .on_conflict_do_nothing()
    )


def _text(incident: Incident, event: str) -> str:
    if event == OPENED:
        return f"Orderbridge: {incident.text}"
    over_at = f"{incident.ended_at:%Y-%m-%d %H:%M} UTC" if incident.ended_at else "now"
    return f"Orderbridge: over since {over_at}: {incident.text}"
