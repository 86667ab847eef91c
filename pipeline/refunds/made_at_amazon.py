"""The refunds that Amazon shows of an order against the credit memos of its shop order. Pure.

Amazon names neither units nor order items in a refund, so the sums are compared. A refund that the
product sent for a credit memo is balanced by that memo.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from pipeline.base.money import ZERO, minor_unit, written
from pipeline.magento.records import MemoTotal
from pipeline.refunds.matching import AtAmazon

SHOWN_AFTER = timedelta(hours=48)
"""How late Amazon's Finances may be: a younger refund may belong to a memo that is being made."""
SHOP_AHEAD_AFTER = timedelta(hours=96)
"""From when on a credit memo without a refund at Amazon needs a person."""


class RefundCode(StrEnum):
    """Why a refund that Amazon shows needs a person."""

    NOTED = "refunded_at_amazon"
    NO_INVOICE = "refunded_not_invoiced"
    SHOP_ORDER_ENDED = "refunded_order_ended"
    OTHER_CURRENCY = "refunded_other_currency"
    ABOVE_PAID = "refunded_above_paid"
    MEMO_REFUSED = "refunded_memo_refused"
    SHOP_AHEAD = "refunded_in_shop_only"


_SENTENCES: Mapping[str, str] = {
    RefundCode.NOTED: "Amazon refunded {amount} that no credit memo of the shop shows: make the "
    "credit memo in Magento, or dismiss it on this page",
    RefundCode.NO_INVOICE: "Amazon refunded {amount}, and the shop's order has no paid invoice "
    "that a credit memo could refund: invoice it in Magento and make the memo, or dismiss it on "
    "this page",
    RefundCode.SHOP_ORDER_ENDED: "Amazon refunded {amount}, and the shop's order is closed or "
    "cancelled, so that Magento allows no credit memo: book the amount outside this order, then "
    "dismiss it on this page",
    RefundCode.OTHER_CURRENCY: "Amazon refunded {amount}, and the shop's order has another "
    "currency or base currency: make the credit memo in Magento by hand, then dismiss it on this "
    "page",
    RefundCode.ABOVE_PAID: "Amazon refunded {amount} more than Magento allows to refund for the "
    "order: book the rest outside this order, then dismiss it on this page",
    RefundCode.MEMO_REFUSED: "the credit memo over {amount} that Amazon refunded was not made and "
    "is tried again every day: {words}",
    RefundCode.SHOP_AHEAD: "the shop's credit memos give back {amount} that Amazon does not show "
    "after 96 hours: refund the buyer in Seller Central, or dismiss it on this page",
}


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a refund that no credit memo shows."""

    refund: AtAmazon
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides of an order, whose currency is `currency`.

    `refunds` are oldest first. `memos` are the shop's credit memos without those over units that
    Amazon cancelled, which the buyer never paid. `own` are the memos that answered a refund here,
    and `answered` the refunds that have such a memo or a note. `sent` is the sum of our refunds at
    Amazon whose memo is not among `memos`. `kept` is the sum of the memos that are not to be
    refunded at Amazon.
    """

    currency: str
    refunds: Sequence[AtAmazon]
    memos: Sequence[MemoTotal]
    own: Collection[int] = frozenset()
    answered: Collection[str] = frozenset()
    sent: Decimal = ZERO
    kept: Decimal = ZERO

    @property
    def at_amazon(self) -> Decimal:
        """What Amazon gave the buyer back."""
        return _sum(refund.total for refund in self.refunds)

    @property
    def in_shop(self) -> Decimal:
        """What the shop's credit memos come to."""
        return _sum(memo.total for memo in self.memos)

    @property
    def minor(self) -> Decimal:
        """The minor unit of the order's currency: a smaller difference is none."""
        return minor_unit(self.currency)

    @property
    def has_one_currency(self) -> bool:
        """Whether all amounts are in the order's currency; others are not compared."""
        named = [refund.currency for refund in self.refunds]
        named += [memo.currency for memo in self.memos]
        return all(currency == self.currency for currency in named)

    def difference(self, now: datetime) -> Decimal:
        """The money back at Amazon that is old enough to count, less what the shop shows of it."""
        counted = _sum(one.total for one in self.refunds if is_settled(one, now))
        return counted - (self.in_shop + self.sent if self.has_one_currency else ZERO)

    def shares(self, now: datetime) -> list[Share]:
        """The refunds without an answer, each with the part that no credit memo shows.

        A memo over exactly the amount of a refund belongs to that refund. What is left of the
        difference goes to the newest refunds, since older ones had more time to be booked.
        """
        left = self.difference(now)
        if left <= self.minor:
            return []
        booked = [memo.total for memo in self.memos if memo.entity_id not in self.own]
        unbooked: list[AtAmazon] = []
        for refund in self.refunds:
            if refund.reference in self.answered or not is_settled(refund, now):
                continue
            if self.has_one_currency and refund.total in booked:
                booked.remove(refund.total)
            else:
                unbooked.append(refund)
        shares = []
        for refund in reversed(unbooked):
            amount = min(refund.total, left)
            if amount > ZERO:
                shares.append(Share(refund, amount))
                left -= amount
        return shares

    def ahead(self, now: datetime) -> Decimal:
        """What memos older than 96 hours gave back that Amazon does not show."""
        old = _sum(m.total for m in self.memos if m.created_at <= now - SHOP_AHEAD_AFTER)
        ahead = old - self.kept - self.at_amazon
        return ahead if self.has_one_currency and ahead > self.minor else ZERO

    def next_look(self, now: datetime) -> datetime | None:
        """When time alone changes the comparison: a refund or a memo gets old enough."""
        times = [one.posted_at + SHOWN_AFTER for one in self.refunds if one.posted_at]
        if self.in_shop - self.kept - self.at_amazon > self.minor:
            times += [memo.created_at + SHOP_AHEAD_AFTER for memo in self.memos]
        return min((one for one in times if one > now), default=None)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a person has to know of an order's refunds. `difference` is what Amazon gave back more
    than the shop, negative where it is less. `code` may be a word of another release."""

    code: str
    sentence: str
    difference: Decimal
    facts: Mapping[str, str] = field(default_factory=dict)


def is_settled(refund: AtAmazon, now: datetime) -> bool:
    """Whether Amazon has shown the refund for long enough to be answered."""
    return refund.posted_at is None or refund.posted_at <= now - SHOWN_AFTER


def finding(code: str, amount: Decimal, currency: str, words: str = "") -> Finding:
    """The finding over an amount, as a sentence with what to do; `words` is why the shop refused
    the credit memo. A code that is not known here stays, with the sentence that is always true."""
    figure = f"{written(amount, currency)} {currency}"
    sentence = _SENTENCES.get(code, _SENTENCES[RefundCode.NOTED])
    text = sentence.format(amount=figure, words=words)
    facts = {"amount": written(amount, currency), "currency": currency}
    return Finding(code, text, -amount if code == RefundCode.SHOP_AHEAD else amount, facts)


def refused(sides: Sides, now: datetime, words: str) -> Finding:
    """The finding after the shop refused a credit memo; the next look tries again."""
    return finding(RefundCode.MEMO_REFUSED, sides.difference(now), sides.currency, words)


def standing(sides: Sides, now: datetime, code: str) -> Finding | None:
    """What is left for a person once all refunds are answered; `code` is why it was."""
    left = sides.difference(now)
    if left > sides.minor:
        is_new = code == RefundCode.SHOP_AHEAD
        return finding(RefundCode.NOTED if is_new else code, left, sides.currency)
    ahead = sides.ahead(now)
    return finding(RefundCode.SHOP_AHEAD, ahead, sides.currency) if ahead else None


def note(refund: AtAmazon) -> str:
    """The comment on the shop's order about a refund without a credit memo."""
    return (
        f"Amazon refunded the buyer {_amount(refund)} (refund {refund.reference}). This order has "
        "no credit memo for it."
    )


def memo_comment(share: Share, amount: Decimal) -> str:
    """The comment on the credit memo over a refund; `mark` finds it again."""
    currency = share.refund.currency
    of = "" if amount == share.refund.total else f"{written(amount, currency)} {currency} of "
    return (
        f"{mark(share.refund.reference)} {of}{_amount(share.refund)} that Amazon gave the buyer "
        "back. No goods return to the stock; the amount bears no tax."
    )


def mark(reference: str) -> str:
    """The words by which the credit memo over a refund is recognised."""
    return f"Refund {reference} of Amazon:"


def _amount(refund: AtAmazon) -> str:
    return f"{written(refund.total, refund.currency)} {refund.currency}"


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)
