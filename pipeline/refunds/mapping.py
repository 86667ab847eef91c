"""From a shop's credit memo to the message that refunds the buyer at Amazon. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.intake.memo_facts import MemoFacts
from pipeline.refunds.messages import Given, NotSendable, OrderPaid, RefundMessage, RefundRules


def plan_refund(
    memo: MemoFacts | None, order: OrderPaid, given: Sequence[Given], rules: RefundRules
) -> RefundMessage | NotSendable:
    """The message for a memo, or why it is not sent."""
    raise NotImplementedError
