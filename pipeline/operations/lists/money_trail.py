"""The life of an order's money: paid by the buyer, given back, and paid out by Amazon, each as two
sides say it. A difference is shown and never corrected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.base.money import ZERO, written
from pipeline.finances.order_money import OrderMoney
from pipeline.finances.settlement_tables import Settlement, SettlementRow
from pipeline.finances.unsettled import not_settled_yet
from pipeline.orders.tables import Order
from pipeline.refunds.made_at_amazon_tables import MadeAtAmazon
from pipeline.refunds.states import RefundState
from pipeline.refunds.tables import AmazonRefund

_NEXT_SETTLEMENT = "the rest comes with a later settlement"
_AT_AMAZON = "it was made at Amazon, and needs no person"
_ON_ITS_WAY = "the refund is not at Amazon yet, or not in its transactions"
_KEPT = "it was decided that Amazon does not refund it"
WORDS = (
    *("paid by the buyer", "invoiced", "refunded", "paid out"),
    *("order", "Magento", "transactions", "settlements"),
    *(_NEXT_SETTLEMENT, _AT_AMAZON, _ON_ITS_WAY, _KEPT),
)
"""The names of the stages and of their sides, and why sides may differ for now."""
_UNSENT = (RefundState.NEVER, RefundState.DISMISSED)
_TO_COME = (
    *(RefundState.ASKED, RefundState.WAITING, RefundState.CHOSEN, RefundState.IN_FEED),
    RefundState.ACCEPTED,
)


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the trail: its name, and what each side says; None where it says nothing yet.

    `expected` is the part of the difference that is as it should be, for the reason `why`.
    """

    name: str
    one_side: str
    one: Decimal | None
    other_side: str
    other: Decimal | None
    expected: Decimal = ZERO
    why: str = ""

    @property
    def difference(self) -> Decimal:
        """What the one side has beyond the other and beyond what is expected; 0 where a side says
        nothing."""
        if self.one is None or self.other is None:
            return ZERO
        return self.one - self.other - self.expected


def money_trail(session: Session, order: Order, money: Sequence[OrderMoney]) -> list[Stage]:
    """The stages in the order's currency; none before Amazon has shown its money."""
    own = next((one for one in money if one.currency == order.currency), None)
    if own is None:
        return []
    settled = session.scalar(
        select(func.sum(SettlementRow.amount))
        .join(Settlement, Settlement.id == SettlementRow.settlement_id)
        .where(
            Settlement.account == order.account,
            Settlement.currency == own.currency,
            SettlementRow.is_of_order,
            SettlementRow.external_id == order.external_id,
        )
    )
    refunded = None if order.magento_invoiced is None else order.magento_refunded or ZERO
    side = "transactions"
    return [
        Stage("paid by the buyer", "order", order.grand_total, side, own.paid_by_buyer),
        Stage("invoiced", "Magento", order.magento_invoiced, "order", order.grand_total),
        _refunded(session, order, refunded, own),
        _paid_out(session, order, settled, own),
    ]


def _refunded(session: Session, order: Order, in_shop: Decimal | None, own: OrderMoney) -> Stage:
    """A refund made at Amazon is only noted in the shop unless the settings say otherwise, and a
    credit memo reaches Amazon later or never: neither is a mistake until it needs a person."""
    at_amazon = -own.refunds
    why, expected = "", ZERO
    if in_shop is not None and in_shop != at_amazon:
        made = session.get(MadeAtAmazon, order.id)
        if made is not None:
            why = "" if made.needs_person else _AT_AMAZON
        elif in_shop > at_amazon:
            why = _why_not_at_amazon(session, order.id)
        expected = in_shop - at_amazon if why else ZERO
    return Stage("refunded", "Magento", in_shop, "transactions", at_amazon, expected, why)


def _why_not_at_amazon(session: Session, order_id: int) -> str:
    states = set(
        session.scalars(select(AmazonRefund.state).where(AmazonRefund.order_id == order_id))
    )
    if states and states <= {*_UNSENT, *_TO_COME}:
        return _KEPT if states <= set(_UNSENT) else _ON_ITS_WAY
    return ""


def _paid_out(
    session: Session,
    order: Order,
    settled: Decimal | None,
    own: OrderMoney,
) -> Stage:
    expected = ZERO
    if settled is not None and settled != own.net:
        expected = -not_settled_yet(session, order.account, order.id, own.currency)
    why = _NEXT_SETTLEMENT if expected else ""
    return Stage("paid out", "settlements", settled, "transactions", own.net, expected, why)


def sentences(stages: Sequence[Stage], money: Sequence[OrderMoney], currency: str) -> list[str]:
    """The trail for the command line: its stages, the fees, and whether it adds up."""

    def said(side: str, amount: Decimal | None) -> str:
        return f"{side} {'nothing yet' if amount is None else written(amount, currency)}"

    lines = [
        f"{one.name}: {said(one.one_side, one.one)}, {said(one.other_side, one.other)}"
        for one in stages
    ]
    if not stages:
        return lines
    fees = sum((one.fees for one in money if one.currency == currency), ZERO)
    lines.append(f"Amazon's fees: {written(fees, currency)} {currency}")
    wrong = [one for one in stages if one.difference]
    lines += [
        f"does not add up: {one.name} differs by {written(one.difference, currency)}"
        for one in wrong
    ]
    open_ones = [one for one in stages if one.expected]
    lines += [
        f"{one.name}: {written(one.expected, currency)} of difference is as it should be: {one.why}"
        for one in open_ones
    ]
    return lines if wrong else [*lines, "it adds up so far" if open_ones else "it adds up"]
