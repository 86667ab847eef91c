"""Stores the shops' credit memos, with the facts that a refund at the marketplace needs."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import selectinload

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.base.money import ZERO
from pipeline.intake.tables import Refund
from pipeline.magento.records import CreditMemo
from pipeline.orders.locking import lock
from pipeline.orders.order_shop import placed_in
from pipeline.orders.tables import Order


class Refunds:
    """Stores the credit memos of our orders, each once."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def store(self, accounts: Sequence[str], shop: str, memos: Sequence[CreditMemo]) -> int:
        """Store the credit memos of this shop's orders, and return how many were new.

        `accounts` have this shop in their settings now; see `placed_in`.
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
            made = session.scalars(
                insert(Refund).on_conflict_do_nothing().returning(Refund.id), rows
            )
            return len(made.all())


def _row(order: Order, memo: CreditMemo) -> dict[str, object]:
    ours = {item.magento_item_id: item for item in order.items if item.magento_item_id is not None}
    lines: dict[str, dict[str, str]] = {}
    given = ZERO
    for line in memo.lines:
        item = ours.get(line.order_item_id)
        if item is not None:
            given += line.total
            lines[item.external_item_id] = {
                "sku": item.sku,
                "quantity": _plain(line.quantity),
                "total": _plain(line.total),
            }
    return {
        "order_id": order.id,
        "magento_creditmemo_id": memo.entity_id,
        "refunded_at": memo.created_at,
        "currency": memo.currency or order.currency or "",
        "grand_total": memo.grand_total,
        "shipping": memo.shipping,
        "adjustment": memo.grand_total - memo.shipping - given,
        "lines": lines,
    }


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
