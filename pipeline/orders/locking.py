"""Locks rows of orders.

Code that locks several orders does it here or in the same sequence, by id: two transactions that
lock the same orders in different sequences wait for each other, and PostgreSQL ends one of them. An
update locks its rows as it reads them, and a row that refers to an order (a note, a refund) locks
that order too.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ARRAY, BigInteger, ColumnElement, any_, func, select
from sqlalchemy.orm import Session, aliased

from pipeline.base.id_lists import among
from pipeline.orders.tables import Order


def lock(session: Session, order_ids: Iterable[int]) -> dict[int, str]:
    """Lock these orders until the end of the transaction; return the status of those that exist."""
    rows = session.execute(
        select(Order.id, Order.status)
        .where(among(Order.id, set(order_ids)))
        .order_by(Order.id)
        .with_for_update()
    )
    return {row.id: row.status for row in rows}


def locked(order_ids: Iterable[int]) -> ColumnElement[bool]:
    """A condition for an update's WHERE that matches these orders, and first locks them as `lock`
    does, in the same statement."""
    one = aliased(Order)
    ids = select(one.id).where(among(one.id, set(order_ids))).order_by(one.id).with_for_update()
    return Order.id == any_(func.array(ids.scalar_subquery(), type_=ARRAY(BigInteger)))
