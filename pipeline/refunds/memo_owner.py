"""Whether a credit memo is one to tell Amazon of: whose memo it is, and of what order. Pure."""

from __future__ import annotations

from pipeline.base.money import ZERO, minor_unit
from pipeline.intake.memo_facts import MemoFacts, MemoWord
from pipeline.refunds.messages import Held, OrderPaid, RefundHold, RefundRules

_OPEN, _CANCELLED = 1, 3


def check_owner(memo: MemoFacts, order: OrderPaid, rules: RefundRules) -> None:
    """Raise Held for a memo that Amazon must not or need not hear of, or that a person decides."""
    _never(memo, order)
    if order.own_memos.is_in_doubt:
        raise Held(
            RefundHold.MAYBE_OWN_MEMO,
            "a credit memo of Orderbridge has no answer yet, and this may be it",
        )
    if memo.state == _OPEN:
        raise Held(RefundHold.MEMO_OPEN, "the credit memo is not refunded yet in the shop")
    if rules.since is not None and memo.created_at < rules.since:
        raise Held(
            RefundHold.BEFORE_START,
            "the credit memo is older than the setting that sends refunds to Amazon",
            memo_at=memo.created_at.isoformat(),
            sent_since=rules.since.isoformat(),
        )
    if memo.currency != order.currency:
        raise Held(
            RefundHold.CURRENCY,
            f"the credit memo is in {memo.currency or 'no currency'}, and the buyer paid in "
            f"{order.currency}",
            memo=memo.currency,
            order=order.currency,
        )
    if order.is_partly_shipped:
        raise Held(
            RefundHold.NOT_SHIPPED,
            "a part of the order is not shipped at Amazon: ship or cancel its units first",
        )
    if order.unclear:
        raise Held(
            RefundHold.AMOUNTS_UNCLEAR,
            f"what the buyer paid for each item is not certain: {order.unclear}",
        )
    if order.unread_refunds:
        words = ", ".join(sorted(order.unread_refunds))
        raise Held(
            RefundHold.REFUND_UNCLEAR,
            "Amazon has refunded an amount of this order under a word that is not known "
            f"({words}): look in Seller Central what the buyer got, and refund the rest there",
            words=words,
        )


def _never(memo: MemoFacts, order: OrderPaid) -> None:
    """Raise Held for a memo that is never sent."""
    if memo.memo_id in order.own_memos.ids:
        raise Held(
            RefundHold.OWN_MEMO,
            "Orderbridge made the credit memo, since Amazon had cancelled or refunded already",
            is_final=True,
        )
    if memo.word is MemoWord.NO_REFUND:
        raise Held(RefundHold.FORBIDDEN, f'a comment says "{MemoWord.NO_REFUND}"', is_final=True)
    if memo.state == _CANCELLED:
        raise Held(RefundHold.MEMO_CANCELLED, "the credit memo is cancelled", is_final=True)
    if order.is_fba:
        raise Held(RefundHold.FBA, "Amazon ships the order, and refunds it itself", is_final=True)
    if order.is_cancelled:
        raise Held(
            RefundHold.ORDER_CANCELLED,
            "the order is cancelled at Amazon, where the buyer paid nothing",
            is_final=True,
        )
    paid = sum((part.net + part.tax for item in order.items for part in item.paid.values()), ZERO)
    if order.items and not order.unclear and paid == ZERO:
        raise Held(
            RefundHold.FREE_ORDER,
            "the buyer paid nothing for the order, such as a replacement",
            is_final=True,
        )
    if abs(memo.grand_total) < minor_unit(memo.currency):
        raise Held(RefundHold.NOTHING_REFUNDED, "the credit memo refunds no money", is_final=True)
