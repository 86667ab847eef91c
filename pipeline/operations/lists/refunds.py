"""The refunds to Amazon of an order, and all that need a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, func, select

from pipeline.base.database_restores import last_noticed_at
from pipeline.base.db import Sessions
from pipeline.base.money import ZERO
from pipeline.intake.tables import Refund
from pipeline.operations.acts.refunds import (
    amount,
    may_dismiss,
    may_prepare,
    may_send,
    may_take_back,
)
from pipeline.orders.channel_order import RemoteStatus
from pipeline.orders.tables import Order
from pipeline.refunds.restores import is_older_than_restore
from pipeline.refunds.states import AFTER_RESTORE, RESTORED, SENT_BEFORE, RefundState
from pipeline.refunds.tables import AmazonRefund
from pipeline.shipping.tables import Feed

AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class RefundedLine:
    """What an item's buyer gets back, by Amazon's component; `sku` is empty for an unknown item."""

    item_id: str
    sku: str
    amounts: dict[str, Decimal]

    @property
    def total(self) -> Decimal:
        """What the buyer gets back for the item."""
        return sum(self.amounts.values(), ZERO)


@dataclass(frozen=True, slots=True)
class ShownRefund:
    """The refund of a credit memo, as a person sees it. `grand_total` is the memo's own."""

    id: int
    order_id: int
    external_id: str
    account: str
    memo_id: int
    memo_at: datetime
    grand_total: Decimal | None
    state: str
    changed_at: datetime
    due_at: datetime | None
    needs_person: bool
    currency: str
    total: Decimal | None
    confirmed: str
    lines: Sequence[RefundedLine]
    reason_at_amazon: str
    hold_code: str | None
    reason: str | None
    decided_by: str | None
    feed: str | None
    transaction_id: str | None
    is_shipped: bool
    may_send: bool
    may_prepare: bool
    may_dismiss: bool
    may_take_back: bool

    @property
    def is_prepared(self) -> bool:
        """Whether the job is done with it for now; else its message is still being made. With a
        code it waits for something else."""
        is_made = self.due_at is None or self.hold_code is not None
        return self.state != RefundState.ASKED or is_made


def refunds_of(sessions: Sessions, order_id: int) -> list[ShownRefund]:
    """The refunds of an order, in the sequence of their memos."""
    with sessions() as session:
        found = _rows().where(AmazonRefund.order_id == order_id).order_by(AmazonRefund.id)
        rows = session.execute(found).all()
        order = session.get(Order, order_id) if rows else None
        skus = {item.external_item_id: item.sku for item in order.items} if order else {}
        restored_at = last_noticed_at(session)
    return [_shown(*row, skus, restored_at) for row in rows]


def by_id(sessions: Sessions, refund_id: int) -> ShownRefund | None:
    """A refund by our id; None when there is none."""
    with sessions() as session:
        order_id = session.scalar(select(AmazonRefund.order_id).where(AmazonRefund.id == refund_id))
    own = refunds_of(sessions, order_id) if order_id is not None else []
    return next((one for one in own if one.id == refund_id), None)


def waiting(sessions: Sessions, limit: int = AT_ONCE) -> list[ShownRefund]:
    """The refunds that need a person, the oldest memo first."""
    with sessions() as session:
        found = _rows().where(AmazonRefund.needs_person)
        rows = session.execute(
            found.order_by(AmazonRefund.memo_at, AmazonRefund.id).limit(limit)
        ).all()
        restored_at = last_noticed_at(session)
    return [_shown(*row, {}, restored_at) for row in rows]


def count_waiting(sessions: Sessions) -> int:
    """How many refunds need a person."""
    with sessions() as session:
        needed = select(func.count()).select_from(AmazonRefund).where(AmazonRefund.needs_person)
        return session.scalar(needed) or 0


def _rows() -> Select[AmazonRefund, Order, str | None, Decimal]:
    return (
        select(AmazonRefund, Order, Feed.feed_id, Refund.grand_total)
        .join(Order, Order.id == AmazonRefund.order_id)
        .join(Refund, Refund.id == AmazonRefund.refund_id)
        .outerjoin(Feed, Feed.id == AmazonRefund.feed_id)
    )


def _why(refund: AmazonRefund, restored_at: datetime | None) -> tuple[str | None, str | None]:
    """The code and the reason, with a warning where the lost writes of a restore, or an earlier
    message, may have sent what a person could send now."""
    code, told = refund.hold_code, [refund.reason] if refund.reason else []
    if may_send(refund):
        if is_older_than_restore(refund, restored_at):
            code = code or RESTORED
            told.append(AFTER_RESTORE)
        if refund.state == RefundState.ASKED and refund.sent_at is not None:
            told.append(SENT_BEFORE)
    # The job may have stored a warning already.
    once = [each for at, each in enumerate(told) if not at or each not in told[0]]
    return code, "; ".join(once) or None


def _shown(
    refund: AmazonRefund,
    order: Order,
    feed: str | None,
    grand_total: Decimal,
    skus: dict[str, str],
    restored_at: datetime | None,
) -> ShownRefund:
    body = refund.body or {}
    hold_code, reason = _why(refund, restored_at)
    return ShownRefund(
        id=refund.id,
        order_id=order.id,
        external_id=order.external_id,
        account=order.account,
        memo_id=refund.memo_id,
        memo_at=refund.memo_at,
        grand_total=grand_total,
        state=refund.state,
        changed_at=refund.changed_at,
        due_at=refund.due_at,
        needs_person=refund.needs_person,
        currency=refund.currency,
        total=refund.total,
        confirmed=amount(refund),
        lines=list(_lines(body, skus)),
        reason_at_amazon=str(body.get("reason", "")),
        hold_code=hold_code,
        reason=reason,
        decided_by=refund.decided_by,
        feed=feed,
        transaction_id=refund.transaction_id,
        is_shipped=order.remote_status == RemoteStatus.SHIPPED,
        may_send=may_send(refund),
        may_prepare=may_prepare(refund),
        may_dismiss=may_dismiss(refund),
        may_take_back=may_take_back(refund),
    )


def _lines(body: dict[str, Any], skus: dict[str, str]) -> Iterator[RefundedLine]:
    for item in body.get("items", ()):
        amounts = {kind: Decimal(text) for kind, text in item["amounts"].items()}
        yield RefundedLine(item["item"], skus.get(item["item"], ""), amounts)
