"""Compares a shop's salable quantities with its sources and open orders; opens incidents.

A missing reservation lets the shop sell a piece twice; a reservation that was never released keeps
a piece from being sold. Both show in the salable quantity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from pipeline.base.db import Sessions
from pipeline.base.errors import CannotMap, Rejected, Transient
from pipeline.base.id_lists import among
from pipeline.base.incidents import Incidents
from pipeline.base.money import ZERO
from pipeline.magento.client import Magento
from pipeline.magento.rest.catalog import folded
from pipeline.magento.rest.open_lines import STOCKED_TYPES, OpenLine
from pipeline.magento.rest.replies import UNAUTHORIZED
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.order_shop import placed_in
from pipeline.orders.tables import LIVE, Order, OrderItem
from pipeline.products.tables import StockCheck
from pipeline.settings.model import Settings

MOST_SKUS = 200
MOST_PAGES = 50
# After so many failures the shop is down, and further calls would only take time.
MOST_FAILURES = 3


@dataclass(frozen=True, slots=True)
class Guarded:
    """A SKU to compare, and the store view whose stock it is sold from."""

    sku: str
    store: str


@dataclass(frozen=True, slots=True)
class Level:
    """The expected and the actual salable quantity of a product."""

    sku: str
    expected: Decimal
    salable: Decimal

    @property
    def difference(self) -> Decimal:
        """Above zero: the shop sells more than it has. A shop may report less than zero as zero."""
        return max(self.salable, ZERO) - max(self.expected, ZERO)


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a run. `left` SKUs were not reached; they come first in the next run."""

    compared: int = 0
    different: int = 0
    skipped: int = 0
    left: int = 0
    too_many_orders: bool = False


class StockGuard:
    """Stores each SKU's difference, and opens an incident when it differs twice in a row."""

    def __init__(self, settings: Settings, sessions: Sessions, incidents: Incidents) -> None:
        self._settings = settings
        self._sessions = sessions
        self._incidents = incidents

    def run(self, shop_name: str, shop: Magento, now: datetime) -> Report:
        """Compare at most `MOST_SKUS` products of a shop, first those that differed last time.

        A product that cannot be compared is skipped. Raises the errors of calls that concern all
        products.
        """
        guarded = self._guarded(shop_name)
        if not guarded:
            return Report()
        stocks = shop.inventory.stocks()
        if not stocks:
            return Report(skipped=len(guarded))
        lines = shop.orders.open_lines(MOST_PAGES)
        if lines is None:
            return Report(left=len(guarded), too_many_orders=True)
        now_due, left = guarded[:MOST_SKUS], len(guarded) - MOST_SKUS
        levels = _levels(shop, now_due, stocks, lines)
        for product in now_due:
            self._note(shop_name, product, levels.get(product.sku), now)
        return Report(
            compared=len(levels),
            different=sum(1 for level in levels.values() if level.difference),
            skipped=len(now_due) - len(levels),
            left=max(left, 0),
        )

    def _guarded(self, shop_name: str) -> list[Guarded]:
        """The SKUs of this shop's open orders whose stock is reserved, and those that differed."""
        stores, untouched = self._open_skus(shop_name)
        with self._sessions() as session:
            checks = {
                check.sku: check
                for check in session.scalars(select(StockCheck).where(StockCheck.shop == shop_name))
            }
        for check in checks.values():
            if check.difference:
                stores.setdefault(check.sku, check.store)
        wanted = [Guarded(sku, store) for sku, store in stores.items() if sku not in untouched]

        def rank(product: Guarded) -> tuple[bool, float, str]:
            check = checks.get(product.sku)
            if check is None:
                return True, 0.0, product.sku
            return not check.difference, check.checked_at.timestamp(), product.sku

        return sorted(wanted, key=rank)

    def _open_skus(self, shop_name: str) -> tuple[dict[str, str], set[str]]:
        """The store view by SKU, and the SKUs that are also sold without any reservation."""
        accounts = [
            name for name, account in self._settings.accounts.items() if account.shop == shop_name
        ]
        with self._sessions() as session:
            rows = session.execute(
                select(Order.account, Order.marketplace_id, OrderItem.sku, OrderItem.product)
                .join(OrderItem, OrderItem.order_id == Order.id)
                .where(
                    placed_in(shop_name, accounts),
                    among(Order.account, self._settings.accounts),
                    Order.fulfilled_by == FulfilledBy.MERCHANT,
                    Order.status.in_(LIVE),
                )
                .order_by(Order.id, OrderItem.id)
            ).all()
        stores: dict[str, str] = {}
        untouched: set[str] = set()
        for row in rows:
            settings = self._settings.for_order(row.account, row.marketplace_id)
            sku = folded(str((row.product or {}).get("sku") or row.sku))
            if settings.stock == "none":
                untouched.add(sku)
            elif sku:
                stores.setdefault(sku, settings.magento_store)
        return stores, untouched

    def _note(self, shop_name: str, product: Guarded, level: Level | None, now: datetime) -> None:
        """Store the difference; open the incident at the second in a row, close it without any.

        A product that can no longer be compared has no difference.
        """
        difference = level.difference if level is not None else ZERO
        with self._sessions() as session, session.begin():
            check = session.get(StockCheck, (shop_name, product.sku), with_for_update=True)
            before = check.difference if check is not None else ZERO
            made = insert(StockCheck).values(
                shop=shop_name,
                sku=product.sku,
                store=product.store,
                checked_at=now,
                difference=difference,
            )
            session.execute(
                made.on_conflict_do_update(
                    index_elements=[StockCheck.shop, StockCheck.sku],
                    set_={
                        name: made.excluded[name] for name in ("store", "checked_at", "difference")
                    },
                )
            )
        key = f"stock:{shop_name}:{product.sku}"
        if level is None or not difference:
            self._incidents.close(key, now)
        elif before:
            self._incidents.open(key, sentence(shop_name, level), now)


def sentence(shop_name: str, level: Level) -> str:
    """What is wrong with a product's stock, and what to do about it."""
    count = abs(level.difference).normalize()
    if level.difference > ZERO:
        what = (
            f"oversells by {count:f}: the orders that are not shipped yet reserve too little of it"
        )
    else:
        what = f"reserves {count:f} more than the open orders need: the shop sells less than it has"
    return (
        f"shop {shop_name}: {level.salable.normalize():f} of {level.sku} can be sold, but by the "
        f"sources and all open orders it should be {level.expected.normalize():f}. It {what}. "
        "On the shop's server `bin/magento inventory:reservation:list-inconsistencies` names the "
        "orders; with -r, piped into inventory:reservation:create-compensations, it corrects them. "
        "`orderbridge doctor --prove-stock SKU` tells whether new orders still reserve stock"
    )


def _levels(
    shop: Magento,
    guarded: Sequence[Guarded],
    stocks: Mapping[int, int],
    lines: Iterable[OpenLine],
) -> dict[str, Level]:
    """The expected and actual quantity of every comparable SKU, by SKU."""
    open_units: dict[tuple[int, str], Decimal | None] = {}
    for line in lines:
        place = stocks.get(line.store_id, 0), folded(line.sku)
        so_far = open_units.get(place, ZERO)
        if line.left is None or so_far is None:
            open_units[place] = None
        else:
            open_units[place] = so_far + line.left
    levels: dict[str, Level] = {}
    failures = 0
    for store in sorted({product.store for product in guarded}):
        skus = [product.sku for product in guarded if product.store == store]
        try:
            stock_id = shop.inventory.stock_of(store)
        except CannotMap:
            continue  # its orders are held with the advice
        if stock_id is None:
            continue
        known = shop.catalog.products(skus, store)
        held = shop.inventory.source_quantities(skus, stock_id)
        for sku in skus:
            product, quantity = known.get(sku), held.get(sku)
            reserved = open_units.get((stock_id, sku), ZERO)
            if product is None or quantity is None or reserved is None:
                continue
            if product.type_id not in STOCKED_TYPES or not product.enabled:
                continue
            try:
                level = _level(shop, product.sku, stock_id, quantity - reserved)
            except Rejected as error:
                if error.code == UNAUTHORIZED:
                    raise
                continue
            except Transient:
                failures += 1
                if failures >= MOST_FAILURES:
                    raise
                continue
            if level is not None:
                levels[sku] = level
    return levels


def _level(shop: Magento, sku: str, stock_id: int, expected: Decimal) -> Level | None:
    """A product's two quantities; None when its stock is unmanaged or it takes backorders."""
    level = Level(sku, expected, shop.inventory.salable_quantity(sku, stock_id))
    if not level.difference:
        return level
    item = shop.inventory.stock_item(sku)
    if not item.is_managed or item.takes_backorders:
        return None
    return Level(sku, expected - item.min_quantity, level.salable)
