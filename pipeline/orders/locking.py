"""Rows of orders, locked.

Whoever locks several orders does it here or in the same order, by id: two that lock the same ones
in different orders wait for each other, and PostgreSQL ends one of them. An update locks its rows
as it finds them, and a row that refers to an order (a note, a refund) locks that order too.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ARRAY, BigInteger, ColumnElement, any_, func, select
from sqlalchemy.orm import Session, aliased

from pipeline.base.id_lists import among
from pipeline.orders.tables import Order


def lock(session: Session, order_ids: Iterable[int]) -> dict[int, str]:
    """Lock these orders until the end of the transaction; the status of each that there is."""
    rows = session.execute(
        select(Order.id, Order.status)
        .where(among(Order.id, set(order_ids)))
        .order_by(Order.id)
        .with_for_update()
    )
    return {row.id: row.status for row in rows}


def locked(order_ids: Iterable[int]) -> ColumnElement[bool]:
    """For an update's WHERE: that it is one of these orders, which it locks first, as `lock` does,
    in the same statement."""
    one = aliased(Order)
    ids = select(one.id).where(among(one.id, set(order_ids))).order_by(one.id).with_for_update()
    return Order.id == any_(func.array(ids.scalar_subquery(), type_=ARRAY(BigInteger)))
