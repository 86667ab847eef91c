"""The columns of the list of orders, defined once for the page, the CSV file and the terminal.

A column's name is its heading in the CSV file, its label the heading on the page. Each list chooses
its columns and their order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from pipeline.operations.lists.order_facts import country, store_code
from pipeline.operations.lists.orders import Listed
from pipeline.settings.model import Settings


class Price(NamedTuple):
    """An amount with its currency."""

    amount: Decimal
    currency: str


class Quantities(NamedTuple):
    """SKUs, each with the quantity bought."""

    pairs: Sequence[tuple[str, int]]


Value = str | datetime | Price | Quantities | Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `sort` is its key in `sorting.KEYS`, if the page can sort by it.

    `heading` replaces the label in the terminal. On the page, the macro of the column's name in
    orders_cells.html renders the cells.
    """

    name: str
    value: Callable[[Listed, Settings], Value]
    label: str = ""
    sort: str | None = None
    heading: str | None = None


def _store(order: Listed, settings: Settings) -> str | None:
    code = store_code(settings, order.account, order.marketplace_id, order.fulfilled_by)
    return code or None


def _price(order: Listed, _: Settings) -> Price | None:
    if order.grand_total is None or order.currency is None:
        return None
    return Price(order.grand_total, order.currency)


_COLUMNS = {
    column.name: column
    for column in (
        Column("id", lambda order, _: str(order.id), heading="ID"),
        Column(
            "amazon_number",
            lambda order, _: order.external_id,
            "Amazon",
            sort="number",
            heading="AMAZON ORDER",
        ),
        Column(
            "magento_number",
            lambda order, _: order.magento_increment_id or None,
            "Magento",
            sort="magento",
        ),
        Column("account", lambda order, _: order.account),
        Column("country", lambda order, _: country(order.marketplace_id), heading="MARKET"),
        Column("store", _store, "Store"),
        Column("channel", lambda order, _: order.fulfilled_by, "Channel", heading="BY"),
        Column("status", lambda order, _: order.status, heading="STATUS"),
        Column("step", lambda order, _: order.step, "Our step", heading="STEP"),
        Column("amazon_status", lambda order, _: order.remote_status, "Amazon says"),
        Column("buyer", lambda order, _: order.buyer, "Buyer"),
        Column("total", _price, "Total", sort="total"),
        Column("currency", lambda order, _: order.currency),
        Column("purchased_at", lambda order, _: order.purchased_at, "Purchased", sort="purchased"),
        Column("ship_by_at", lambda order, _: order.ship_by_at, "Ship by", sort="ship_by"),
        Column("updated_at", lambda order, _: order.updated_at),
        Column("items", lambda order, _: Quantities(order.items), "Items"),
        Column("tracking_numbers", lambda order, _: order.tracking_numbers, "Tracking"),
        Column("programs", lambda order, _: order.programs),
        Column("hold_code", lambda order, _: order.hold_code),
        Column("note", lambda order, _: order.note, "Note"),
    )
}


def _chosen(*names: str) -> tuple[Column, ...]:
    return tuple(_COLUMNS[name] for name in names)


ON_THE_PAGE = _chosen(
    *("amazon_number", "magento_number", "buyer", "step", "note", "items"),
    *("purchased_at", "ship_by_at", "total"),
)
IN_CSV = _chosen(
    *("amazon_number", "magento_number", "account", "country", "store", "channel", "status"),
    *("step", "amazon_status", "buyer", "total", "currency", "purchased_at", "ship_by_at"),
    *("updated_at", "items", "tracking_numbers", "programs", "hold_code", "note"),
)
IN_THE_TERMINAL = _chosen(
    *("id", "amazon_number", "magento_number", "country", "store", "channel", "amazon_status"),
    *("step", "status", "total", "purchased_at", "ship_by_at", "items", "tracking_numbers", "note"),
)
