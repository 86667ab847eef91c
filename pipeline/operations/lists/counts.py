"""Counts orders of a kind. Nobody reads a large number to its last digit, so counting stops at
10,000, beside each status at 5,000: the cost stays the same with a million orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, ScalarSelect, SQLColumnExpression, func, literal, not_, select

from pipeline.base.db import Sessions
from pipeline.operations.lists.filters import Filters
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Order, Status

COUNTED = 10_000
COUNTED_BY_STATUS = 5_000
_REASONS = frozenset(HoldCode)
# Counts read orders in the order of the index that covers the query: PostgreSQL would otherwise
# choose another index, and look into the table for each order.
_BY_INDEX = (Order.purchased_at, Order.id)
_HIDDEN = (not_(Order.shown),)


class Count(NamedTuple):
    """A number of orders; `is_more` says that counting stopped there."""

    number: int
    is_more: bool = False

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.is_more else ''}"


@dataclass(frozen=True, slots=True)
class Counts:
    """Orders by status, held orders by reason, and hidden orders."""

    by_status: Mapping[Status, Count]
    by_reason: Mapping[HoldCode, Count]
    hidden: Count


def count(sessions: Sessions, filters: Filters, limit: int = COUNTED) -> Count:
    """How many orders match the filters. One query."""
    with sessions() as session:
        number = session.scalar(select(_at_most(limit, filters.conditions())))
    return _counted(number or 0, limit)


def count_hidden(sessions: Sessions, limit: int = COUNTED) -> Count:
    """How many orders are hidden, such as unpaid ones. One query."""
    with sessions() as session:
        number = session.scalar(select(_at_most(limit, _HIDDEN, *_BY_INDEX)))
    return _counted(number or 0, limit)


def counts(sessions: Sessions, *, everything: bool, limit: int = COUNTED_BY_STATUS) -> Counts:
    """Orders by status and by reason, hidden orders included on request. Two queries.

    Beyond the limit of held orders, the counts by reason cover only the orders that were counted.
    """
    who = [] if everything else [Order.shown.is_(True)]
    held = (
        select(Order.hold_code)
        .where(Order.status == Status.HELD, *who)
        .order_by(Order.hold_code, *_BY_INDEX)
        .limit(limit)
        .subquery()
    )
    with sessions() as session:
        numbers = session.execute(
            select(
                _at_most(limit, _HIDDEN, *_BY_INDEX),
                *(_at_most(limit, [Order.status == status, *who], *_BY_INDEX) for status in Status),
            )
        ).one()
        hidden, *statuses = (_counted(number, limit) for number in numbers)
        by_status = dict(zip(Status, statuses, strict=True))
        reasons = session.execute(
            select(held.c.hold_code, func.count()).group_by(held.c.hold_code)
        ).all()
    is_more = by_status[Status.HELD].is_more
    # The filters do not know a code that another version stored.
    by_reason = {
        HoldCode(code): Count(number, is_more) for code, number in reasons if code in _REASONS
    }
    return Counts(by_status, by_reason, hidden)


def _at_most(
    limit: int, wanted: Sequence[ColumnElement[bool]], *order_by: SQLColumnExpression[Any]
) -> ScalarSelect[int]:
    some = select(literal(1)).select_from(Order).where(*wanted).order_by(*order_by)
    return select(func.count()).select_from(some.limit(limit + 1).subquery()).scalar_subquery()


def _counted(number: int, limit: int) -> Count:
    return Count(min(number, limit), number > limit)
