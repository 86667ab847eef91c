"""Previews the effect of a changed setting on the orders of the last 30 days.

It reads only the orders' rows: no remote is asked and no buyer's data is opened. The database
counts, so the work does not grow with each order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from pipeline.base.money import ZERO
from pipeline.operations.preview.setting_rules import DECIDED_BY_TABLE, RULES, Rule
from pipeline.orders.channel_order import NON_AMAZON, FulfilledBy
from pipeline.orders.decision import Case, Decision
from pipeline.orders.decision_table import decide
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import LIVE, Order
from pipeline.settings.model import Settings
from pipeline.settings.overrides import CHANGEABLE, NotChangeable, SettingOverride, overlaid, turns

WINDOW = timedelta(days=30)
TRIABLE = tuple(dict.fromkeys((*DECIDED_BY_TABLE, *CHANGEABLE)))
"""The settings with a preview; some can be set in the file only."""
_EXAMPLES = 10


@dataclass(slots=True)
class Change:
    """Orders with the same change. `under_way` counts those that an override still affects,
    `totals` is their worth by currency, `examples` are ids and numbers of the latest."""

    what: str
    orders: int = 0
    under_way: int = 0
    totals: dict[str, Decimal] = field(default_factory=dict)
    examples: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Preview:
    """The effect of an override. `before` and `after` are the values in force at its place.

    `looked_at` counts the orders whose marketplace would get another value; `rests_on` names the
    data behind the counts, `unknown` what the data cannot show, `held_as` the hold code of the
    orders that would continue.
    """

    turn: SettingOverride
    before: object
    after: object
    since: datetime
    looked_at: int
    changes: Sequence[Change]
    rests_on: str
    unknown: str
    held_as: HoldCode | None


def preview(session: Session, settings: Settings, turn: SettingOverride, now: datetime) -> Preview:
    """Preview an override over `settings`, the file's.

    Raises NotChangeable where no stored data shows the effect.
    """
    if turn.name not in TRIABLE:
        raise NotChangeable(
            f"the stored data does not show what {turn.name} would change. These settings can be "
            f"tried: {', '.join(TRIABLE)}"
        )
    turned = turns(session)
    others = [override for override in turned if not turn.is_of(override)]
    old = overlaid(settings, turned)
    new = overlaid(settings, others if turn.value is None else [*others, turn])
    where = [Order.account == turn.account, Order.purchased_at >= now - WINDOW]
    if turn.marketplace_id is not None:
        where.append(Order.marketplace_id == turn.marketplace_id)
    met = session.execute(
        select(Order.marketplace_id, func.count()).where(*where).group_by(Order.marketplace_id)
    ).all()

    def values(counts: Settings) -> dict[str, object]:
        asked = (turn.marketplace_id or "", *(marketplace_id for marketplace_id, _ in met))
        return {
            marketplace_id: getattr(counts.for_order(turn.account, marketplace_id), turn.name)
            for marketplace_id in asked
        }

    before, after = values(old), values(new)
    other = {
        marketplace_id
        for marketplace_id, _ in met
        if before[marketplace_id] != after[marketplace_id]
    }
    where.append(Order.marketplace_id.in_(sorted(other)))
    if turn.name in DECIDED_BY_TABLE:
        rests_on, unknown = DECIDED_BY_TABLE[turn.name]
        changes, held_as = _decided_otherwise(session, turn.account, where, old, new), None
    else:
        place = turn.marketplace_id or ""
        becoming = {after[place], *(after[marketplace_id] for marketplace_id in other)}
        rules = [rule for rule in RULES if rule.name == turn.name and rule.value in becoming]
        changes = []
        for rule in rules:
            so = [
                marketplace_id
                for marketplace_id in sorted(other)
                if after[marketplace_id] == rule.value
            ]
            changes += _counted(session, rule, [*where, Order.marketplace_id.in_(so)])
        rests_on = " ".join(rule.rests_on for rule in rules)
        unknown = " ".join(rule.unknown for rule in rules if rule.unknown)
        held_as = next((rule.held_as for rule in rules if rule.held_as), None)
    return Preview(
        turn=turn,
        before=before[turn.marketplace_id or ""],
        after=after[turn.marketplace_id or ""],
        since=now - WINDOW,
        looked_at=sum(count for marketplace_id, count in met if marketplace_id in other),
        changes=changes,
        rests_on=rests_on,
        unknown=unknown,
        held_as=held_as,
    )


def _counted(
    session: Session, rule: Rule, where: Sequence[ColumnElement[bool]]
) -> Iterator[Change]:
    change = Change(rule.what)
    for row in session.execute(_grouped().where(*where, rule.condition)):
        _add(change, row)
    if change.orders:
        yield change


def _decided_otherwise(
    session: Session,
    account: str,
    where: Sequence[ColumnElement[bool]],
    old: Settings,
    new: Settings,
) -> list[Change]:
    """Ask the decision table once for all orders with the same inputs."""
    looks = (
        Order.marketplace_id,
        Order.fulfilled_by,
        Order.remote_status,
        Order.magento_order_id.is_not(None).label("is_ours"),
        Order.programs,
        Order.facts["channel"].astext.label("channel"),
    )
    changes: dict[tuple[str, str], Change] = {}
    for row in session.execute(_grouped(*looks).where(*where)):
        was, would_be = (_decision(row, counts, account) for counts in (old, new))
        if was.row != would_be.row:
            what = f"{was.row} ({was.next}) → {would_be.row} ({would_be.next})"
            _add(changes.setdefault((was.row, would_be.row), Change(what)), row)
    return sorted(changes.values(), key=lambda change: (-change.orders, change.what))


def _decision(row: Row[Any], counts: Settings, account: str) -> Decision:
    return decide(
        Case(
            FulfilledBy(row.fulfilled_by),
            row.remote_status,
            counts.for_order(account, row.marketplace_id),
            is_ours=row.is_ours,
            is_known=True,
            programs=frozenset(row.programs),
            is_from_elsewhere=row.channel == NON_AMAZON,
        )
    )


def _grouped(*looks: Any) -> Select[Any]:
    """Orders grouped by the table's inputs, with each group's worth and latest orders."""
    ids = aggregate_order_by(Order.id, Order.id.desc())
    numbers = aggregate_order_by(Order.external_id, Order.id.desc())
    return select(
        *looks,
        Order.currency,
        func.count().label("orders"),
        func.count().filter(Order.status.in_(LIVE)).label("under_way"),
        func.coalesce(func.sum(Order.grand_total), ZERO).label("total"),
        func.array_agg(ids)[1:_EXAMPLES].label("ids"),
        func.array_agg(numbers)[1:_EXAMPLES].label("numbers"),
    ).group_by(*looks, Order.currency)


def _add(change: Change, row: Row[Any]) -> None:
    change.orders += row.orders
    change.under_way += row.under_way
    if row.currency is not None:
        change.totals[row.currency] = change.totals.get(row.currency, ZERO) + row.total
    examples = [*change.examples, *zip(row.ids, row.numbers, strict=True)]
    change.examples = sorted(examples, reverse=True)[:_EXAMPLES]
