"""The orders with a refund at Amazon that are due for a look, and what was seen of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from pipeline.amazon.transactions import Transaction
from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.base.money import ZERO, written
from pipeline.finances.store import transactions_of
from pipeline.magento.records import MemoTotal
from pipeline.orders.ledger_write import key_of
from pipeline.orders.order_shop import placed_in
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Effect, Order
from pipeline.refunds.made_at_amazon import (
    Finding,
    RefundCode,
    Share,
    Sides,
)
from pipeline.refunds.made_at_amazon_tables import MadeAtAmazon
from pipeline.refunds.matching import AtAmazon, refunds_at_amazon, sought
from pipeline.refunds.states import GIVEN, UNDER_WAY, RefundState
from pipeline.refunds.tables import AmazonRefund

WRITE = "refund_at_amazon"
"""The name of the ledger's writes of credit memos over refunds at Amazon."""
_SENT = (*UNDER_WAY, *GIVEN)
_NOT_TO_BE_REFUNDED = (RefundState.NEVER, RefundState.DISMISSED)


@dataclass(slots=True)
class Case:
    """An order that is due, with all that is stored of its refunds.

    `begun` are the refunds whose credit memo was begun and is not among `answers`. `own` are the
    credit memos over refunds, `cancelled` those over units that Amazon cancelled. `to_amazon` has
    state and total of our refunds at Amazon, by credit memo. `answers` is as in the table.
    """

    order: Order
    row: MadeAtAmazon
    refunds: Sequence[AtAmazon]
    begun: Collection[str]
    own: set[int]
    cancelled: Collection[int]
    to_amazon: Mapping[int, tuple[str, Decimal]]
    answers: dict[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """Why the order needed a person before, perhaps in a word of another release; a note if it
        did not."""
        return self.row.code or RefundCode.NOTED

    def sides(self, memos: Iterable[MemoTotal]) -> Sides:
        """Both sides of the order, with the shop's credit memos as they are now."""
        counted = [memo for memo in memos if memo.entity_id not in self.cancelled]
        here = {memo.entity_id for memo in counted}
        kept = {i for i, (state, _) in self.to_amazon.items() if state in _NOT_TO_BE_REFUNDED}
        kept -= self.own
        without_memo = [
            total
            for memo_id, (state, total) in self.to_amazon.items()
            if state in _SENT and memo_id not in here
        ]
        return Sides(
            currency=self.order.currency or (self.refunds[0].currency if self.refunds else ""),
            refunds=self.refunds,
            memos=counted,
            own=self.own,
            answered=self.answers.keys(),
            sent=sum(without_memo, ZERO),
            kept=sum((memo.total for memo in counted if memo.entity_id in kept), ZERO),
        )

    def noted(self, share: Share) -> None:
        """A refund was noted for a person."""
        self._answer(share.refund, "", ZERO)

    def booked(self, refund: AtAmazon, memo: str, amount: Decimal) -> None:
        """A refund was booked with a credit memo, which may be less than the refund."""
        self._answer(refund, memo, amount)
        self.own.add(int(memo))

    def _answer(self, refund: AtAmazon, memo: str, amount: Decimal) -> None:
        self.answers[refund.reference] = {
            "amount": written(refund.total, refund.currency),
            "currency": refund.currency,
            "posted_at": refund.posted_at.isoformat() if refund.posted_at else None,
            "memo": memo,
            "booked": written(amount, refund.currency),
        }


@dataclass(frozen=True, slots=True)
class Look:
    """The result of a look at an order; without `sides` nothing but the next time changes."""

    case: Case
    due_at: datetime | None
    sides: Sides | None = None
    finding: Finding | None = None


class MadeRows:
    """The rows of `made_at_amazon`. Each method is a transaction of its own."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def due(self, accounts: Collection[str], shop: str, now: datetime, most: int) -> list[Case]:
        """The orders of this shop that are due, the longest due first; four statements."""
        with self._sessions() as session:
            rows = session.execute(
                select(MadeAtAmazon, Order)
                .join(Order, Order.id == MadeAtAmazon.order_id)
                .where(MadeAtAmazon.due_at <= now, placed_in(shop, accounts))
                .order_by(MadeAtAmazon.due_at, MadeAtAmazon.order_id)
                .limit(most)
            ).all()
            ids = [row.order_id for row, _ in rows]
            if not ids:
                return []
            transactions = transactions_of(session, ids)
            effects: dict[int, list[Any]] = defaultdict(list)
            for effect in session.execute(
                select(Effect.order_id, Effect.key, Effect.state, Effect.remote_id).where(
                    among(Effect.order_id, ids), Effect.kind == EffectKind.CREDIT_MEMO
                )
            ):
                effects[effect.order_id].append(effect)
            to_amazon: dict[int, dict[int, tuple[str, Decimal]]] = defaultdict(dict)
            for one in session.scalars(
                select(AmazonRefund).where(among(AmazonRefund.order_id, ids))
            ):
                money = sought(one)
                total = ZERO if money is None else money.in_all
                to_amazon[one.order_id][one.memo_id] = (one.state, total)
        return [
            _case(
                order,
                row,
                _refunds(order, transactions.get(order.id, ())),
                effects[order.id],
                to_amazon[order.id],
            )
            for row, order in rows
        ]

    def store(self, looks: Sequence[Look], now: datetime) -> None:
        """Store the looks. News that came during a look keep the order due; an order whose news
        are being stored just now is looked at again, since waiting for it could end in a deadlock.
        """
        ids = [look.case.order.id for look in looks]
        with self._sessions() as session, session.begin():
            rows = {
                row.order_id: row
                for row in session.scalars(
                    select(MadeAtAmazon)
                    .where(among(MadeAtAmazon.order_id, ids))
                    .order_by(MadeAtAmazon.order_id)
                    .with_for_update(skip_locked=True)
                )
            }
            for look in looks:
                row = rows.get(look.case.order.id)
                if row is None:
                    continue  # deleted, or locked by its news
                if row.news == look.case.row.news:
                    row.due_at = look.due_at
                row.answers = dict(look.case.answers)
                if look.sides is not None:
                    _note(row, look.sides, look.finding, now)


def _note(row: MadeAtAmazon, sides: Sides, finding: Finding | None, now: datetime) -> None:
    row.looked_at, row.currency = now, sides.currency
    row.at_amazon, row.in_shop = sides.at_amazon, sides.in_shop
    row.code = None if finding is None else finding.code
    row.sentence = None if finding is None else finding.sentence
    row.facts = None if finding is None else dict(finding.facts)
    row.difference = None if finding is None else finding.difference
    row.needs_person = finding is not None and row.dismissed != finding.difference


def _refunds(order: Order, transactions: Iterable[Transaction]) -> list[AtAmazon]:
    """The order's refunds at Amazon, without tax that Amazon collected outside the order's total,
    which the shop's order does not have."""
    refunds = [one for one in refunds_at_amazon(transactions) if one.total]
    if not _is_tax_outside(order.total_proof or {}):
        return refunds
    return [replace(one, total=one.by_seller, by_amazon=ZERO) for one in refunds]


def _is_tax_outside(proof: Mapping[str, Any]) -> bool:
    """Whether Amazon collected tax of the order and no line of it has any."""
    collected, parts = proof.get("collected_by_amazon", {}), proof.get("parts", {})
    return any(map(Decimal, collected.values())) and not any(
        Decimal(amount)
        for item_id in collected
        for name, amount in parts.get(item_id, {}).items()
        if name.endswith("tax")
    )


def _case(
    order: Order,
    row: MadeAtAmazon,
    refunds: Sequence[AtAmazon],
    effects: Sequence[Any],
    to_amazon: Mapping[int, tuple[str, Decimal]],
) -> Case:
    ours = key_of(WRITE, order.account, order.external_id, "")
    of_refunds = [effect for effect in effects if effect.key.startswith(ours)]
    return Case(
        order=order,
        row=row,
        refunds=refunds,
        begun={one.key.removeprefix(ours) for one in of_refunds} - row.answers.keys(),
        own={int(one.remote_id) for one in of_refunds if (one.remote_id or "").isdigit()},
        cancelled={
            int(one.remote_id)
            for one in effects
            if not one.key.startswith(ours) and (one.remote_id or "").isdigit()
        },
        to_amazon=to_amazon,
        answers=dict(row.answers),
    )
