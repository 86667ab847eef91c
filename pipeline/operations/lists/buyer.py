"""What a page may show of an order's buyer without opening sealed data."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.orders.tables import OrderPrivate


@dataclass(frozen=True, slots=True)
class Masked:
    """A buyer's initials, whether more data is stored, and whether a person corrected the
    address."""

    initials: str = ""
    is_kept: bool = False
    is_corrected: bool = False


def masked(sessions: Sessions, order_id: int) -> Masked:
    """The order's buyer, masked. The only query reads none of the sealed data."""
    with sessions() as session:
        row = session.execute(
            select(
                OrderPrivate.buyer_initials,
                (OrderPrivate.wrapped_key.is_not(None) & OrderPrivate.sealed.is_not(None)).label(
                    "kept"
                ),
                OrderPrivate.correction.is_not(None).label("corrected"),
            ).where(OrderPrivate.order_id == order_id)
        ).one_or_none()
    return Masked() if row is None else Masked(row.buyer_initials, row.kept, row.corrected)
