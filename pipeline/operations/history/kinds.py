"""What goes when: of each table whose rows end, how long they are kept after their end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from pipeline.base.tables import Base, Incident
from pipeline.intake.tables import Backfill, BackfillState, SeenNotification, ToFetch
from pipeline.monitoring.reconcile.tables import Difference, Reconciliation
from pipeline.monitoring.tables import AlertDelivery
from pipeline.operations.acts.tables import BulkAct, BulkActOrder
from pipeline.orders.package_tables import Shipment
from pipeline.shipping.tables import Feed, FeedMessage

Column = InstrumentedAttribute[Any]
_newer = Reconciliation.__table__.alias("newer")


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows of one table that go once `age` is `keep` ago; `key` is the table's primary key.

    `part_of` is how a row finds the one that it goes with, whose `age` it is. `but` are conditions
    beside the age.
    """

    name: str
    table: type[Base]
    key: tuple[Column, ...]
    age: Column
    keep: timedelta
    part_of: ColumnElement[bool] | None = None
    but: Callable[[datetime], tuple[ColumnElement[bool], ...]] = lambda _: ()

    def old(self, columns: tuple[Any, ...], now: datetime) -> Select[Any]:
        """Of the rows that go, these columns."""
        query = select(*columns).select_from(self.table)
        if self.part_of is not None:
            query = query.join(self.age.class_, self.part_of)
        before = now - self.keep
        return query.where(self.age < before, *self.but(before))


QUARTER = timedelta(days=90)
"""What a page or a command shows of before, and Amazon's disputes about an order, end by then."""
_AMAZON_LISTS_FEEDS = timedelta(days=120)
"""Amazon lists feeds for 90 days, and one that it lists has to be known as ours."""
_SEARCHED_BY_THEN = timedelta(days=30)
"""The search from the watermark brings an order that nobody could read for so long."""
_SQS_KEEPS = timedelta(days=15)
"""SQS keeps a message for 14 days at most."""


def _no_package_is_in_it(_: datetime) -> tuple[ColumnElement[bool], ...]:
    return (~exists().where(Shipment.feed_id == Feed.id),)


def _not_the_last_of_its_account(before: datetime) -> tuple[ColumnElement[bool], ...]:
    newest = select(func.max(_newer.c.id)).where(_newer.c.account == Reconciliation.account)
    stays = or_(Difference.ended_at.is_(None), Difference.ended_at >= before)
    return (
        Reconciliation.id < newest.scalar_subquery(),
        ~exists().where(Difference.reconciliation_id == Reconciliation.id, stays),
    )


def _no_backfill_waits_for_it(_: datetime) -> tuple[ColumnElement[bool], ...]:
    running = (Backfill.id == ToFetch.backfill_id, Backfill.state == BackfillState.RUNNING)
    return (~exists().where(*running),)


GROUPS: tuple[tuple[Kind, ...], ...] = (
    (
        Kind(
            "alert deliveries",
            AlertDelivery,
            (AlertDelivery.incident_id, AlertDelivery.event, AlertDelivery.channel),
            Incident.ended_at,
            QUARTER,
            Incident.id == AlertDelivery.incident_id,
        ),
        Kind("incidents", Incident, (Incident.id,), Incident.ended_at, QUARTER),
    ),
    (
        Kind(
            "feed messages",
            FeedMessage,
            (FeedMessage.feed_id, FeedMessage.message_id),
            Feed.ended_at,
            _AMAZON_LISTS_FEEDS,
            Feed.id == FeedMessage.feed_id,
            _no_package_is_in_it,
        ),
        Kind(
            "feeds",
            Feed,
            (Feed.id,),
            Feed.ended_at,
            _AMAZON_LISTS_FEEDS,
            but=_no_package_is_in_it,
        ),
    ),
    (
        Kind(
            "orders of bulk acts",
            BulkActOrder,
            (BulkActOrder.act_id, BulkActOrder.turn),
            BulkAct.ended_at,
            QUARTER,
            BulkAct.id == BulkActOrder.act_id,
        ),
        Kind("bulk acts", BulkAct, (BulkAct.id,), BulkAct.ended_at, QUARTER),
    ),
    (
        Kind("differences", Difference, (Difference.id,), Difference.ended_at, QUARTER),
        Kind(
            "reconciliations",
            Reconciliation,
            (Reconciliation.id,),
            Reconciliation.ended_at,
            QUARTER,
            but=_not_the_last_of_its_account,
        ),
    ),
    (
        Kind(
            "seen notifications",
            SeenNotification,
            (SeenNotification.notification_id,),
            SeenNotification.seen_at,
            _SQS_KEEPS,
        ),
    ),
    (
        Kind(
            "orders to be read",
            ToFetch,
            (ToFetch.account, ToFetch.external_id),
            ToFetch.asked_at,
            _SEARCHED_BY_THEN,
            but=_no_backfill_waits_for_it,
        ),
    ),
)
"""What goes with what: of a group, the parts first, so that no row takes thousands along."""
