"""Feeds in the database: their messages, states and results.

COLLECTED ─upload─▶ UPLOADED ─createFeed─▶ SUBMITTED ─report─▶ ENDED. Each state is committed before
the next call, so that after a crash the row tells which call may have happened. A feed that stays
too long in a state becomes overdue, and the next feed is sent beside it. Where the report lacks a
message's result, LOOKING comes before ENDED: the order is read from Amazon, and the message is sent
again only if Amazon has not done it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement

from pipeline.amazon.feed_documents import FeedKind, MessageOutcome, MessageResult, write
from pipeline.base.db import Sessions
from pipeline.base.vault import Vault
from pipeline.orders.carrier_title import open_title
from pipeline.orders.machine import owner_of
from pipeline.orders.report import unless_unreadable
from pipeline.orders.tables import Order, OrderPrivate
from pipeline.shipping.feed_collecting import collect
from pipeline.shipping.feed_results import take_in
from pipeline.shipping.tables import Feed, FeedMessage, FeedState
from pipeline.shipping.unanswered import Unanswered, unanswered

LIMITS = {
    FeedState.COLLECTED: timedelta(hours=1),
    FeedState.UPLOADED: timedelta(hours=1),
    FeedState.SUBMITTED: timedelta(hours=2),
}
"""How long a feed may be in a state before it is overdue; Amazon needs minutes."""

LOOK_AFTER = timedelta(minutes=2)


class Feeds:
    """The feeds of all accounts. Each method is its own short transaction."""

    def __init__(self, sessions: Sessions, vault: Vault) -> None:
        self._sessions = sessions
        self._vault = vault

    def unended(self, account: str, kind: FeedKind) -> Sequence[Feed]:
        """The account's feeds of this kind that have not ended, the oldest first."""
        with self._sessions() as session:
            return session.scalars(
                select(Feed)
                .where(Feed.account == account, Feed.kind == kind, Feed.state != FeedState.ENDED)
                .order_by(Feed.id)
            ).all()

    def open(self, account: str, kind: FeedKind) -> Feed | None:
        """The oldest feed of this kind that has not ended."""
        return next(iter(self.unended(account, kind)), None)

    def by_id(self, feed_id: int) -> Feed | None:
        """A feed as it is now; None once it has ended."""
        with self._sessions() as session:
            return session.scalar(
                select(Feed).where(Feed.id == feed_id, Feed.state != FeedState.ENDED)
            )

    def mark_overdue(
        self, account: str, kind: FeedKind, now: datetime, *, may_write: bool
    ) -> Sequence[int]:
        """Mark the feeds that are too long in their state as overdue; returns our ids of them.

        Without `may_write` only submitted feeds count: the others wait for the permission to write,
        not for Amazon.
        """
        since = func.coalesce(Feed.submitted_at, Feed.created_at)
        late = [
            and_(Feed.state == state, since <= now - limit)
            for state, limit in LIMITS.items()
            if may_write or state is FeedState.SUBMITTED
        ]
        with self._sessions() as session, session.begin():
            return session.scalars(
                update(Feed)
                .where(
                    Feed.account == account,
                    Feed.kind == kind,
                    Feed.overdue_at.is_(None),
                    or_(*late),
                )
                .values(overdue_at=now)
                .returning(Feed.id)
            ).all()

    def collect(self, account: str, kind: FeedKind, now: datetime) -> Feed | None:
        """Make a feed of the waiting messages; None when none waits or no feed is due yet."""
        try:
            with self._sessions() as session, session.begin():
                return collect(session, account, kind, now)
        except IntegrityError:
            return None  # another worker has just made a feed; the index allows a single open feed

    def numbers(self, feed: Feed) -> Sequence[int]:
        """The numbers of the feed's messages."""
        with self._sessions() as session:
            return session.scalars(
                select(FeedMessage.message_id).where(FeedMessage.feed_id == feed.id)
            ).all()

    def document(self, feed: Feed, seller_id: str) -> bytes:
        """The feed's document. Raises NotSent."""
        return write(FeedKind(feed.kind), seller_id, self.messages(feed))

    def messages(self, feed: Feed) -> list[tuple[int, dict[str, Any]]]:
        """The feed's messages by number, with the carriers' titles opened. Raises NotSent.

        A title that was purged is missing: Amazon refuses the message, and its order is held.
        """
        with self._sessions() as session:
            rows = session.execute(
                select(
                    FeedMessage.message_id,
                    FeedMessage.body,
                    Order.account,
                    Order.external_id,
                    OrderPrivate.wrapped_key,
                )
                .join(Order, Order.id == FeedMessage.order_id)
                .outerjoin(OrderPrivate, OrderPrivate.order_id == FeedMessage.order_id)
                .where(FeedMessage.feed_id == feed.id)
                .order_by(FeedMessage.message_id)
            )
            return [
                (
                    row.message_id,
                    self._opened(row.body, row.wrapped_key, owner_of(row.account, row.external_id)),
                )
                for row in rows
            ]

    def _opened(
        self, body: dict[str, Any], wrapped_key: bytes | None, owner: str
    ) -> dict[str, Any]:
        if not (stored := body.get("carrier_name")):
            return body
        name = unless_unreadable(lambda: open_title(self._vault, wrapped_key, owner, stored), "")
        return {**body, "carrier_name": name}

    def uploaded(self, feed: Feed, document_id: str) -> None:
        """The document is uploaded; createFeed comes next."""
        self._change(
            feed,
            FeedState.COLLECTED,
            state=FeedState.UPLOADED,
            document_id=document_id,
            trouble=None,
        )

    def intend(self, feed: Feed, now: datetime) -> bool:
        """Record that createFeed is about to be called; False when another worker calls it."""
        is_free = Feed.submitted_at.is_(None)
        return self._change(feed, FeedState.UPLOADED, is_free, submitted_at=now)

    def not_created(self, feed: Feed) -> None:
        """Amazon has no such feed, so it may be created again."""
        is_ours = Feed.submitted_at == feed.submitted_at
        self._change(feed, FeedState.UPLOADED, is_ours, submitted_at=None)

    def submitted(self, feed: Feed, feed_id: str, now: datetime) -> None:
        """Amazon has the feed, under this id.

        An answer that comes after another worker found no such feed counts as well; one that comes
        after the feed was created anew, or ended, changes nothing.
        """
        self._is_submitted(feed, feed_id)

    def _is_submitted(self, feed: Feed, feed_id: str) -> bool:
        return self._change(
            feed,
            FeedState.UPLOADED,
            state=FeedState.SUBMITTED,
            feed_id=feed_id,
            submitted_at=feed.submitted_at,
            trouble=None,
        )

    def later(self, feed: Feed, due_at: datetime, trouble: str | None = None) -> None:
        """Put the feed off until `due_at`; `trouble` is the reason unless Amazon is only slow."""
        with self._sessions() as session, session.begin():
            session.execute(
                update(Feed)
                .where(Feed.id == feed.id, Feed.state != FeedState.ENDED)
                .values(due_at=due_at, trouble=trouble)
            )

    def ids(self, account: str) -> set[str]:
        """Amazon's ids of the account's feeds."""
        with self._sessions() as session:
            feed_ids = session.scalars(select(Feed.feed_id).where(Feed.account == account))
            return {feed_id for feed_id in feed_ids if feed_id is not None}

    def end(
        self, feed: Feed, outcome: str, results: Mapping[int, MessageResult], now: datetime
    ) -> dict[MessageOutcome, int]:
        """Record each message's result, wake the orders, and count the outcomes.

        Messages without a result are collected again, so call this only with all results, or for a
        feed that Amazon certainly did not process.
        """
        return self._take(feed, outcome, results, now, look=False)

    def look(
        self, feed: Feed, outcome: str, results: Mapping[int, MessageResult], now: datetime
    ) -> dict[MessageOutcome, int]:
        """Record the known results; the orders of the other messages are to be read at Amazon."""
        return self._take(feed, outcome, results, now, look=True)

    def _take(
        self,
        feed: Feed,
        outcome: str,
        results: Mapping[int, MessageResult],
        now: datetime,
        *,
        look: bool,
    ) -> dict[MessageOutcome, int]:
        with self._sessions() as session, session.begin():
            current = session.get_one(Feed, feed.id, with_for_update=True)
            if current.state == FeedState.LOOKING or not is_as_read(feed, current):
                return dict.fromkeys(MessageOutcome, 0)
            numbers = session.scalars(
                select(FeedMessage.message_id).where(FeedMessage.feed_id == feed.id)
            ).all()
            again = MessageResult(MessageOutcome.AGAIN)
            known = {
                number: results.get(number, again)
                for number in numbers
                if not look or results.get(number, again).outcome is not MessageOutcome.AGAIN
            }
            counts = take_in(session, self._vault, feed.id, known, now)
            unknown = (
                result for result in results.values() if result.outcome is MessageOutcome.AGAIN
            )
            current.trouble = next((result.reason for result in unknown), None)
            current.outcome = outcome
            if len(known) < len(numbers):
                # Wait a little, since an order may show a change with a delay.
                current.state, current.due_at = FeedState.LOOKING, now + LOOK_AFTER
            else:
                current.state, current.ended_at = FeedState.ENDED, now
        return counts

    def to_look_at(self, feed: Feed, limit: int) -> list[Unanswered]:
        """Up to `limit` messages without a result; the feed ends when none is left."""
        with self._sessions() as session:
            return unanswered(session, feed.id, limit)

    def answer(self, feed: Feed, number: int, result: MessageResult, now: datetime) -> None:
        """Record the result of a message, as its order at Amazon shows it."""
        with self._sessions() as session, session.begin():
            take_in(session, self._vault, feed.id, {number: result}, now)

    def looked(self, feed: Feed, now: datetime) -> None:
        """End the feed: every message has its outcome."""
        self._change(feed, FeedState.LOOKING, state=FeedState.ENDED, ended_at=now)

    def _change(
        self, feed: Feed, before: FeedState, *conditions: ColumnElement[bool], **values: Any
    ) -> bool:
        """Change a feed that is in the state `before`; False when another worker has moved it."""
        with self._sessions() as session, session.begin():
            changed = session.scalar(
                update(Feed)
                .where(Feed.id == feed.id, Feed.state == before, *conditions)
                .values(**values)
                .returning(Feed.id)
            )
        return changed is not None


def is_as_read(feed: Feed, current: Feed) -> bool:
    """Whether a verdict about the feed still fits its row: another worker may have moved it on,
    or have sent it anew."""
    return (feed.state, feed.feed_id, feed.submitted_at) == (
        current.state,
        current.feed_id,
        current.submitted_at,
    )
