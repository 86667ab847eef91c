"""Which shop an order was placed in: its numbers are of that one, whatever the file says now.

An order of before this was kept counts as of the shop that its account names, and that is written
down for those in Magento.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.orders.locking import locked
from pipeline.orders.states import StepName
from pipeline.orders.tables import Effect, EffectState, Order

BEFORE_THE_SHOP = (StepName.IMPORT_ORDER, StepName.VERIFY_ORDER, StepName.ENRICH_ORDER)
"""The steps that leave nothing of a shop's at an order, if they write nothing there."""
AT_ONCE = 5000


def placed_in(shop: str, accounts: Collection[str]) -> ColumnElement[bool]:
    """That an order is of this shop, which these accounts name now."""
    return or_(Order.shop == shop, and_(Order.shop.is_(None), among(Order.account, accounts)))


def settle(session: Session, order: Order, shop: str | None) -> None:
    """Write down the shop an order is of from now on, which is the one its account names as long as
    nothing was read or written for it in another."""
    if shop is None or order.shop == shop:
        return
    if order.shop is None or _is_free(session, order):
        order.shop = shop


def _is_free(session: Session, order: Order) -> bool:
    written = select(Effect.id).where(
        Effect.order_id == order.id, Effect.state != EffectState.REFUSED
    )
    return order.step in BEFORE_THE_SHOP and session.scalar(written.limit(1)) is None


def remember(sessions: Sessions, shop: str, accounts: Collection[str]) -> int:
    """Write the shop down for orders in Magento that lack it, some thousand at once; how many."""
    lacking = (
        select(Order.id)
        .where(
            Order.shop.is_(None),
            Order.magento_order_id.is_not(None),
            among(Order.account, accounts),
        )
        .limit(AT_ONCE)
    )
    with sessions() as session, session.begin():
        ids = session.scalars(lacking).all()
        if not ids:
            return 0
        session.execute(
            update(Order)
            .where(locked(ids), Order.shop.is_(None))
            .values(shop=shop, updated_at=Order.updated_at)
            .execution_options(synchronize_session=False)
        )
    return len(ids)
