"""The orders that a person selects for a bulk act, their number and their worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import ColumnElement, Select, func, select

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.base.money import ZERO
from pipeline.operations.acts.many_orders import Act, why_not
from pipeline.operations.acts.tables import BulkAct, BulkActOrder, OrderState
from pipeline.operations.lists.causes import is_held_by, ship_by
from pipeline.operations.lists.counts import COUNTED, Count
from pipeline.operations.lists.filters import Filters
from pipeline.orders.tables import Order, Status

_PARKED = (Status.WAITING, Status.HELD)


@dataclass(frozen=True, slots=True)
class Choice:
    """Orders that match all of `conditions`, and the selection in words."""

    words: str
    conditions: Sequence[ColumnElement[bool]]
    statuses: Sequence[Status] = _PARKED

    def turns(self) -> Select[tuple[int, int]]:
        """Ids of the orders with their turns, the most urgent first: of the waiting and held
        orders, unless `statuses` are others."""
        place = func.row_number().over(order_by=(ship_by().asc().nulls_last(), Order.id))
        return select(Order.id, place).where(*self.conditions, Order.status.in_(self.statuses))


@dataclass(frozen=True, slots=True)
class Weighed:
    """The effect of an act: on `orders` orders, worth `totals` by currency. Orders passed over are
    counted by reason; those neither waiting nor held are counted up to 10,000."""

    orders: int
    totals: Mapping[str, Decimal]
    passed_over: Mapping[str, Count]


def those_of(filters: Filters) -> Choice:
    """All orders that the list shows with these filters, on all its pages."""
    chosen = {
        **filters.query(),
        **dict.fromkeys(("sort", "columns"), ""),
        "all": "with hidden orders" if filters.everything else "",
    }
    if filters.reason:
        chosen["reason"] = filters.reason.replace("_", " ")
    if filters.buyer:
        chosen["buyer"] = "that was searched for"  # hashes mean nothing to a person
    words = [text if name == "all" else f"{name} {text}" for name, text in chosen.items() if text]
    return Choice(", ".join(words) or "all orders of the list", filters.conditions())


def these(order_ids: Sequence[int]) -> Choice:
    """The orders that a person ticked."""
    words = "1 selected order" if len(order_ids) == 1 else f"{len(order_ids)} selected orders"
    return Choice(words, [among(Order.id, order_ids)])


def held_by(code: str, fact: str) -> Choice:
    """The orders that a cause holds."""
    words = f"held by {code.replace('_', ' ')}" + (f": {fact}" if fact else "")
    return Choice(words, [is_held_by(code, fact)])


def dismissed_by(sessions: Sessions, act_id: int) -> Choice | None:
    """The orders that a bulk act has dismissed and nobody has resumed since; None when no bulk act
    with this id dismisses orders."""
    with sessions() as session:
        act = session.get(BulkAct, act_id)
    if act is None or act.act != Act.DISMISS:
        return None
    rows = select(BulkActOrder.order_id).where(
        BulkActOrder.act_id == act_id, BulkActOrder.state == OrderState.DONE
    )
    # An order that was resumed, and dismissed once more by itself, stays dismissed.
    at = [Order.dismissed_at >= act.asked_at]
    if act.ended_at is not None:
        at.append(Order.dismissed_at <= act.ended_at)
    words = f"ignored by bulk job {act_id}"
    return Choice(words, [Order.id.in_(rows), *at], (Status.DONE,))


def weigh(sessions: Sessions, act: Act, choice: Choice) -> Weighed:
    """Compute the effect of an act. Two queries."""
    refusal = why_not(act).label("refusal")
    parked = (
        select(
            refusal,
            func.coalesce(Order.currency, "").label("currency"),
            func.count().label("orders"),
            func.coalesce(func.sum(Order.grand_total), ZERO).label("total"),
        )
        .where(*choice.conditions, Order.status.in_(choice.statuses))
        .group_by("refusal", "currency")
        .order_by("currency")
    )
    others = (
        select(refusal)
        .where(*choice.conditions, Order.status.not_in(choice.statuses))
        .limit(COUNTED + 1)
        .subquery()
    )
    orders = 0
    totals: dict[str, Decimal] = {}
    passed_over: dict[str, Count] = {}
    with sessions() as session:
        for row in session.execute(parked):
            if row.refusal is not None:
                known = passed_over.get(row.refusal, Count(0))
                passed_over[row.refusal] = Count(known.number + row.orders)
                continue
            orders += row.orders
            if row.currency:
                totals[row.currency] = row.total
        refusals = session.execute(
            select(others.c.refusal, func.count()).group_by(others.c.refusal)
        ).all()
    is_more = sum(number for _, number in refusals) > COUNTED
    passed_over |= {why: Count(number, is_more) for why, number in refusals}
    return Weighed(orders, totals, passed_over)
