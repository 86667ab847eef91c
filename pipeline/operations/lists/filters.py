"""The filters of the list of orders: read from a query string, and written back to it.

An unreadable value becomes a sentence for its field, and the other filters still count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, func, literal, select

from pipeline.access.work_tables import Assignment
from pipeline.base.clock import utc_now
from pipeline.operations.lists import filter_values as values
from pipeline.operations.lists.filter_values import NOBODYS, Assignee, Unusable, one_of
from pipeline.operations.lists.invoices import WhichInvoice, has_invoice
from pipeline.operations.lists.numbers import has_number
from pipeline.operations.lists.returns import WhichReturns, has_return
from pipeline.operations.lists.sorting import NEWEST_FIRST, Sort
from pipeline.operations.lists.stores import Store
from pipeline.orders.channel_order import FulfilledBy, RemoteStatus
from pipeline.orders.decision_table import STILL_TO_SHIP
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import LIVE, Order, OrderItem, OrderPrivate, Status

_LONGEST = 200
_LONGEST_SEARCH = 6_000
_DAY = timedelta(days=1)
_UTC = ZoneInfo("UTC")
_ONE_CURRENCY = "Choose a currency too: totals of different currencies are not compared."


class ShipBy(StrEnum):
    """When an order that Amazon still expects us to ship has to leave."""

    OVERDUE = "overdue"
    TODAY = "today"
    DAY = "day"
    TWO_DAYS = "two_days"


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters and sorting of the list. An order has to match every filter given.

    `number` are numbers, or parts of them, and SKUs: see `numbers.has_number`. `ship_by` counts
    from the time of the query; `amount`s need `currency`, since totals of different currencies are
    not compared.
    `buyer` are keyed hashes, see `pipeline.intake.buyer_index`, and `searcher` is the seal that
    binds them to the person who searched. Days are those of `zone`, and included.
    `everything` includes hidden orders, such as unpaid ones. `assigned` is whose orders they are;
    without a status, a person's are those that have not ended.
    `columns` are those of the page, which choose no orders; without any they are the reader's own.
    """

    status: Status | None = None
    everything: bool = False
    number: str = ""
    sku: str = ""
    buyer: tuple[str, ...] = ()
    searcher: str = ""
    placed_from: date | None = None
    placed_until: date | None = None
    total_from: Decimal | None = None
    total_until: Decimal | None = None
    channel: FulfilledBy | None = None
    program: str = ""
    account: str = ""
    marketplace: str = ""
    amazon_status: RemoteStatus | None = None
    currency: str = ""
    ship_by: ShipBy | None = None
    ship_from: date | None = None
    ship_until: date | None = None
    store: Store | None = None
    reason: HoldCode | None = None
    assigned: Assignee | None = None
    returns: WhichReturns | None = None
    invoice: WhichInvoice | None = None
    columns: tuple[str, ...] = ()
    sort: Sort = NEWEST_FIRST
    zone: ZoneInfo = field(default=_UTC, compare=False)

    def query(self) -> dict[str, str]:
        """The query string that `read` turns into these filters, without default values."""
        written = {name: write(getattr(self, attribute)) for name, attribute, _, write in _FIELDS}
        return {name: text for name, text in written.items() if text}

    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions on a row of `orders`."""
        wanted: list[ColumnElement[bool]] = []
        if not self.everything:
            wanted.append(Order.shown.is_(True))
        if self.status is not None:
            wanted.append(Order.status == self.status)
        if self.reason is not None:
            # The status is needed too, because the index covers held orders only.
            wanted += [Order.status == Status.HELD, Order.hold_code == self.reason]
        if self.number:
            wanted.append(has_number(self.number))
        if self.sku:
            is_sku = func.lower(OrderItem.sku) == self.sku.lower()
            wanted.append(Order.id.in_(select(OrderItem.order_id).where(is_sku)))
        if self.buyer:
            private = select(OrderPrivate.order_id)
            wanted.append(
                Order.id.in_(private.where(OrderPrivate.buyer_words.contains(list(self.buyer))))
            )
        if self.placed_from is not None:
            wanted.append(Order.purchased_at >= _midnight(self.placed_from, self.zone))
        if self.placed_until is not None:
            wanted.append(Order.purchased_at < _midnight(self.placed_until + _DAY, self.zone))
        if self.total_from is not None:
            wanted.append(Order.grand_total >= self.total_from)
        if self.total_until is not None:
            wanted.append(Order.grand_total <= self.total_until)
        if self.channel is not None:
            wanted.append(Order.fulfilled_by == self.channel)
        if self.program:
            wanted.append(Order.programs.contains([self.program]))
        wanted += [
            column == value
            for column, value in (
                (Order.account, self.account),
                (Order.marketplace_id, self.marketplace),
                (Order.remote_status, self.amazon_status),
                (Order.currency, self.currency),
            )
            if value
        ]
        if self.ship_by is not None:
            wanted.append(has_to_leave(self.ship_by, self.zone))
        if self.ship_from is not None:
            wanted.append(Order.ship_by_at >= _midnight(self.ship_from, self.zone))
        if self.ship_until is not None:
            wanted.append(Order.ship_by_at < _midnight(self.ship_until + _DAY, self.zone))
        if self.store is not None:
            wanted.append(self.store.condition())
        if self.returns is not None:
            wanted.append(has_return(self.returns))
        if self.invoice is not None:
            wanted.append(has_invoice(self.invoice))
        if self.assigned is not None:
            wanted.append(_is_assigned(self.assigned))
            if self.assigned.person_id is not None and self.status is None:
                # What somebody looks after is what they still have to do.
                wanted.append(Order.status.in_(LIVE))
        return wanted


@dataclass(frozen=True, slots=True)
class Asked:
    """The result of reading: the readable filters, and a sentence for each unreadable value."""

    filters: Filters
    mistakes: Mapping[str, str]


def read(query: Mapping[str, str], stores: Mapping[str, Store], zone: ZoneInfo = _UTC) -> Asked:
    """Read a query string. Unknown names are ignored."""
    given: dict[str, Any] = {"zone": zone}
    mistakes: dict[str, str] = {}
    for name, attribute, reader, _ in _FIELDS:
        longest = _LONGEST_SEARCH if name == "number" else _LONGEST
        text = query.get(name, "").replace("\x00", "").strip()[:longest]
        try:
            if name == "store" and text:
                given[attribute] = _store(text, stores)
            elif text:
                given[attribute] = reader(text)
        except Unusable as error:
            mistakes[name] = str(error)
    filters = Filters(**given)
    for first, last, what in (
        ("placed_from", "placed_until", "until"),
        ("ship_from", "ship_until", "ship_until"),
        ("total_from", "total_until", "max"),
    ):
        low, high = getattr(filters, first), getattr(filters, last)
        if low is not None and high is not None and low > high:
            mistakes[what] = "The range ends before it begins, so it has no orders."
    if not filters.currency:
        filters = _without_totals(filters, mistakes)
    return Asked(filters, mistakes)


def _without_totals(filters: Filters, mistakes: dict[str, str]) -> Filters:
    """The filters of an address without a currency."""
    for name, value in (("min", filters.total_from), ("max", filters.total_until)):
        if value is not None:
            mistakes.setdefault(name, _ONE_CURRENCY)
    if filters.sort.key == "total":
        mistakes["sort"] = _ONE_CURRENCY
        filters = replace(filters, sort=NEWEST_FIRST)
    return replace(filters, total_from=None, total_until=None)


def has_to_leave(when: ShipBy, zone: ZoneInfo, at: datetime | None = None) -> ColumnElement[bool]:
    """Whether an order is ours to ship, and has to leave by then; by the clock of the database,
    except for the day, which the zone's clock begins and ends here: the database may not know the
    zone by this name."""
    now = literal(at) if at else func.now()
    match when:
        case ShipBy.OVERDUE:
            in_time = Order.ship_by_at < now
        case ShipBy.TODAY:
            today = (at or utc_now()).astimezone(zone).date()
            in_time = and_(
                Order.ship_by_at >= _midnight(today, zone),
                Order.ship_by_at < _midnight(today + _DAY, zone),
            )
        case ShipBy.DAY:
            in_time = and_(Order.ship_by_at >= now, Order.ship_by_at < now + _DAY)
        case ShipBy.TWO_DAYS:
            in_time = and_(Order.ship_by_at >= now, Order.ship_by_at < now + 2 * _DAY)
    return and_(
        Order.status.in_(LIVE),
        Order.fulfilled_by == FulfilledBy.MERCHANT,
        Order.remote_status.in_(STILL_TO_SHIP),
        in_time,
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _is_assigned(to: Assignee) -> ColumnElement[bool]:
    """Whether an order is assigned to the reader, or to nobody."""
    assigned = select(Assignment.order_id)
    if to.word == NOBODYS.word:
        return ~assigned.where(Assignment.order_id == Order.id).exists()
    return Order.id.in_(assigned.where(Assignment.person_id == to.person_id))


def _store(text: str, stores: Mapping[str, Store]) -> Store:
    if text not in stores:
        raise Unusable("No marketplace’s orders go to this store view.")
    return stores[text]


def _text(value: object) -> str:
    return "" if value is None else str(value)


# The name in the query string, the attribute, its reader, its writer.
_FIELDS: tuple[tuple[str, str, Callable[[str], Any], Callable[[Any], str]], ...] = (
    ("status", "status", one_of(Status, f"A status is one of {', '.join(Status)}."), _text),
    ("reason", "reason", one_of(HoldCode, "There is no such reason to hold an order."), _text),
    ("all", "everything", values.flag, lambda everything: "1" if everything else ""),
    ("number", "number", values.numbers, _text),
    ("sku", "sku", str, _text),
    ("buyer", "buyer", values.buyer, ".".join),
    ("searcher", "searcher", str, str),
    ("from", "placed_from", values.day, _text),
    ("until", "placed_until", values.day, _text),
    ("min", "total_from", values.amount, _text),
    ("max", "total_until", values.amount, _text),
    (
        "channel",
        "channel",
        one_of(FulfilledBy, "A channel is FBM (you ship) or FBA (Amazon ships)."),
        _text,
    ),
    ("program", "program", values.program, _text),
    ("account", "account", str, _text),
    ("marketplace", "marketplace", values.marketplace, values.marketplace_text),
    (
        "amazon",
        "amazon_status",
        one_of(RemoteStatus, "Amazon has no such status."),
        _text,
    ),
    ("currency", "currency", values.currency, _text),
    (
        "ship_by",
        "ship_by",
        one_of(ShipBy, f"Ship-by is one of {', '.join(ShipBy)}."),
        _text,
    ),
    ("ship_from", "ship_from", values.day, _text),
    ("ship_until", "ship_until", values.day, _text),
    ("store", "store", str, lambda store: store.code if store else ""),
    ("assigned", "assigned", values.assignee, _text),
    (
        "returns",
        "returns",
        one_of(WhichReturns, f"Returns is one of {', '.join(WhichReturns)}."),
        _text,
    ),
    (
        "invoice",
        "invoice",
        one_of(WhichInvoice, f"Invoice is one of {', '.join(WhichInvoice)}."),
        _text,
    ),
    ("columns", "columns", values.columns, ",".join),
    (
        "sort",
        "sort",
        one_of(Sort.parse, "The list cannot be sorted by this."),
        lambda sort: "" if sort == NEWEST_FIRST else str(sort),
    ),
)
