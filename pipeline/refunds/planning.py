"""What a memo's message is planned from: what the buyer paid, got back, and the settings. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.amazon.refund_documents import write
from pipeline.intake.memo_facts import stored_facts
from pipeline.orders.amounts import Amounts
from pipeline.orders.channel_order import ChannelOrder
from pipeline.refunds.given_at_amazon import given_at_amazon, unread_words
from pipeline.refunds.mapping import plan_refund
from pipeline.refunds.matching import AtAmazon
from pipeline.refunds.messages import (
    NotSendable,
    RefundHold,
    RefundMessage,
    RefundRules,
    given_by,
)
from pipeline.refunds.paid import order_paid
from pipeline.refunds.refund_file import RefundFile
from pipeline.refunds.states import GIVEN, UNDER_WAY
from pipeline.settings.marketplace import MarketplaceSettings


def plan(
    file: RefundFile,
    amounts: Amounts,
    report: ChannelOrder,
    found: Sequence[AtAmazon],
    settings: MarketplaceSettings,
) -> RefundMessage | NotSendable:
    """The memo's message, within what the order's other refunds and those at Amazon leave."""
    paid = order_paid(file.order, amounts, file.own, settings, report)
    given = [
        one
        for other in file.others
        if other.state in GIVEN + UNDER_WAY and other.body is not None
        for one in given_by(other.body)
    ]
    transactions = [one for refund in found for one in refund.transactions]
    given += given_at_amazon(transactions, paid)
    paid = replace(paid, unread_refunds=unread_words(transactions))
    facts = stored_facts(file.memo)
    has_own_reason = facts is not None and facts.reason
    rules = RefundRules(
        # The word in a comment is about this memo; the setting is for all others.
        chosen_reason="" if has_own_reason else settings.refund_reason or "",
        spread_adjustments=settings.refund_spread_adjustments,
        allow_goodwill=settings.refund_goodwill,
        gross_without_tax=settings.refund_gross,
    )
    planned = plan_refund(facts, paid, given, rules)
    return _unless_unwritable(planned) if isinstance(planned, RefundMessage) else planned


def _unless_unwritable(message: RefundMessage) -> RefundMessage | NotSendable:
    """A message that cannot be written would keep back every other one of its feed."""
    try:
        write("", [(1, message.body())])
    except ValueError as error:
        sentence = f"Amazon would refuse {error}: refund the buyer in Seller Central"
        return NotSendable(RefundHold.AMOUNTS_UNCLEAR, sentence)
    return message
