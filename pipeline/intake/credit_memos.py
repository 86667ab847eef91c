"""Stores the shops' credit memos, with the facts that a refund at the marketplace needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Boolean, ColumnElement, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import selectinload

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.intake.memo_facts import MemoFacts, facts_of
from pipeline.intake.tables import Refund
from pipeline.magento.records import CreditMemo
from pipeline.orders.locking import lock
from pipeline.orders.order_shop import placed_in
from pipeline.orders.tables import Order

MOST_READ_AGAIN = 300
_MAY_CHANGE = ("grand_total", "shipping", "adjustment", "lines", "facts")


class Refunds:
    """Stores the credit memos of our orders, each once."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def store(self, accounts: Sequence[str], shop: str, memos: Sequence[CreditMemo]) -> int:
        """Store the credit memos of this shop's orders, and return how many were new.

        A stored memo gets what has changed, such as the word in a comment. `accounts` have this
        shop in their settings now; see `placed_in`.
        """
        by_order = {memo.order_id for memo in memos}
        with self._sessions() as session, session.begin():
            orders = {
                order.magento_order_id: order
                for order in session.scalars(
                    select(Order)
                    .where(placed_in(shop, accounts), among(Order.magento_order_id, by_order))
                    .options(selectinload(Order.items))
                )
            }
            rows = [_row(orders[memo.order_id], memo) for memo in memos if memo.order_id in orders]
            if not rows:
                return 0
            # Inserting a refund locks its order.
            lock(session, (order.id for order in orders.values()))
            new = insert(Refund)
            stored = session.scalars(
                new.on_conflict_do_update(
                    index_elements=[Refund.order_id, Refund.magento_creditmemo_id],
                    set_={name: new.excluded[name] for name in _MAY_CHANGE},
                    where=Refund.facts.is_distinct_from(new.excluded.facts),
                ).returning(literal_column("xmax = 0", Boolean)),
                rows,
            )
            return sum(stored)

    def to_read_again(
        self, accounts: Sequence[str], shop: str, since: datetime, but: Collection[int]
    ) -> list[int]:
        """The stored memos of this shop to read again: those made since then, whose comments may
        have changed, and the newest without facts. `but` have just been read."""
        with self._sessions() as session:
            return list(
                session.scalars(
                    select(Refund.magento_creditmemo_id)
                    .join(Order, Order.id == Refund.order_id)
                    .where(
                        placed_in(shop, accounts),
                        or_(Refund.refunded_at >= since, Refund.facts.is_(None)),
                        ~among(Refund.magento_creditmemo_id, but),
                    )
                    .order_by(Refund.refunded_at.desc(), Refund.id.desc())
                    .limit(MOST_READ_AGAIN)
                )
            )

    def gone(self, accounts: Sequence[str], shop: str, ids: Collection[int]) -> None:
        """Store that the shop does not have these memos any more, unless their facts are known."""
        of_shop: ColumnElement[bool] = Refund.order_id.in_(
            select(Order.id).where(placed_in(shop, accounts))
        )
        with self._sessions() as session, session.begin():
            session.execute(
                update(Refund)
                .where(of_shop, among(Refund.magento_creditmemo_id, ids), Refund.facts.is_(None))
                .values(facts={})
            )


def _row(order: Order, memo: CreditMemo) -> dict[str, object]:
    items = {item.magento_item_id: item for item in order.items if item.magento_item_id is not None}
    facts = facts_of(memo, {item_id: item.external_item_id for item_id, item in items.items()})
    return {
        "order_id": order.id,
        "magento_creditmemo_id": memo.entity_id,
        "refunded_at": memo.created_at,
        "currency": memo.currency or order.currency or "",
        "grand_total": memo.grand_total,
        "shipping": facts.shipping_total,
        "adjustment": facts.adjustment,
        "lines": _lines(order, facts),
        "facts": facts.as_json(),
    }


def _lines(order: Order, facts: MemoFacts) -> dict[str, dict[str, str]]:
    """Quantity and total of each of the marketplace's items in the memo."""
    lines: dict[str, dict[str, str]] = {}
    for item in order.items:
        of_item = [line for line in facts.lines if line.item_id == item.external_item_id]
        if of_item:
            lines[item.external_item_id] = {
                "sku": item.sku,
                "quantity": _plain(sum((line.quantity for line in of_item), Decimal(0))),
                "total": _plain(sum((line.total for line in of_item), Decimal(0))),
            }
    return lines


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
