"""How many orders there are of a kind. Nobody reads a large number to its last digit, so counting
stops at 10,000: it costs the same with a million orders."""

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
_REASONS = frozenset(HoldCode)
# Orders are counted in the order of the index that holds all that is asked for: PostgreSQL would
# rather take any other one, and look into the table for each of them.
_BY_INDEX = (Order.purchased_at, Order.id)
_HIDDEN = (not_(Order.shown),)


class Count(NamedTuple):
    """A number of orders; `is_more` says that there are more than so many."""

    number: int
    is_more: bool = False

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.is_more else ''}"


@dataclass(frozen=True, slots=True)
class Counts:
    """Orders by status, held ones by reason, and those that are hidden."""

    by_status: Mapping[Status, Count]
    by_reason: Mapping[HoldCode, Count]
    hidden: Count


def count(sessions: Sessions, filters: Filters, limit: int = COUNTED) -> Count:
    """How many orders the filters find. One query."""
    with sessions() as session:
        found = session.scalar(select(_at_most(limit, filters.conditions())))
    return _counted(found or 0, limit)


def count_hidden(sessions: Sessions, limit: int = COUNTED) -> Count:
    """How many orders are hidden, such as unpaid ones. One query."""
    with sessions() as session:
        found = session.scalar(select(_at_most(limit, _HIDDEN, *_BY_INDEX)))
    return _counted(found or 0, limit)


def counts(sessions: Sessions, *, everything: bool, limit: int = COUNTED) -> Counts:
    """The orders of every status and every reason, hidden ones included on request. Two queries.

    Beyond the limit of held orders, each reason's count is of those that were looked at.
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
    # A code that another version wrote has no place among the filters.
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
