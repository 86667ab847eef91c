"""The shop that an order was placed in: the order's Magento numbers belong to that shop, even if
the settings name another shop now.

Older orders without a stored shop count as placed in their account's shop; `remember` stores it for
those in Magento.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm.attributes import set_committed_value

from pipeline.base.at_once import at_once
from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.orders.locking import locked
from pipeline.orders.package_tables import Shipment
from pipeline.orders.states import StepName
from pipeline.orders.tables import EffectState, Order

BEFORE_THE_SHOP = (StepName.IMPORT_ORDER, StepName.VERIFY_ORDER, StepName.ENRICH_ORDER)
"""The steps that leave no data of a shop with an order, unless they write to the shop."""
AT_ONCE = 5000


def placed_in(shop: str, accounts: Collection[str]) -> ColumnElement[bool]:
    """The condition that an order belongs to this shop, which these accounts name now."""
    return or_(Order.shop == shop, and_(Order.shop.is_(None), among(Order.account, accounts)))


_SETTLE = f"""
UPDATE orders SET shop = %(shop)s
 WHERE id = %(order_id)s AND version = %(version)s
   AND (shop IS NULL OR (step = ANY(%(before)s) AND NOT EXISTS (
     SELECT FROM effects WHERE order_id = orders.id AND state <> '{EffectState.REFUSED}')))
RETURNING shop
"""


def settle(sessions: Sessions, order: Order, shop: str | None) -> None:
    """Store a claimed order's shop: the shop its account names, as long as nothing was read from or
    written to another shop for it."""
    if shop is None or order.shop == shop:
        return
    settled = at_once(
        sessions,
        _SETTLE,
        {
            "order_id": order.id,
            "version": order.version,
            "shop": shop,
            "before": [str(step) for step in BEFORE_THE_SHOP],
        },
    )
    if settled:
        set_committed_value(order, "shop", shop)


def remember(sessions: Sessions, shop: str, accounts: Collection[str]) -> int:
    """Store the shop of orders in Magento that lack it, and of their packages, some thousand at a
    time; return how many orders."""
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
        session.execute(
            update(Shipment)
            .where(among(Shipment.order_id, ids), Shipment.shop.is_(None))
            .values(shop=shop)
            .execution_options(synchronize_session=False)
        )
    return len(ids)
