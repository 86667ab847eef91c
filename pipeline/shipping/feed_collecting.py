"""Makes feeds of the messages that wait: confirmations of packages, or cancellations of orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.orm import Session, selectinload

from pipeline.amazon.feed_documents import FeedKind, fitting
from pipeline.base.id_lists import among
from pipeline.orders.channel_order import FulfilledBy, RemoteStatus
from pipeline.orders.decision_table import PENDING
from pipeline.orders.locking import lock, locked
from pipeline.orders.package_tables import Shipment
from pipeline.orders.states import CancellationState, ConfirmationState
from pipeline.orders.tables import LIVE, Order
from pipeline.shipping.tables import Feed, FeedMessage, FeedState

MOST_MESSAGES = 10_000
MOST_MARKETPLACES = 25
CANCELLABLE = PENDING | {RemoteStatus.UNSHIPPED}
# Amazon asks for at most a feed of a type per 20 minutes; cancellations must not wait so long.
GAP = {
    FeedKind.CONFIRMATIONS: timedelta(minutes=20),
    FeedKind.CANCELLATIONS: timedelta(minutes=2),
    FeedKind.REFUNDS: timedelta(minutes=2),
}
MOST_OPEN = 8
"""The most unended feeds of an account and kind: after so many, another would not help."""


class Waiting(NamedTuple):
    """A message to be sent; a cancellation has no shipment."""

    order_id: int
    shipment_id: int | None
    marketplace_id: str
    body: Mapping[str, Any]


def collect(session: Session, account: str, kind: FeedKind, now: datetime) -> Feed | None:
    """Make a feed of the waiting messages; None when none waits or no feed is due yet.

    Raises IntegrityError when another worker makes a feed at the same time.
    """
    unended = session.execute(
        select(Feed.state, Feed.overdue_at).where(
            Feed.account == account, Feed.kind == kind, Feed.state != FeedState.ENDED
        )
    ).all()
    if len(unended) >= MOST_OPEN or any(
        state != FeedState.LOOKING and overdue_at is None for state, overdue_at in unended
    ):
        return None
    latest = session.scalar(
        select(func.max(Feed.created_at)).where(Feed.account == account, Feed.kind == kind)
    )
    if latest is not None and now < latest + GAP[kind]:
        return None
    messages = _waiting(session, account, kind)
    messages = messages[: fitting(kind, [message.body for message in messages])]
    if not messages:
        return None
    feed = Feed(
        account=account,
        kind=kind,
        state=FeedState.COLLECTED,
        marketplace_ids=sorted({message.marketplace_id for message in messages}),
        due_at=now,
        created_at=now,
    )
    session.add(feed)
    session.flush()
    session.execute(
        insert(FeedMessage),
        [
            {
                "feed_id": feed.id,
                "message_id": number,
                "order_id": message.order_id,
                "shipment_id": message.shipment_id,
                "body": message.body,
            }
            for number, message in enumerate(messages, start=1)
        ],
    )
    _mark_as_sent(session, kind, feed.id, messages)
    return feed


def _waiting(session: Session, account: str, kind: FeedKind) -> list[Waiting]:
    """The messages for an account's next feed of this kind, oldest first; their rows are locked."""
    read = _packages if kind is FeedKind.CONFIRMATIONS else _cancellations
    return _of_few_marketplaces(read(session, account))


def _packages(session: Session, account: str) -> list[Waiting]:
    query = (
        select(Shipment.id, Shipment.order_id, Shipment.to_feed, Order.marketplace_id)
        .join(Order, Order.id == Shipment.order_id)
        .where(
            Order.account == account,
            Order.status.in_(LIVE),
            Order.remote_status != RemoteStatus.CANCELLED,
            Shipment.confirmation == ConfirmationState.FEED,
            # If the shop removed the number since, the order's step must run first.
            or_(Shipment.tracking_number != "", Shipment.to_feed["tracking"].astext == ""),
            Shipment.feed_id.is_(None),
            Shipment.to_feed.is_not(None),
        )
        .order_by(Shipment.id)
        .limit(MOST_MESSAGES)
    )
    # Orders are locked before their packages, as everywhere; then the packages are read again.
    orders = lock(session, (row.order_id for row in session.execute(query)))
    rows = session.execute(
        query.where(among(Shipment.order_id, orders)).with_for_update(of=Shipment, skip_locked=True)
    )
    return [Waiting(row.order_id, row.id, row.marketplace_id, row.to_feed) for row in rows]


def _cancellations(session: Session, account: str) -> list[Waiting]:
    orders = session.scalars(
        select(Order)
        .where(
            Order.account == account,
            Order.cancellation == CancellationState.ASKED,
            Order.cancel_reason.is_not(None),
            Order.status.in_(LIVE),
            Order.fulfilled_by == FulfilledBy.MERCHANT,
            Order.remote_status.in_(CANCELLABLE),
            Order.items.any(),
            ~Order.shipments.any(),
        )
        .options(selectinload(Order.items))
        .order_by(Order.id)
        .limit(MOST_MESSAGES)
        .with_for_update(of=Order, skip_locked=True)
    )
    return [
        Waiting(
            order.id,
            None,
            order.marketplace_id,
            {
                "order": order.external_id,
                "reason": order.cancel_reason,
                "items": [item.external_item_id for item in order.items],
            },
        )
        for order in orders
    ]


def _of_few_marketplaces(candidates: Iterable[Waiting]) -> list[Waiting]:
    """The messages for the first 25 marketplaces: a feed may not have more."""
    allowed: set[str] = set()
    kept = []
    for candidate in candidates:
        if candidate.marketplace_id not in allowed and len(allowed) == MOST_MARKETPLACES:
            continue
        allowed.add(candidate.marketplace_id)
        kept.append(candidate)
    return kept


def _mark_as_sent(
    session: Session, kind: FeedKind, feed_id: int, messages: Sequence[Waiting]
) -> None:
    """Mark the packages or cancellations as sent in this feed."""
    if kind is FeedKind.CONFIRMATIONS:
        session.execute(
            update(Shipment)
            .where(among(Shipment.id, [message.shipment_id for message in messages]))
            .values(feed_id=feed_id, confirmation=ConfirmationState.SENT)
            .execution_options(synchronize_session=False)
        )
        # News, so that a claim that waited for this reads the packages again.
        session.execute(
            update(Order)
            .where(locked(message.order_id for message in messages))
            .values(news=Order.news + 1)
            .execution_options(synchronize_session=False)
        )
    else:
        session.execute(
            update(Order)
            .where(among(Order.id, [message.order_id for message in messages]))
            .values(cancellation=CancellationState.SENT)
            .execution_options(synchronize_session=False)
        )
