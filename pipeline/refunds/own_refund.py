"""Whether a refund at Amazon is the one of a memo, whose order may have other memos. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.amazon.transactions import Transaction
from pipeline.refunds.matching import (
    AtAmazon,
    Match,
    Sought,
    match,
    refunds_at_amazon,
    rivals,
    sought,
    unclaimed,
)
from pipeline.refunds.messages import RefundMessage
from pipeline.refunds.refund_file import RefundFile


def not_of_others(file: RefundFile, transactions: Iterable[Transaction]) -> list[AtAmazon]:
    """The order's refunds at Amazon that are no other memo's."""
    return unclaimed(refunds_at_amazon(transactions), file.others)


def of_message(file: RefundFile, found: Sequence[AtAmazon], message: RefundMessage) -> Match:
    """Which of these refunds may be the one that the message would make."""
    money = Sought(message.total, message.total + message.by_amazon, message.currency)
    return _match(file, found, money)


def of_sent(file: RefundFile, found: Sequence[AtAmazon]) -> Match:
    """Which of these refunds may be the one that the stored message made."""
    money = sought(file.refund)
    return Match() if money is None else _match(file, found, money)


def _match(file: RefundFile, found: Sequence[AtAmazon], money: Sought) -> Match:
    return match(found, money, rivals(file.others, file.memo_totals), file.refund.asked_about)
