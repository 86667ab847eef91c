"""A person's decision about which product of the shop an Amazon SKU is."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import and_, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.operations.acts.many_orders import look_at
from pipeline.operations.acts.one_order import NotPossible
from pipeline.operations.acts.shop_product import HasProduct
from pipeline.orders.machine import wake
from pipeline.orders.states import StepName
from pipeline.orders.tables import Order, OrderItem, Status
from pipeline.products.manual_sku_map import waits_for
from pipeline.products.tables import MappedSku

LONGEST_SKU = 64
"""Magento's limit for a SKU; Amazon's limit is lower."""
_LOOKS_IT_UP = StepName.ENRICH_ORDER


class Doubtful(NotPossible):
    """The shop lacks the product, or does not say; the mapping is stored once it is confirmed."""


class SkuDecisions:
    """Stores people's SKU mappings. Each method raises NotPossible, and returns how many held
    orders are retried because of it."""

    def __init__(
        self,
        sessions: Sessions,
        accounts: Collection[str],
        author: str,
        now: datetime,
        has_product: HasProduct | None = None,
    ) -> None:
        """`has_product` asks the shop before a SKU is mapped; without it nobody asks."""
        self._has_product = has_product
        self._sessions = sessions
        self._accounts = accounts
        self._author = author
        self._now = now

    def sell_as(
        self, account: str, amazon_sku: str, magento_sku: str, *, anyway: bool = False
    ) -> int:
        """Map the account's SKU to that product. Mapping a SKU to itself removes the mapping.

        Raises Doubtful when the shop is not known to have the product, unless `anyway`.
        """
        if account not in self._accounts:
            raise NotPossible(f"there is no account {account}")
        amazon, magento = _sku(amazon_sku, "Amazon"), _sku(magento_sku, "Magento")
        if amazon == magento:
            return self.take_back(account, amazon)
        if not anyway:
            self._ask_the_shop(account, magento)
        with self._sessions() as session, session.begin():
            before = self._end(session, account, amazon)
            if before == magento:
                raise NotPossible(f"{amazon} is mapped to {magento} already")
            kept = session.scalar(
                insert(MappedSku)
                .values(account=account, amazon_sku=amazon, magento_sku=magento)
                .values(set_at=self._now, set_by=self._author)
                .on_conflict_do_nothing()
                .returning(MappedSku.id)
            )
            if kept is None:
                raise NotPossible(f"somebody else has mapped {amazon} just now: check the mapping")
            instead = f" in place of {before}" if before else ""
            return self._wake(session, account, amazon, f"mapped {amazon} to {magento}{instead}")

    def take_back(self, account: str, amazon_sku: str) -> int:
        """Remove the mapping by hand, so that the file or the SKU itself counts again."""
        amazon = _sku(amazon_sku, "Amazon")
        with self._sessions() as session, session.begin():
            before = self._end(session, account, amazon)
            if before is None:
                raise NotPossible(f"{amazon} is not mapped by hand")
            note = f"took back the mapping of {amazon} to {before}"
            return self._wake(session, account, amazon, note)

    def _ask_the_shop(self, account: str, magento: str) -> None:
        has_it = True if self._has_product is None else self._has_product(account, magento)
        if has_it is None:
            raise Doubtful(f"the shop does not answer, so {magento} may not be there")
        if not has_it:
            raise Doubtful(f"the shop has no product {magento}")

    def _end(self, session: Session, account: str, amazon: str) -> str | None:
        """End the current mapping, and return its product's SKU."""
        return session.scalar(
            update(MappedSku)
            .where(
                MappedSku.account == account,
                MappedSku.amazon_sku == amazon,
                MappedSku.ended_at.is_(None),
            )
            .values(ended_at=self._now, ended_by=self._author)
            .returning(MappedSku.magento_sku)
            .execution_options(synchronize_session=False)
        )

    def _wake(self, session: Session, account: str, amazon: str, note: str) -> int:
        # An order whose products are being looked up may have read the earlier mapping.
        is_looked_up = and_(
            Order.account == account,
            Order.status == Status.RUNNING,
            Order.step == _LOOKS_IT_UP,
            Order.items.any(OrderItem.sku == amazon),
        )
        rows = session.execute(
            select(Order.id, Order.status, Order.ship_by_at)
            .where(
                Order.status.in_((Status.HELD, Status.RUNNING)),  # so that an index is used
                or_(waits_for(account, amazon), is_looked_up),
            )
            .order_by(Order.id)  # always by id: the intake locks several orders as well
            .with_for_update()
        ).all()
        wake(session, [row.id for row in rows if row.status == Status.RUNNING], self._now)
        held = [row for row in rows if row.status == Status.HELD]
        held.sort(key=lambda row: (row.ship_by_at is None, row.ship_by_at or self._now))
        ids = [row.id for row in held]
        return len(look_at(session, ids, author=self._author, text=note, now=self._now))


def _sku(text: str, whose: str) -> str:
    """Check a SKU that a person typed. Raises NotPossible."""
    sku = text.strip()
    if not sku:
        raise NotPossible(f"give the SKU of {whose}")
    if len(sku) > LONGEST_SKU:
        raise NotPossible(f"a SKU has {LONGEST_SKU} characters at most, and {whose}'s has more")
    if any(unicodedata.category(letter).startswith("C") for letter in sku):
        raise NotPossible(f"{whose}'s SKU has an invisible character: type it again")
    return sku
