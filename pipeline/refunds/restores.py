"""Refunds after the database was restored: the lost writes may have sent them.

Finances may not show a refund for two days, so a person decides about every refund that was decided
before the restore, and a feed that Amazon may have is never created again.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from pipeline.amazon.feed_documents import FeedKind
from pipeline.base.id_lists import among
from pipeline.refunds.states import AFTER_RESTORE, RESTORED, RefundState
from pipeline.refunds.tables import AmazonRefund
from pipeline.shipping.tables import Feed, FeedState


def is_older_than_restore(refund: AmazonRefund, restored_at: datetime | None) -> bool:
    """Whether the lost writes may have sent the refund: nobody has decided about it since."""
    return restored_at is not None and (refund.decided_at or refund.memo_at) < restored_at


def after_restore(
    session: Session, restored_at: datetime, now: datetime, finances_at: datetime
) -> None:
    """Ask a person about what was to be sent, and end the feeds that Amazon may have.

    Their refunds are looked for in Finances from `finances_at` on.
    """
    session.execute(
        update(AmazonRefund)
        .where(
            AmazonRefund.due_at.is_not(None),
            AmazonRefund.state.in_((RefundState.CHOSEN, RefundState.WAITING)),
            func.coalesce(AmazonRefund.decided_at, AmazonRefund.memo_at) < restored_at,
        )
        .values(
            state=RefundState.ASKED,
            changed_at=now,
            due_at=None,
            needs_person=True,
            hold_code=RESTORED,
            reason=AFTER_RESTORE,
            decided_by=None,
            decided_at=None,
        )
        .execution_options(synchronize_session=False)
    )
    feed_ids = session.scalars(
        update(Feed)
        .where(
            Feed.kind == FeedKind.REFUNDS,
            Feed.state.in_((FeedState.COLLECTED, FeedState.UPLOADED)),
            Feed.created_at < restored_at,
        )
        .values(state=FeedState.ENDED, outcome=RESTORED, ended_at=now)
        .returning(Feed.id)
    ).all()
    if not feed_ids:
        return
    sent_at = select(func.coalesce(Feed.submitted_at, Feed.created_at)).where(
        Feed.id == AmazonRefund.feed_id
    )
    session.execute(
        update(AmazonRefund)
        .where(among(AmazonRefund.feed_id, feed_ids), AmazonRefund.state == RefundState.IN_FEED)
        .values(
            state=RefundState.UNKNOWN,
            changed_at=now,
            due_at=finances_at,
            hold_code=RESTORED,
            reason="the database was restored while the refund was in a feed",
            sent_at=sent_at.scalar_subquery(),
        )
        .execution_options(synchronize_session=False)
    )
