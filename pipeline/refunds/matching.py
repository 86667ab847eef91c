"""The refunds that Amazon's Finances show of an order, and which of them are ours. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from pipeline.amazon.transactions import Transaction
from pipeline.finances.order_money import refunded_to_buyer
from pipeline.refunds.states import RefundState
from pipeline.refunds.tables import AmazonRefund

_KINDS = frozenset({"refund", "chargerefund"})
_SEPARATOR = ", "
_CLOCKS_DIFFER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class AtAmazon:
    """A refund at Amazon: what the buyer got in all, and the transactions that it consists of."""

    reference: str
    total: Decimal
    currency: str
    posted_at: datetime | None
    transactions: tuple[Transaction, ...]


def refunds_at_amazon(transactions: Iterable[Transaction]) -> list[AtAmazon]:
    """The refunds in an order's transactions, oldest first; the copy of a release counts once."""
    parts: dict[str, list[Transaction]] = {}
    for each in transactions:
        if each.kind.casefold() in _KINDS and not each.copy_of:
            parts.setdefault(each.refund_id or each.transaction_id, []).append(each)
    refunds = [
        AtAmazon(
            reference,
            refunded_to_buyer(group),
            group[0].currency,
            min((each.posted_at for each in group if each.posted_at), default=None),
            tuple(group),
        )
        for reference, group in parts.items()
    ]
    # A transaction that moves fees alone gives the buyer nothing.
    return sorted(
        (each for each in refunds if each.total > 0),
        key=lambda each: (each.posted_at is not None, each.posted_at, each.reference),
    )


def unclaimed(refunds: Sequence[AtAmazon], rows: Iterable[AmazonRefund]) -> list[AtAmazon]:
    """The refunds at Amazon that none of these rows accounts for.

    A seen refund has its own; an accepted one has the first of its amount after it was sent.
    """
    rows = list(rows)
    seen = {one for row in rows for one in (row.transaction_id or "").split(_SEPARATOR)}
    left = [each for each in refunds if each.reference not in seen]
    for row in rows:
        if row.state == RefundState.ACCEPTED and row.transaction_id is None:
            own = same_money(left, row.total, row.currency, since=row.sent_at)
            left = [each for each in left if each not in own]
    return left


def same_money(
    refunds: Sequence[AtAmazon], total: Decimal | None, currency: str, since: datetime | None = None
) -> list[AtAmazon]:
    """The refund of exactly this money; or all of them, if they gave it together.

    With `since` a refund must have been posted after that, as far as its time is known.
    """
    own = [
        each
        for each in refunds
        if each.currency == currency
        and (since is None or each.posted_at is None or each.posted_at >= since - _CLOCKS_DIFFER)
    ]
    alone = [each for each in own if each.total == total]
    if alone:
        return alone[:1]
    return own if own and sum(each.total for each in own) == total else []


def references(refunds: Iterable[AtAmazon]) -> str:
    """Amazon's numbers of these refunds, as a row keeps them."""
    return _SEPARATOR.join(each.reference for each in refunds)
