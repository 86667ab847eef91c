"""Buyers' returns: those of an order, and those that arrived and are not refunded.

A refund is known from Amazon's report, whose amount may lag, from Amazon's transactions, and from
the shop's credit memos. A transaction or a memo counts for a return of a SKU that it names, or, if
it names none, for each return of its order; one from before the request does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Date, Select, and_, cast, exists, func, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONPATH

from pipeline.base.db import Sessions
from pipeline.finances.order_money import REFUNDS
from pipeline.finances.tables import TransactionRow
from pipeline.intake.tables import Refund, Watermark
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.tables import Order
from pipeline.returns.deadline import days_left, refund_by
from pipeline.returns.tables import Return

MOST = 200
ARRIVED_WITHIN = timedelta(days=60)
"""An older return is decided one way or the other: Amazon would have refunded it long ago."""

AMAZON_SHOWS_WITHIN = timedelta(days=3)
"""Amazon shows a transaction up to 48 hours late."""
_WITH_SKU = "$.*.sku ? (@ == $sku)"
_OF_SKU = "$[*][0] ? (@ == $sku)"


class WhichReturns(StrEnum):
    """Which returns an order has."""

    ANY = "any"
    UNREFUNDED = "unrefunded"


@dataclass(frozen=True, slots=True)
class Returned:
    """A line of a return, and its order, if that is here."""

    id: int
    order_id: int | None
    magento_increment_id: str | None
    account: str
    external_id: str
    fulfilled_by: str
    reference: str
    merchant_rma: str
    sku: str
    asin: str
    quantity: int
    reason: str
    status: str
    disposition: str
    resolution: str
    label_payer: str
    is_a_to_z: bool
    requested_on: date | None
    arrived_on: date | None
    refunded_total: Decimal | None
    currency: str
    gone_at: datetime | None
    is_refunded: bool

    @property
    def refund_by(self) -> date | None:
        """The last day to refund it, while that is the seller's to do."""
        if self.arrived_on is None or self.is_refunded or self.fulfilled_by == FulfilledBy.AMAZON:
            return None
        return refund_by(self.arrived_on)

    def days_left(self, today: date) -> int | None:
        """The business days until then, negative once it has passed."""
        if self.arrived_on is None or self.refund_by is None:
            return None
        return days_left(self.arrived_on, today)


def returns_of(sessions: Sessions, order: Order) -> list[Returned]:
    """The returns of an order, the first request first. One query."""
    is_its = and_(Return.account == order.account, Return.external_id == order.external_id)
    return _read(sessions, _rows().where(is_its).order_by(Return.requested_on, Return.id))


def unrefunded(sessions: Sessions, now: datetime, most: int | None = MOST) -> list[Returned]:
    """The returns to refund, those that arrived first before the others. One query."""
    query = _rows().where(*_is_open(now)).order_by(Return.arrived_on, Return.id)
    return _read(sessions, query.limit(most))


def latest(sessions: Sessions, now: datetime, most: int | None = MOST) -> list[Returned]:
    """All returns of the last 60 days, the newest first. One query."""
    since = (now - ARRIVED_WITHIN).date()
    when = func.coalesce(Return.requested_on, Return.arrived_on)
    return _read(
        sessions, _rows().where(when >= since).order_by(when.desc(), Return.id.desc()).limit(most)
    )


def to_refund(now: datetime) -> Select[Any]:
    """The ids of the returns that arrived within 60 days and are not refunded."""
    return select(Return.id).outerjoin_from(Return, Order, _is_of_order()).where(*_is_open(now))


def has_return(which: WhichReturns) -> ColumnElement[bool]:
    """Whether an order has such a return; by the clock of the database."""
    its = exists().where(_is_of_order())
    if which is WhichReturns.ANY:
        return its
    return its.where(_is_due(func.current_date()), ~_is_refunded())


def _is_open(now: datetime) -> tuple[ColumnElement[bool], ...]:
    today = literal(now.date(), Date)
    return _is_due(today), ~_is_refunded()


def _is_due(today: ColumnElement[date]) -> ColumnElement[bool]:
    """Whether a return arrived within 60 days, and should be refunded by now if Amazon does it.

    What Amazon ships, Amazon refunds: that shows in the transactions alone, where they are read.
    """
    reads_money = exists().where(Watermark.name == func.concat("finances:", Return.account))
    return and_(
        Return.arrived_on >= today - ARRIVED_WITHIN.days,
        or_(
            Return.fulfilled_by == FulfilledBy.MERCHANT,
            and_(Return.arrived_on <= today - AMAZON_SHOWS_WITHIN.days, reads_money),
        ),
    )


def _is_of_order() -> ColumnElement[bool]:
    return and_(Order.account == Return.account, Order.external_id == Return.external_id)


def _is_refunded() -> ColumnElement[bool]:
    asked_on = func.coalesce(Return.requested_on, Return.arrived_on - ARRIVED_WITHIN.days)
    names_it = func.jsonb_path_exists(
        Refund.lines, cast(_WITH_SKU, JSONPATH), func.jsonb_build_object("sku", Return.sku)
    )
    by_memo = exists().where(
        Refund.order_id == Order.id,
        cast(func.timezone("UTC", Refund.refunded_at), Date) >= asked_on,
        or_(Refund.lines == {}, names_it),
    )
    has_sku = func.jsonb_path_exists(
        TransactionRow.items, cast(_OF_SKU, JSONPATH), func.jsonb_build_object("sku", Return.sku)
    )
    by_transaction = exists().where(
        TransactionRow.account == Return.account,
        TransactionRow.external_id == Return.external_id,
        func.lower(TransactionRow.kind).in_(REFUNDS),
        TransactionRow.is_counted,
        cast(func.timezone("UTC", TransactionRow.posted_at), Date) >= asked_on,
        or_(TransactionRow.items == [], has_sku),
    )
    return or_(func.coalesce(Return.refunded_total, 0) > 0, by_memo, by_transaction)


def _rows() -> Select[Any]:
    own = [
        getattr(Return, name)
        for name in Returned.__dataclass_fields__
        if name not in ("order_id", "magento_increment_id", "is_refunded")
    ]
    return select(
        *own,
        Order.id.label("order_id"),
        Order.magento_increment_id,
        _is_refunded().label("is_refunded"),
    ).outerjoin_from(Return, Order, _is_of_order())


def _read(sessions: Sessions, query: Select[Any]) -> list[Returned]:
    with sessions() as session:
        return [Returned(**row._mapping) for row in session.execute(query)]
