"""The SKUs that people have mapped by hand, and the held orders that wait for a SKU."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, and_, func, literal, select

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.orders.outcome import ABOUT_PRODUCTS
from pipeline.orders.tables import Order, Status
from pipeline.products.tables import MappedSku


class SkusByHand:
    """Reads the SKUs mapped by hand from the table each time: a new mapping counts at once."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def of(self, account: str, skus: Collection[str]) -> Mapping[str, str]:
        """Magento's SKU by Amazon's, for the mapped SKUs among these, in a single query."""
        with self._sessions() as session:
            rows = session.scalars(
                select(MappedSku).where(
                    MappedSku.account == account,
                    among(MappedSku.amazon_sku, skus),
                    MappedSku.ended_at.is_(None),
                )
            )
            return {row.amazon_sku: row.magento_sku for row in rows}


def skus_waited_for() -> ColumnElement[str]:
    """Amazon's SKUs that a held order waits for, separated by commas. The hold's facts have
    `amazon_skus` only where they differ from the shop's `skus`."""
    facts = Order.hold_facts
    return func.coalesce(facts["amazon_skus"].astext, facts["skus"].astext, "")


def waits_for_products() -> ColumnElement[bool]:
    """Whether an order is held for its products."""
    return and_(Order.status == Status.HELD, Order.hold_code.in_(ABOUT_PRODUCTS))


def waits_for(account: str, amazon_sku: str) -> ColumnElement[bool]:
    """Whether an order of the account is held for this SKU."""
    named = func.concat(", ", skus_waited_for(), ", ")
    return and_(
        waits_for_products(),
        Order.account == account,
        func.strpos(named, literal(f", {amazon_sku}, ")) > 0,
    )
