"""The feeds of refunds: at most one of an account is open, and no message is sent again unproven.

Of a message without a result nothing is assumed: its refund is UNKNOWN, and Amazon's Finances are
read for it later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pipeline.amazon import refund_documents
from pipeline.amazon.feed_documents import FeedKind, MessageOutcome, MessageResult
from pipeline.amazon.refund_documents import RefundRefusal
from pipeline.base.database_restores import last_noticed_at
from pipeline.base.id_lists import among
from pipeline.orders.channel_order import FulfilledBy, RemoteStatus
from pipeline.orders.locking import lock
from pipeline.orders.order_words import ARE_SEALED, Said, keep
from pipeline.orders.tables import Order
from pipeline.refunds.restores import after_restore
from pipeline.refunds.states import RefundState
from pipeline.refunds.tables import AmazonRefund
from pipeline.shipping.feed_collecting import GAP
from pipeline.shipping.feeds import Feeds, is_as_read
from pipeline.shipping.tables import Feed, FeedOutcome, FeedState

TIMES = 3
"""How many feeds a refund may be in of which Amazon certainly did nothing."""
MOST_MESSAGES = 500
LOOKED_WITHIN = timedelta(hours=1)
"""How fresh the look into Amazon's Finances is when a message leaves."""
FINANCES_ARE_LATE = timedelta(hours=48)
NOT_SENT = "not sent"
"""The outcome of a feed that was taken back before createFeed."""


class RefundFeeds(Feeds):
    """The feeds of refunds. Each method is its own short transaction."""

    def collect(self, account: str, kind: FeedKind, now: datetime) -> Feed | None:
        """Make a feed of chosen refunds of one marketplace; None while a feed has not ended.

        A refund that was in a feed before goes alone, since another may have spoilt that feed.
        """
        try:
            with self._sessions() as session, session.begin():
                restored_at = last_noticed_at(session)
                if restored_at is not None:
                    after_restore(session, restored_at, now, now + FINANCES_ARE_LATE)
                self._take_back(session, account, kind, now)
                return _collect(session, account, kind, now)
        except IntegrityError:
            return None  # another worker has just made a feed; the index allows one

    def _take_back(self, session: Session, account: str, kind: FeedKind, now: datetime) -> None:
        """End a feed that waits too long for createFeed: its look at Finances is stale.

        `submitted_at` is committed before createFeed, so Amazon has no such feed.
        """
        feed_ids = session.scalars(
            update(Feed)
            .where(
                Feed.account == account,
                Feed.kind == kind,
                Feed.state.in_((FeedState.COLLECTED, FeedState.UPLOADED)),
                Feed.submitted_at.is_(None),
                Feed.created_at <= now - LOOKED_WITHIN,
            )
            .values(state=FeedState.ENDED, outcome=NOT_SENT, ended_at=now)
            .returning(Feed.id)
        ).all()
        session.execute(
            update(AmazonRefund)
            .where(among(AmazonRefund.feed_id, feed_ids), AmazonRefund.state == RefundState.IN_FEED)
            .values(
                state=RefundState.CHOSEN,
                changed_at=now,
                due_at=now,
                tries=AmazonRefund.tries - 1,
                feed_id=None,
                message_id=None,
            )
            .execution_options(synchronize_session=False)
        )

    def intend(self, feed: Feed, now: datetime) -> bool:
        """As for every feed; False also for a feed whose look at Finances is stale, or that is
        older than a restore of the database: `collect` ends it."""
        with self._sessions() as session:
            restored_at = last_noticed_at(session)
        oldest = max(now - LOOKED_WITHIN, restored_at or now - LOOKED_WITHIN)
        is_free = and_(Feed.submitted_at.is_(None), Feed.created_at > oldest)
        return self._change(feed, FeedState.UPLOADED, is_free, submitted_at=now)

    def submitted(self, feed: Feed, feed_id: str, now: datetime) -> None:
        """Amazon has the feed, under this id.

        An answer that comes after the feed has ended proves that Amazon has it all the same: what
        was to be sent again is not, and is looked for in Finances.
        """
        if self._is_submitted(feed, feed_id):
            return
        with self._sessions() as session, session.begin():
            session.execute(
                update(AmazonRefund)
                .where(
                    AmazonRefund.feed_id == feed.id,
                    AmazonRefund.state == RefundState.CHOSEN,
                )
                .values(
                    state=RefundState.UNKNOWN,
                    changed_at=now,
                    sent_at=feed.submitted_at,
                    due_at=now + FINANCES_ARE_LATE,
                    reason=f"Amazon's answer about its feed {feed_id} came too late",
                )
            )

    def numbers(self, feed: Feed) -> Sequence[int]:
        """The numbers of the feed's messages."""
        with self._sessions() as session:
            numbers = session.scalars(
                select(AmazonRefund.message_id).where(AmazonRefund.feed_id == feed.id)
            )
            return [number for number in numbers if number is not None]

    def document(self, feed: Feed, seller_id: str) -> bytes:
        """The feed's document."""
        with self._sessions() as session:
            rows = session.execute(
                select(AmazonRefund.message_id, AmazonRefund.body)
                .where(AmazonRefund.feed_id == feed.id)
                .order_by(AmazonRefund.message_id)
            ).all()
        return refund_documents.write(seller_id, [(row.message_id, row.body) for row in rows])

    def _take(
        self,
        feed: Feed,
        outcome: str,
        results: Mapping[int, MessageResult],
        now: datetime,
        *,
        look: bool,
    ) -> dict[MessageOutcome, int]:
        """Record the results and end the feed.

        A message without a result is chosen again where Amazon certainly did nothing, else its
        refund is UNKNOWN.
        """
        counts = dict.fromkeys(MessageOutcome, 0)
        did_nothing = not look or outcome == FeedOutcome.CANCELLED or _is_refused_whole(results)
        with self._sessions() as session, session.begin():
            current = session.get_one(Feed, feed.id, with_for_update=True)
            if not is_as_read(feed, current):
                return counts
            in_it = select(AmazonRefund).where(
                AmazonRefund.feed_id == feed.id, AmazonRefund.state == RefundState.IN_FEED
            )
            # Orders are locked before their rows, as everywhere.
            lock(session, session.scalars(in_it.with_only_columns(AmazonRefund.order_id)))
            refunds = session.scalars(in_it.order_by(AmazonRefund.id).with_for_update()).all()
            unknown = MessageResult(MessageOutcome.AGAIN)
            told = {refund.id: results.get(refund.message_id or 0, unknown) for refund in refunds}
            sealed = keep(
                session,
                self._vault,
                [Said(each.order_id, _about(each), told[each.id].words) for each in refunds],
                now,
            )
            for refund in refunds:
                result = told[refund.id]
                counts[result.outcome] += 1
                refund.sent_at = current.submitted_at
                _after(refund, result, now, did_nothing=did_nothing)
                if result.words and refund.order_id in sealed:
                    refund.reason = f"{refund.reason or result.reason}{ARE_SEALED}"
            current.state, current.outcome, current.ended_at = FeedState.ENDED, outcome, now
            current.trouble = next(
                (each.reason for each in told.values() if each.outcome is MessageOutcome.AGAIN),
                None,
            )
        return counts


def _collect(session: Session, account: str, kind: FeedKind, now: datetime) -> Feed | None:
    mine = (Feed.account == account, Feed.kind == kind)
    if session.scalar(select(Feed.id).where(*mine, Feed.state != FeedState.ENDED).limit(1)):
        return None
    latest = session.scalar(
        select(func.max(Feed.created_at)).where(*mine, Feed.outcome.is_distinct_from(NOT_SENT))
    )
    if latest is not None and now < latest + GAP[kind]:
        return None
    # Of a feed that Amazon never had, no message can have spoilt it.
    goes_alone = and_(
        AmazonRefund.tries > 0, Feed.outcome.is_distinct_from(FeedOutcome.NOT_CREATED)
    )
    ready = (
        select(AmazonRefund, Order.marketplace_id, goes_alone)
        .join(Order, Order.id == AmazonRefund.order_id)
        .outerjoin(Feed, Feed.id == AmazonRefund.feed_id)
        .where(
            AmazonRefund.state == RefundState.CHOSEN,
            AmazonRefund.looked_at > now - LOOKED_WITHIN,
            AmazonRefund.body.is_not(None),
            Order.account == account,
            Order.remote_status == RemoteStatus.SHIPPED,
            Order.fulfilled_by == FulfilledBy.MERCHANT,
        )
        .order_by(goes_alone, AmazonRefund.tries, AmazonRefund.id)
        .limit(MOST_MESSAGES)
        .with_for_update(of=AmazonRefund, skip_locked=True)
    )
    rows = session.execute(ready).all()
    if not rows:
        return None
    first, marketplace_id, is_alone = rows[0]
    chosen = [first] if is_alone else [row for row, *of in rows if of == [marketplace_id, False]]
    feed = Feed(
        account=account,
        kind=kind,
        state=FeedState.COLLECTED,
        marketplace_ids=[marketplace_id],
        due_at=now,
        created_at=now,
    )
    session.add(feed)
    session.flush()
    for number, refund in enumerate(chosen, start=1):
        refund.state, refund.changed_at, refund.due_at = RefundState.IN_FEED, now, None
        refund.feed_id, refund.message_id, refund.needs_person = feed.id, number, False
        refund.tries += 1
    return feed


def _is_refused_whole(results: Mapping[int, MessageResult]) -> bool:
    """Whether Amazon refused the document as a whole, and so did nothing of it."""
    return bool(results) and all(
        result.outcome is MessageOutcome.AGAIN
        and refund_documents.meaning(result) is RefundRefusal.MALFORMED
        for result in results.values()
    )


def _after(
    refund: AmazonRefund, result: MessageResult, now: datetime, *, did_nothing: bool
) -> None:
    """Change a refund as its result says."""
    refund.changed_at, refund.reason, refund.due_at = now, result.reason or None, None
    refund.hold_code, refund.needs_person = None, False
    match result.outcome:
        case MessageOutcome.ACCEPTED:
            refund.state = RefundState.ACCEPTED
        case MessageOutcome.REFUSED:
            refund.state, refund.needs_person = RefundState.REFUSED, True
            refund.hold_code = refund_documents.meaning(result)
            refund.due_at = now
        case _ if did_nothing and refund.tries < TIMES:
            refund.state, refund.due_at, refund.looked_at = RefundState.CHOSEN, now, None
        case _ if did_nothing:
            refund.state, refund.needs_person = RefundState.REFUSED, True
            refund.reason = f"Amazon took none of {TIMES} feeds: {result.reason}"
        case _:
            refund.state = RefundState.UNKNOWN
            refund.due_at = (refund.sent_at or now) + FINANCES_ARE_LATE


def _about(refund: AmazonRefund) -> str:
    return f"refund of credit memo {refund.memo_id}"
