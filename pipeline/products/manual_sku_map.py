"""The SKUs that people have mapped by hand, and the held orders that wait for a SKU."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, and_, func, literal

from pipeline.base.at_once import at_once
from pipeline.base.db import Sessions
from pipeline.orders.outcome import ABOUT_PRODUCTS
from pipeline.orders.tables import Order, Status

_MAPPED = """
SELECT amazon_sku, magento_sku FROM mapped_skus
 WHERE account = %(account)s AND amazon_sku = ANY(%(skus)s::text[]) AND ended_at IS NULL
"""


class SkusByHand:
    """Reads the SKUs mapped by hand from the table each time: a new mapping counts at once."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def of(self, account: str, skus: Collection[str]) -> Mapping[str, str]:
        """Magento's SKU by Amazon's, for the mapped SKUs among these, in a single query."""
        return dict(at_once(self._sessions, _MAPPED, {"account": account, "skus": list(skus)}))


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
