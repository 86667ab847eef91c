"""The reason that Amazon is given for a refund. Pure."""

from __future__ import annotations

from pipeline.intake.memo_facts import MemoFacts
from pipeline.refunds.messages import OrderPaid, RefundRules

_NO_GOODS = "GeneralAdjustment"
_CANCELLED_LATE = "CustomerCancel"
_CAME_BACK = "Undeliverable"


def reason(memo: MemoFacts, order: OrderPaid, rules: RefundRules, *, has_goods: bool) -> str:
    """A person's reason, or else the one in a comment of the memo, or else by what happened."""
    if rules.chosen_reason or memo.reason:
        return rules.chosen_reason or memo.reason
    if order.is_undelivered:
        return _CAME_BACK
    if order.is_buyer_cancelled:
        return _CANCELLED_LATE
    return rules.reason if has_goods else _NO_GOODS
