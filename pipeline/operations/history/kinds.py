"""The kinds of rows that are deleted, and how long each is kept after its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from pipeline.access.sign_ins import LONGEST_IDLE, REMEMBERED
from pipeline.access.tables import ApiAnswer, ApiToken, ProviderSignIn, SignIn
from pipeline.base.tables import Base, Incident
from pipeline.intake.tables import Backfill, BackfillState, SeenNotification, ToFetch
from pipeline.monitoring.reconcile.tables import Difference, Reconciliation
from pipeline.monitoring.tables import AlertDelivery
from pipeline.operations.acts.tables import BulkAct, BulkActOrder
from pipeline.orders.package_tables import Shipment
from pipeline.returns.tables import AmazonReport
from pipeline.shipping.tables import Feed, FeedMessage
from pipeline.webhooks.tables import WebhookDelivery

Column = InstrumentedAttribute[Any]
_newer = Reconciliation.__table__.alias("newer")
_later = AmazonReport.__table__.alias("later")


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows of a table that are deleted once `age` is `keep` ago; `key` is the table's primary key.

    `part_of` joins a row to its parent row, when `age` is a column of the parent. `but` are further
    conditions.
    """

    name: str
    table: type[Base]
    key: tuple[Column, ...]
    age: Column
    keep: timedelta
    part_of: ColumnElement[bool] | None = None
    but: Callable[[datetime], tuple[ColumnElement[bool], ...]] = lambda _: ()

    def old(self, columns: tuple[Any, ...], now: datetime) -> Select[Any]:
        """Select these columns of the rows to delete."""
        query = select(*columns).select_from(self.table)
        if self.part_of is not None:
            query = query.join(self.age.class_, self.part_of)
        before = now - self.keep
        return query.where(self.age < before, *self.but(before))


QUARTER = timedelta(days=90)
"""By then no page or command shows the row, and Amazon's disputes about an order are over."""
_AMAZON_LISTS_FEEDS = timedelta(days=120)
"""Amazon lists feeds and reports for 90 days, and what is listed has to be recognised as ours."""
_SEARCHED_BY_THEN = timedelta(days=30)
"""An order that was unreadable for so long is read again by the search from the watermark."""
_REPLAYED_UNTIL = timedelta(days=30)
"""A receiver that lost its data for longer takes the orders themselves from the API."""
_REPEATED_WITHIN = timedelta(days=2)
"""Systems that use the API repeat a request within minutes, and after a bad night within hours."""
_SQS_KEEPS = timedelta(days=15)
"""SQS keeps a message for 14 days at most."""


def _no_package_is_in_it(_: datetime) -> tuple[ColumnElement[bool], ...]:
    return (~exists().where(Shipment.feed_id == Feed.id),)


def _not_the_last_of_its_type(_: datetime) -> tuple[ColumnElement[bool], ...]:
    newest = select(func.max(_later.c.id)).where(
        _later.c.account == AmazonReport.account, _later.c.report_type == AmazonReport.report_type
    )
    return (AmazonReport.id < newest.scalar_subquery(),)


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
            "reports",
            AmazonReport,
            (AmazonReport.id,),
            AmazonReport.ended_at,
            _AMAZON_LISTS_FEEDS,
            but=_not_the_last_of_its_type,
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
    (
        Kind(
            "webhook deliveries",
            WebhookDelivery,
            (WebhookDelivery.id,),
            WebhookDelivery.ended_at,
            _REPLAYED_UNTIL,
        ),
    ),
    (
        Kind(
            "API answers",
            ApiAnswer,
            (ApiAnswer.token_id, ApiAnswer.key),
            ApiAnswer.at,
            _REPEATED_WITHIN,
        ),
        Kind("API tokens", ApiToken, (ApiToken.id,), ApiToken.expires_at, QUARTER),
    ),
    (
        Kind(
            "tokens of the OpenID provider",
            ProviderSignIn,
            (ProviderSignIn.token_digest,),
            SignIn.seen_at,
            LONGEST_IDLE,
            SignIn.token_digest == ProviderSignIn.token_digest,
        ),
        Kind("sign-ins", SignIn, (SignIn.token_digest,), SignIn.seen_at, REMEMBERED),
    ),
)
"""Kinds that belong together: parts come before their group, so that no delete cascades to
thousands of rows."""
