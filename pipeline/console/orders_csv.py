"""`/orders.csv`: the orders of a filter, all of them, as a file for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from flask import Blueprint, Response, request

from pipeline.base.db import Sessions
from pipeline.base.money import written
from pipeline.base.vault import Vault
from pipeline.clients import parse_report
from pipeline.console.guard import current_person, role_required
from pipeline.console.orders_tab import readable
from pipeline.intake.buyer_index import Buyers
from pipeline.operations.lists.filters import Filters, read
from pipeline.operations.lists.order_facts import country, store_code
from pipeline.operations.lists.orders import Listed, Listing
from pipeline.operations.lists.stores import stores
from pipeline.settings.model import Settings

EXPORTED = "exported the buyer's name"
COLUMNS = (
    *("amazon_number", "magento_number", "account", "country", "store", "channel", "status"),
    *("step", "amazon_status", "buyer", "total", "currency", "purchased_at", "ship_by_at"),
    *("updated_at", "items", "tracking_numbers", "programs", "hold_code", "note"),
)
# What makes a spreadsheet take a text for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_views(settings: Settings, sessions: Sessions, now: Callable[[], datetime]) -> Blueprint:
    """The file, without names and with them."""
    views = Blueprint("csv", __name__)
    listing = Listing(sessions)
    buyers = Buyers(sessions, Vault(settings.master_key), parse_report)
    every_store = stores(settings)

    def row(order: Listed, buyer: str) -> Sequence[str]:
        store = store_code(settings, order.account, order.marketplace_id, order.fulfilled_by)
        return (
            _text(order.external_id),
            _text(order.magento_increment_id or ""),
            _text(order.account),
            _text(country(order.marketplace_id)),
            _text(store or ""),
            order.fulfilled_by,
            order.status,
            order.step,
            _text(order.remote_status),
            _text(buyer),
            _amount(order.grand_total, order.currency),
            order.currency or "",
            _time(order.purchased_at),
            _time(order.ship_by_at),
            _time(order.updated_at),
            _text("; ".join(f"{quantity} x {sku}" for sku, quantity in order.items)),
            _text("; ".join(order.tracking_numbers)),
            _text("; ".join(order.programs)),
            order.hold_code or "",
            _text(order.note),
        )

    def lines(filters: Filters, author: str | None) -> Iterator[str]:
        # The mark by which a spreadsheet knows UTF-8.
        yield "\ufeff" + _csv([COLUMNS])
        for orders in listing.stream(filters):
            names: Mapping[int, str] = {}
            if author is not None:
                names = buyers.tell([order.id for order in orders], author, now(), EXPORTED)
            yield _csv([row(order, names.get(order.id, order.buyer)) for order in orders])

    def answer(author: str | None) -> Response:
        filters = readable(read(request.args, every_store))
        name = f"orders-{now():%Y%m%d-%H%M}.csv"
        return Response(
            lines(filters, author),
            mimetype="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    @views.get("/orders.csv")
    def masked() -> Response:
        """With the buyers' initials."""
        return answer(None)

    @views.post("/orders.csv")
    @role_required("operator")
    def with_names() -> Response:
        """With the buyers' names, which is noted at every order."""
        return answer(current_person().name)

    return views


def _csv(rows: Sequence[Sequence[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()


def _text(value: str) -> str:
    """An apostrophe keeps a spreadsheet from calculating what a remote wrote."""
    return f"'{value}" if value.startswith(_FORMULA) else value


def _amount(amount: Decimal | None, currency: str | None) -> str:
    if amount is None or currency is None:
        return ""
    return written(amount, currency)


def _time(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if at else ""
