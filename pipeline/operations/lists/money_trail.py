"""The life of an order's money: paid by the buyer, given back, and paid out by Amazon, each as two
sides say it. A difference is shown and never corrected."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.base.money import written
from pipeline.finances.order_money import OrderMoney
from pipeline.finances.settlement_tables import Settlement, SettlementRow
from pipeline.orders.tables import Order

WORDS = (
    *("paid by the buyer", "invoiced", "refunded", "paid out"),
    *("order", "Magento", "transactions", "settlements"),
)
"""The names of the stages and of their sides."""


class Stage(NamedTuple):
    """A stage of the trail: its name, and what each side says; None where it says nothing yet."""

    name: str
    one_side: str
    one: Decimal | None
    other_side: str
    other: Decimal | None

    @property
    def difference(self) -> Decimal:
        """0 unless both sides say something else."""
        if self.one is None or self.other is None:
            return Decimal(0)
        return self.one - self.other


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
    refunded = None if order.magento_invoiced is None else order.magento_refunded or Decimal(0)
    transactions = "transactions"
    return [
        Stage("paid by the buyer", "order", order.grand_total, transactions, own.paid_by_buyer),
        Stage("invoiced", "Magento", order.magento_invoiced, "order", order.grand_total),
        Stage("refunded", "Magento", refunded, transactions, -own.refunds),
        Stage("paid out", "settlements", settled, transactions, own.net),
    ]


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
    fees = sum((one.fees for one in money if one.currency == currency), Decimal(0))
    lines.append(f"Amazon's fees: {written(fees, currency)} {currency}")
    wrong = [one for one in stages if one.difference]
    lines += [
        f"does not add up: {one.name} differs by {written(one.difference, currency)}"
        for one in wrong
    ]
    return lines if wrong else [*lines, "it adds up"]
