"""SKU mappings that people made by hand, their history, and the SKU map files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Select, func, or_, select, true, tuple_
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.orders.machine import STEPS
from pipeline.orders.states import StepName
from pipeline.orders.tables import Order
from pipeline.products.manual_sku_map import SkusByHand, skus_waited_for, waits_for_products
from pipeline.products.sku_map import SkuMapError, files_in_use, read
from pipeline.products.tables import MappedSku
from pipeline.settings.model import Settings

PAGE_SIZE = 100
EARLIER = 50
_LOOKS_IT_UP = STEPS.index(StepName.ENRICH_ORDER)


@dataclass(frozen=True, slots=True)
class Mapped:
    """A mapping by hand; `held` orders wait for its SKU. A mapping with an end is no longer
    used."""

    id: int
    account: str
    amazon_sku: str
    magento_sku: str
    set_at: datetime
    set_by: str
    ended_at: datetime | None
    ended_by: str | None
    held: int


@dataclass(frozen=True, slots=True)
class File:
    """A SKU map file that an account uses: its number of rows, or its mistake."""

    path: Path
    account: str
    rows: int
    mistake: str


class MappedSkus:
    """Reads mappings by hand, by account and SKU. `sku` filters by a part of either SKU."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def page(
        self, sku: str = "", after: int | None = None, limit: int | None = PAGE_SIZE
    ) -> tuple[Sequence[Mapped], int | None]:
        """The current mappings after row `after`, and the id to continue from if there are more."""
        query = _like(sku).where(MappedSku.ended_at.is_(None))
        with self._sessions() as session:
            last = session.get(MappedSku, after) if after is not None else None
            if last is not None:
                place = tuple_(MappedSku.account, MappedSku.amazon_sku)
                query = query.where(place > (last.account, last.amazon_sku))
            query = query.order_by(MappedSku.account, MappedSku.amazon_sku)
            rows = session.scalars(query.limit(limit + 1 if limit else None)).all()
            shown = rows[:limit]
            counted = list(_counted(session, shown))
        return counted, shown[-1].id if len(rows) > len(shown) else None

    def earlier(self, sku: str = "", limit: int | None = EARLIER) -> Sequence[Mapped]:
        """Earlier mappings, the last ended first."""
        query = (
            _like(sku)
            .where(MappedSku.ended_at.is_not(None))
            .order_by(MappedSku.ended_at.desc(), MappedSku.id.desc())
            .limit(limit)
        )
        with self._sessions() as session:
            return [_mapped(row, 0) for row in session.scalars(query)]


def sold_as(sessions: Sessions, order: Order) -> dict[str, str]:
    """Magento's SKUs of an order's lines by Amazon's SKUs, where they differ. They come from the
    products already looked up, else from the mappings by hand that the lookup will use."""
    if STEPS.index(order.step) > _LOOKS_IT_UP:
        products = {line.sku: (line.product or {}).get("sku", line.sku) for line in order.items}
        return {sku: target for sku, target in products.items() if sku != target}
    names = {line.sku: line.sku.strip() for line in order.items}
    by_hand = SkusByHand(sessions).of(order.account, set(names.values()))
    return {sku: by_hand[name] for sku, name in names.items() if name in by_hand}


def files(settings: Settings) -> Iterator[File]:
    """The CSV files in use, freshly read."""
    for path, account in files_in_use(settings):
        try:
            yield File(path, account, len(read(path)), "")
        except SkuMapError as error:
            yield File(path, account, 0, str(error))


def _like(sku: str) -> Select[MappedSku]:
    query = select(MappedSku)
    if not sku:
        return query
    return query.where(
        or_(
            MappedSku.amazon_sku.icontains(sku, autoescape=True),
            MappedSku.magento_sku.icontains(sku, autoescape=True),
        )
    )


def _counted(session: Session, rows: Sequence[MappedSku]) -> Iterator[Mapped]:
    """These mappings, each with the number of held orders that wait for its SKU."""
    skus = func.unnest(func.string_to_array(skus_waited_for(), ", "))
    facts = skus.table_valued("sku").render_derived()
    shown = [(row.account, row.amazon_sku) for row in rows]
    held = session.execute(
        select(Order.account, facts.c.sku, func.count(Order.id.distinct()))
        .join_from(Order, facts, true())
        .where(waits_for_products(), tuple_(Order.account, facts.c.sku).in_(shown))
        .group_by(Order.account, facts.c.sku)
    )
    counts = {(account, sku): number for account, sku, number in held}
    for row in rows:
        yield _mapped(row, counts.get((row.account, row.amazon_sku), 0))


def _mapped(row: MappedSku, held: int) -> Mapped:
    return Mapped(
        id=row.id,
        account=row.account,
        amazon_sku=row.amazon_sku,
        magento_sku=row.magento_sku,
        set_at=row.set_at,
        set_by=row.set_by,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
        held=held,
    )
