"""Feeds in the database: what is collected into one, how far it is, and what became of it.

COLLECTED ─upload─▶ UPLOADED ─createFeed─▶ SUBMITTED ─report─▶ ENDED. Each state is committed before
the next call, so that whoever comes after a crash knows what may have happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pipeline.amazon.feed_documents import MessageOutcome, MessageResult, fitting
from pipeline.bookkeeping import Feed, FeedKind, FeedMessage, FeedState
from pipeline.db import Sessions
from pipeline.feed_collecting import mark_as_sent, waiting
from pipeline.id_lists import among
from pipeline.models import Order, Shipment
from pipeline.orders import wake

TIMES = 3
"""How often a message without a result is sent before a person has to look."""

# Amazon asks for one feed of a type per 20 minutes; a cancellation is not to wait that long.
GAP = {FeedKind.CONFIRMATIONS: timedelta(minutes=20), FeedKind.CANCELLATIONS: timedelta(minutes=2)}
_CANCELLATION = (
    update(Order.__table__)  # type: ignore[arg-type]
    .where(Order.__table__.c.id == bindparam("of_order"))
    .values(cancellation=bindparam("cancellation"), cancel_refusal=bindparam("cancel_refusal"))
)


class Feeds:
    """The feeds of all accounts. Each method is its own short transaction."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def open(self, account: str, kind: FeedKind) -> Feed | None:
        """The account's feed of this kind that has not ended; there is at most one."""
        with self._sessions() as session:
            return session.scalar(
                select(Feed).where(
                    Feed.account == account, Feed.kind == kind, Feed.state != FeedState.ENDED
                )
            )

    def collect(self, account: str, kind: FeedKind, now: datetime) -> Feed | None:
        """Make a feed of what waits for one; None when nothing does, or the last is too recent."""
        try:
            return self._collect(account, kind, now)
        except IntegrityError:
            return None  # another worker has just made one, and there is never more than one open

    def _collect(self, account: str, kind: FeedKind, now: datetime) -> Feed | None:
        with self._sessions() as session, session.begin():
            latest = session.scalar(
                select(func.max(Feed.created_at)).where(Feed.account == account, Feed.kind == kind)
            )
            if latest is not None and now < latest + GAP[kind]:
                return None
            found = waiting(session, account, kind)
            found = found[: fitting(kind, [one.body for one in found])]
            if not found:
                return None
            feed = Feed(
                account=account,
                kind=kind,
                state=FeedState.COLLECTED,
                marketplace_ids=sorted({one.marketplace_id for one in found}),
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
                        "order_id": one.order_id,
                        "shipment_id": one.shipment_id,
                        "body": one.body,
                    }
                    for number, one in enumerate(found, start=1)
                ],
            )
            mark_as_sent(session, kind, feed.id, found)
            return feed

    def messages(self, feed: Feed) -> list[tuple[int, dict[str, Any]]]:
        """The feed's messages by number."""
        with self._sessions() as session:
            rows = session.execute(
                select(FeedMessage.message_id, FeedMessage.body)
                .where(FeedMessage.feed_id == feed.id)
                .order_by(FeedMessage.message_id)
            )
            return [(row.message_id, row.body) for row in rows]

    def uploaded(self, feed: Feed, document_id: str) -> None:
        """The document is there; submitting comes next."""
        self._change(feed, state=FeedState.UPLOADED, document_id=document_id, trouble=None)

    def intend(self, feed: Feed, now: datetime) -> bool:
        """Write down that the feed is about to be created; False when another one does that."""
        with self._sessions() as session, session.begin():
            ours = session.scalar(
                update(Feed)
                .where(
                    Feed.id == feed.id,
                    Feed.state == FeedState.UPLOADED,
                    Feed.submitted_at.is_(None),
                )
                .values(submitted_at=now)
                .returning(Feed.id)
            )
        return ours is not None

    def not_created(self, feed: Feed) -> None:
        """Amazon has no such feed: it may be created again."""
        with self._sessions() as session, session.begin():
            session.execute(
                update(Feed)
                .where(Feed.id == feed.id, Feed.submitted_at == feed.submitted_at)
                .values(submitted_at=None)
            )

    def submitted(self, feed: Feed, feed_id: str) -> None:
        """Amazon has the feed, under this id."""
        self._change(feed, state=FeedState.SUBMITTED, feed_id=feed_id, trouble=None)

    def later(self, feed: Feed, due_at: datetime, trouble: str | None = None) -> None:
        """Nothing to do before then; `trouble` is why, when it is not just Amazon's pace."""
        self._change(feed, due_at=due_at, trouble=trouble)

    def ids(self, account: str) -> set[str]:
        """Amazon's ids of every feed of ours."""
        with self._sessions() as session:
            found = session.scalars(select(Feed.feed_id).where(Feed.account == account))
            return {feed_id for feed_id in found if feed_id is not None}

    def end(
        self, feed: Feed, outcome: str, results: Mapping[int, MessageResult], now: datetime
    ) -> dict[MessageOutcome, int]:
        """Record what became of each message, wake the orders, and count the outcomes.

        What has no result is collected again, at most three times in all; then a person looks.
        """
        counts = dict.fromkeys(MessageOutcome, 0)
        with self._sessions() as session, session.begin():
            current = session.get_one(Feed, feed.id, with_for_update=True)
            if current.state == FeedState.ENDED:
                return counts
            messages = session.scalars(
                select(FeedMessage)
                .where(FeedMessage.feed_id == feed.id)
                .order_by(FeedMessage.message_id)
            ).all()
            order_ids = sorted({message.order_id for message in messages})
            tried = _tried(session, order_ids)
            # Orders first and in one order, as everywhere.
            orders = {
                order.id: order
                for order in session.scalars(
                    select(Order)
                    .where(among(Order.id, order_ids))
                    .order_by(Order.id)
                    .with_for_update()
                )
            }
            packages = {
                package.id: package
                for package in session.scalars(
                    select(Shipment)
                    .where(Shipment.feed_id == feed.id)
                    .order_by(Shipment.id)
                    .with_for_update()
                )
            }
            cancellations: list[dict[str, Any]] = []
            for message in messages:
                result = results.get(message.message_id, MessageResult(MessageOutcome.AGAIN))
                message.outcome, message.words = result
                counts[result.outcome] += 1
                if (
                    result.outcome is MessageOutcome.AGAIN
                    and tried.get((message.order_id, message.shipment_id), 0) + 1 >= TIMES
                ):
                    words = f"no result after {TIMES} feeds: {result.words}"
                    result = MessageResult(MessageOutcome.REFUSED, words)
                if message.shipment_id is None:
                    if orders[message.order_id].cancellation == "sent":
                        cancellations.append(_cancellation_after(message.order_id, result))
                elif (package := packages.get(message.shipment_id)) is not None:
                    _package_after(package, message.body, result, now)
            if cancellations:
                # Past the version: a step that runs right now keeps its claim.
                session.execute(_CANCELLATION, cancellations)
            wake(session, order_ids, now)
            current.state, current.outcome, current.ended_at = FeedState.ENDED, outcome, now
            unknown = (one for one in results.values() if one.outcome is MessageOutcome.AGAIN)
            current.trouble = next((one.words for one in unknown), None)
        return counts

    def _change(self, feed: Feed, **values: Any) -> None:
        with self._sessions() as session, session.begin():
            session.execute(
                update(Feed)
                .where(Feed.id == feed.id, Feed.state != FeedState.ENDED)
                .values(**values)
            )


def _tried(session: Session, order_ids: Sequence[int]) -> dict[tuple[int, int | None], int]:
    """How often each message has been sent without a result, by order and shipment."""
    rows = session.execute(
        select(FeedMessage.order_id, FeedMessage.shipment_id, func.count())
        .where(among(FeedMessage.order_id, order_ids), FeedMessage.outcome == MessageOutcome.AGAIN)
        .group_by(FeedMessage.order_id, FeedMessage.shipment_id)
    )
    return {(order_id, shipment_id): times for order_id, shipment_id, times in rows}


def _package_after(
    package: Shipment, body: Mapping[str, Any], result: MessageResult, now: datetime
) -> None:
    package.feed_id = None
    match result.outcome:
        case MessageOutcome.ACCEPTED:
            package.confirmation, package.refusal, package.to_feed = "accepted", None, None
            package.confirmed_at, package.confirmed_as = now, body["announcement"]
            package.confirmed_times += 1
        case MessageOutcome.REFUSED:
            package.confirmation, package.refusal, package.to_feed = "refused", result.words, None
        case MessageOutcome.AGAIN:
            package.confirmation = "feed"


def _cancellation_after(order_id: int, result: MessageResult) -> dict[str, Any]:
    is_again = result.outcome is MessageOutcome.AGAIN
    is_refused = result.outcome is MessageOutcome.REFUSED
    return {
        "of_order": order_id,
        "cancellation": "asked" if is_again else str(result.outcome),
        "cancel_refusal": result.words if is_refused else None,
    }
