"""The SKUs that orders will need soon, so that a single search can fetch the products of many
orders."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.order_shop import BEFORE_THE_SHOP, placed_in
from pipeline.orders.tables import LIVE, Order, OrderItem
from pipeline.products.sku_map import SkuMapError, SkuMaps
from pipeline.settings.model import Settings

_ORDERS = 200


class SkuPrefetch:
    """The SKUs that orders will need soon, by shop and store view."""

    def __init__(
        self,
        sessions: Sessions,
        settings: Settings,
        maps: SkuMaps,
        now: Callable[[], datetime],
        within: timedelta,
    ) -> None:
        self._sessions = sessions
        self._settings = settings
        self._maps = maps
        self._now = now
        self._within = within

    def skus(self, shop: str, store: str) -> list[str]:
        """The shop's SKUs of up to 200 orders, those of the orders that are due first in front."""
        accounts = [
            name for name, account in self._settings.accounts.items() if account.shop == shop
        ]
        # Sorted by `due_at`, which has an index; the next orders are due within a minute.
        orders = (
            select(Order.id, Order.account, Order.marketplace_id, Order.fulfilled_by, Order.due_at)
            .where(
                Order.status.in_(LIVE),
                Order.due_at <= self._now() + self._within,
                Order.step.in_(BEFORE_THE_SHOP),
                placed_in(shop, accounts),
                among(Order.account, self._settings.accounts),
            )
            .order_by(Order.due_at)
            .limit(_ORDERS)
            .subquery()
        )
        with self._sessions() as session:
            rows = session.execute(
                select(
                    orders.c.account, orders.c.marketplace_id, orders.c.fulfilled_by, OrderItem.sku
                )
                .join(OrderItem, OrderItem.order_id == orders.c.id)
                .order_by(orders.c.due_at, OrderItem.id)
            ).all()
        sold: dict[tuple[str, str], set[str]] = {}
        for account, marketplace_id, _, sku in rows:
            sold.setdefault((account, marketplace_id), set()).add(sku)
        targets = {place: self._targets(*place, skus) for place, skus in sold.items()}
        ordered: dict[str, None] = {}
        for account, marketplace_id, fulfilled_by, sku in rows:
            settings = self._settings.for_order(account, marketplace_id)
            target = targets[account, marketplace_id].get(sku)
            is_fba = fulfilled_by == FulfilledBy.AMAZON
            if target is not None and settings.store(is_fba=is_fba) == store:
                ordered[target] = None
        return list(ordered)

    def _targets(self, account: str, marketplace_id: str, skus: set[str]) -> dict[str, str]:
        settings = self._settings.for_order(account, marketplace_id)
        try:
            return self._maps.targets(account, settings, skus)
        except SkuMapError:  # their own step reports it
            return {}
