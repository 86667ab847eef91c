"""A refund with all that a decision about it needs, read in one short transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import selectinload

from pipeline.base.database_restores import last_noticed_at
from pipeline.base.db import Sessions
from pipeline.base.vault import Vault
from pipeline.intake.own_memos import OwnMemos, own_memos
from pipeline.intake.tables import Refund
from pipeline.orders.machine import owner
from pipeline.orders.report import Report
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Effect, Order, OrderPrivate
from pipeline.refunds.adopting import adopt, note_starts, starts_of
from pipeline.refunds.tables import AmazonRefund
from pipeline.settings.model import AccountSettings


@dataclass(frozen=True, slots=True)
class RefundFile:
    """A refund, its credit memo, its order with the stored report, and the order's other refunds.

    `memo_totals` are the totals of the other refunds' memos, by refund. `own` are the memos that
    this program made. `since` is since when the marketplace's refunds go
    to Amazon, `restored_at` when the database was last restored.
    """

    refund: AmazonRefund
    memo: Refund
    order: Order
    others: Sequence[AmazonRefund]
    memo_totals: Mapping[int, Decimal]
    own: OwnMemos
    since: datetime | None
    restored_at: datetime | None


class RefundFiles:
    """The rows of refunds. Each method is its own short transaction."""

    def __init__(self, sessions: Sessions, vault: Vault) -> None:
        self._sessions = sessions
        self._vault = vault

    def begin(self, name: str, accounts: Mapping[str, AccountSettings], now: datetime) -> int:
        """Note the account's marketplaces whose refunds go to Amazon, and make the rows of all new
        memos."""
        shops = {each: account.shop for each, account in accounts.items()}
        with self._sessions() as session, session.begin():
            note_starts(session, name, accounts[name], now)
            return adopt(session, shops, now)

    def due(self, account: str, now: datetime, limit: int) -> Sequence[int]:
        """The refunds of the account that the job has to look at, the longest due first."""
        with self._sessions() as session:
            return session.scalars(
                select(AmazonRefund.id)
                .join(Order, Order.id == AmazonRefund.order_id)
                .where(AmazonRefund.due_at <= now, Order.account == account)
                .order_by(AmazonRefund.due_at, AmazonRefund.id)
                .limit(limit)
            ).all()

    def read(self, refund_id: int, account: AccountSettings) -> RefundFile | None:
        """The refund as it is now; None when it is gone."""
        with self._sessions() as session:
            refund = session.get(AmazonRefund, refund_id)
            if refund is None:
                return None
            order = session.get_one(Order, refund.order_id, options=[selectinload(Order.items)])
            private = session.get(OrderPrivate, order.id)
            if private is not None:
                order.report = Report.sealed(
                    self._vault,
                    owner(order),
                    private.wrapped_key,
                    private.sealed,
                    private.correction,
                )
            others = session.execute(
                select(AmazonRefund, Refund.grand_total)
                .join(Refund, Refund.id == AmazonRefund.refund_id)
                .where(AmazonRefund.order_id == order.id, AmazonRefund.id != refund_id)
                .order_by(AmazonRefund.id)
            ).all()
            marketplace = order.marketplace_id
            starts = starts_of(session, order.account)
            return RefundFile(
                refund,
                session.get_one(Refund, refund.refund_id),
                order,
                [other for other, _ in others],
                {other.id: total for other, total in others},
                own_memos(
                    session.scalars(
                        select(Effect).where(
                            Effect.order_id == order.id,
                            Effect.kind.in_((EffectKind.CREDIT_MEMO, EffectKind.CANCELLATION)),
                        )
                    )
                ),
                starts.get(marketplace, starts.get("")),
                last_noticed_at(session),
            )

    def write(self, refund: AmazonRefund, now: datetime, **values: Any) -> bool:
        """Change the refund, unless its row has changed since it was read."""
        with self._sessions() as session, session.begin():
            changed = session.scalar(
                update(AmazonRefund)
                .where(
                    AmazonRefund.id == refund.id,
                    AmazonRefund.state == refund.state,
                    AmazonRefund.changed_at == refund.changed_at,
                )
                .values(changed_at=now, **values)
                .returning(AmazonRefund.id)
            )
        return changed is not None

    def later(
        self,
        refund_id: int,
        due_at: datetime,
        reason: str | None = None,
        *,
        needs_person: bool = False,
    ) -> None:
        """Look at the refund again at `due_at`; `reason` says what was in the way."""
        values = {
            "due_at": due_at,
            **({"reason": reason} if reason is not None else {}),
            **({"needs_person": True} if needs_person else {}),
        }
        with self._sessions() as session, session.begin():
            session.execute(
                update(AmazonRefund)
                .where(AmazonRefund.id == refund_id, AmazonRefund.due_at.is_not(None))
                .values(**values)
            )
