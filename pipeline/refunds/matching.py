"""The refunds that Amazon's Finances show of an order, and which of them are ours. Pure.

Amazon may give back tax that it kept itself, and shows it in the buyer's money. So a refund is
compared in both terms: what the seller gave, and what the buyer got.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from pipeline.amazon.transactions import Transaction
from pipeline.base.money import ZERO, written
from pipeline.finances.order_money import is_refund, refunded_by_amazon, refunded_to_buyer
from pipeline.refunds.given_at_amazon import unread_words
from pipeline.refunds.states import RefundState
from pipeline.refunds.tables import AmazonRefund

_SEPARATOR = ", "
_CLOCKS_DIFFER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class AtAmazon:
    """A refund at Amazon: what the buyer got in all, and the transactions that it consists of.

    `by_amazon` is the part of `total` that Amazon paid from tax it kept. `is_unread`: it has an
    amount of an unknown word, so that the buyer may have got more.
    """

    reference: str
    total: Decimal
    currency: str
    posted_at: datetime | None
    transactions: tuple[Transaction, ...]
    by_amazon: Decimal = ZERO
    is_unread: bool = False

    @property
    def by_seller(self) -> Decimal:
        return self.total - self.by_amazon


@dataclass(frozen=True, slots=True)
class Sought:
    """The money of a memo's message: `sent` is the seller's, `in_all` is what the buyer gets."""

    sent: Decimal
    in_all: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Rival:
    """A credit memo whose refund at Amazon is not known: any of these sums may be its money."""

    memo_id: int
    sums: frozenset[Decimal]
    currency: str


@dataclass(frozen=True, slots=True)
class Match:
    """`own` gave the memo's money; `doubtful` may have, so that a person looks.

    At most one of them is filled.

    `rivals` are the memos that `doubtful` may belong to. `is_news`: no person was asked about some
    of them yet.
    """

    own: tuple[AtAmazon, ...] = ()
    doubtful: tuple[AtAmazon, ...] = ()
    rivals: tuple[int, ...] = ()
    is_news: bool = False

    @property
    def sentence(self) -> str | None:
        """What a person has to look at; None without a doubt."""
        if not self.doubtful:
            return None
        shown = " and ".join(
            f"{one.reference} of {written(one.total, one.currency)} {one.currency}"
            for one in self.doubtful
        )
        memos = ", ".join(map(str, self.rivals))
        others = f" or that of credit memo {memos}" if memos else ""
        return (
            f"Amazon shows refund {shown}, which may be this one's{others}: look in Seller "
            "Central, and refund this one only if the buyer still has to get it"
        )


def refunds_at_amazon(transactions: Iterable[Transaction]) -> list[AtAmazon]:
    """The refunds in an order's transactions, oldest first; the copy of a release counts once."""
    parts: dict[str, list[Transaction]] = {}
    for each in transactions:
        if is_refund(each) and not each.copy_of:
            parts.setdefault(each.refund_id or each.transaction_id, []).append(each)
    refunds = [
        AtAmazon(
            reference,
            refunded_to_buyer(group),
            group[0].currency,
            min((each.posted_at for each in group if each.posted_at), default=None),
            tuple(group),
            refunded_by_amazon(group),
            bool(unread_words(group)),
        )
        for reference, group in parts.items()
    ]
    # A transaction that moves fees alone gives the buyer nothing.
    return sorted(
        (each for each in refunds if each.total > 0 or each.is_unread),
        key=lambda each: (each.posted_at is not None, each.posted_at, each.reference),
    )


def sought(row: AmazonRefund) -> Sought | None:
    """The money of the row's message; None without a message."""
    if row.total is None:
        return None
    by_amazon = Decimal((row.body or {}).get("by_amazon", ZERO))
    return Sought(row.total, row.total + by_amazon, row.currency)


def unclaimed(refunds: Sequence[AtAmazon], rows: Iterable[AmazonRefund]) -> list[AtAmazon]:
    """The refunds at Amazon that none of these rows accounts for.

    A seen refund has its own; an accepted one has the first of its amount after it was sent.
    """
    rows = list(rows)
    seen = {one for row in rows for one in split(row.transaction_id)}
    left = [each for each in refunds if each.reference not in seen]
    for row in rows:
        money = sought(row)
        if row.state == RefundState.ACCEPTED and row.transaction_id is None and money is not None:
            since = None if row.sent_at is None else row.sent_at - _CLOCKS_DIFFER
            later = [
                each
                for each in left
                if since is None or each.posted_at is None or each.posted_at >= since
            ]
            own = (_alone(later, money) or _maybe(later, money))[:1] or _together(later, money)
            left = [each for each in left if each not in own]
    return left


def rivals(rows: Iterable[AmazonRefund], memo_totals: Mapping[int, Decimal]) -> list[Rival]:
    """The memos of these rows whose refund at Amazon is not known, whatever is decided about them:
    it may have been made by hand. `memo_totals` are the memos' own totals by row."""
    found = []
    for row in rows:
        if row.transaction_id is None and row.state != RefundState.ACCEPTED:
            money, total = sought(row), memo_totals.get(row.id)
            sums = {total} if money is None else {total, money.sent, money.in_all}
            known = frozenset(one for one in sums if one)
            found.append(Rival(row.memo_id, known, row.currency))
    return found


def match(
    refunds: Sequence[AtAmazon], money: Sought, others: Iterable[Rival], asked_about: str | None
) -> Match:
    """Which of the refunds gave this money: one of exactly the same, or all of them together.

    One that may be a rival's is doubtful, unless there are more of them than rivals. So is one that
    a person was asked about, that has amounts of unknown words, or whose tax by Amazon makes two
    readings possible.
    """
    asked, others = split(asked_about), list(others)
    alone = _alone(refunds, money)
    if alone:
        against = [one for one in others if any(_may_be_of(each, one) for each in alone)]
        sure = [each for each in alone if each.reference not in asked and not each.is_unread]
        if len(sure) > len(against):
            return Match(own=(sure[0],))
        return _doubt(alone, against, asked)
    together = _together(refunds, money)
    if together:
        against = [one for one in others if _may_share(together, one)]
        if not against and not any(one.reference in asked or one.is_unread for one in together):
            return Match(own=tuple(together))
        return _doubt(together, against, asked)
    unclear = _maybe(refunds, money)
    against = [one for one in others if any(_may_be_of(each, one) for each in unclear)]
    return _doubt(unclear, against, asked) if unclear else Match()


def references(refunds: Iterable[AtAmazon]) -> str:
    """Amazon's numbers of these refunds, as a row keeps them."""
    return _SEPARATOR.join(each.reference for each in refunds)


def with_more(kept: str | None, more: str | None) -> str | None:
    """Two such lists in one, each number once; None when it is empty."""
    return _SEPARATOR.join(dict.fromkeys((*split(kept), *split(more)))) or None


def split(kept: str | None) -> list[str]:
    """The numbers that a row keeps."""
    return kept.split(_SEPARATOR) if kept else []


def _doubt(found: Sequence[AtAmazon], others: Sequence[Rival], asked: Collection[str]) -> Match:
    return Match(
        doubtful=tuple(found),
        rivals=tuple(one.memo_id for one in others),
        is_news=any(each.reference not in asked for each in found),
    )


def _alone(refunds: Iterable[AtAmazon], money: Sought) -> list[AtAmazon]:
    """The refunds of exactly this money, by what the seller gave or by what the buyer got."""
    return [
        each
        for each in refunds
        if each.currency == money.currency
        and (each.by_seller == money.sent or each.total == money.in_all)
    ]


def _together(refunds: Iterable[AtAmazon], money: Sought) -> list[AtAmazon]:
    """All refunds of the currency, if they gave exactly this money together."""
    own = [each for each in refunds if each.currency == money.currency]
    by_seller = sum((each.by_seller for each in own), ZERO)
    total = sum((each.total for each in own), ZERO)
    return own if own and (by_seller == money.sent or total == money.in_all) else []


def _maybe(refunds: Iterable[AtAmazon], money: Sought) -> list[AtAmazon]:
    """The refunds that are this money if Amazon took the tax out of what was sent."""
    return [
        each for each in refunds if each.currency == money.currency and each.total == money.sent
    ]


def _may_be_of(refund: AtAmazon, rival: Rival) -> bool:
    sums = {refund.total, refund.by_seller}
    return refund.currency == rival.currency and bool(sums & rival.sums)


def _may_share(refunds: Sequence[AtAmazon], rival: Rival) -> bool:
    """Whether one of these refunds, or all of them together, may be the rival's."""
    whole = {
        sum((each.total for each in refunds), ZERO),
        sum((each.by_seller for each in refunds), ZERO),
    }
    return any(_may_be_of(each, rival) for each in refunds) or (
        refunds[0].currency == rival.currency and bool(whole & rival.sums)
    )
