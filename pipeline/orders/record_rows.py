"""Records the end of a run: facts, attempt and next state of an order, in a single statement.

If a crash of the server loses it, the step runs again, and the ledger tells what it has written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnDefault, ColumnElement
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm.attributes import instance_state

from pipeline.base.at_once import SOON_ON_DISK, at_once
from pipeline.base.db import Sessions
from pipeline.base.tables import Base
from pipeline.orders.attempts import AttemptEnd
from pipeline.orders.package_tables import Shipment
from pipeline.orders.requested_shipment import STANDING, RequestState
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from pipeline.orders.states import REPEATABLE
from pipeline.orders.tables import LIVE, Order, OrderItem, Status


def _types(model: type[Base]) -> dict[str, str]:
    """The SQL type of each column of a model's table."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return {column.name: column.type.compile(dialect) for column in model.__table__.c}


_ORDER_TYPES, _ITEM_TYPES, _SHIPMENT_TYPES = _types(Order), _types(OrderItem), _types(Shipment)
_NOT_GIVEN = frozenset({"id", "order_id", "updated_at", "version"})


class Recording(NamedTuple):
    """What is recorded. `due_if_news` is when the order is due if it has news that came during the
    run; None for an order that proceeds or ends anyway. `news` are those that the run knew of."""

    order: Order
    end: AttemptEnd
    attempt_id: int
    news: int
    due_if_news: datetime | None


def record(sessions: Sessions, recording: Recording) -> bool:
    """Store the run's end; False, and nothing is stored, when another worker has claimed the order
    meanwhile."""
    order, end = recording.order, recording.end
    values: dict[str, Any] = {
        "order_id": order.id,
        "known_version": order.version,
        "attempt_id": recording.attempt_id,
        **end._asdict(),
    }
    parts = [*_of_items(order, values), *_of_shipments(order, values)]
    parts.insert(0, _of_order(recording, values, has_parts=bool(parts)))
    parts.append(_of_attempt(end))
    parts += _of_requests(order, values)
    statement = f"WITH {', '.join(parts)} SELECT news, {SOON_ON_DISK} FROM recorded"
    rows = at_once(sessions, statement, values)
    if rows and order.status not in LIVE and rows[0][0] != recording.news:
        # The statement may have waited for a request, which its own snapshot does not show.
        at_once(sessions, _END_REQUESTS, values)
    return bool(rows)


def _changed(instance: object) -> dict[str, Any]:
    """The columns of a row that differ from what was read."""
    own = instance.__dict__
    return {
        name: own[name]
        for name, before in instance_state(instance).committed_state.items()
        if name in own and own[name] != before
    }


def _of_order(recording: Recording, values: dict[str, Any], *, has_parts: bool) -> str:
    order = recording.order
    changed = {
        name: value
        for name, value in _changed(order).items()
        if name in _ORDER_TYPES and name not in _NOT_GIVEN
    }
    if recording.due_if_news is not None:
        changed["due_at"] = order.due_at
    # The sweep may have sent the order meanwhile, which must not delay its next sending.
    changed["sent_at"] = None
    settings = []
    for name in sorted(changed):
        values[f"set_{name}"] = _plain(changed[name], _ORDER_TYPES[name])
        value = f"%(set_{name})s::{_ORDER_TYPES[name]}"
        if name == "due_at" and recording.due_if_news is not None:
            # News either count here, or come after this and see the order waiting or held.
            value = f"CASE WHEN news = %(known_news)s THEN {value} ELSE %(due_if_news)s END"
            values |= {"known_news": recording.news, "due_if_news": recording.due_if_news}
        settings.append(f"{name} = {value}")
    if has_parts or not _is_a_mere_look(order, changed):
        settings.append("updated_at = now()")
    return f"""recorded AS (
  UPDATE orders SET {", ".join(settings)}, version = version + 1
   WHERE id = %(order_id)s AND version = %(known_version)s RETURNING id, news)"""


# A run changes these in any case.
_OF_EVERY_RUN = frozenset({"status", "due_at", "sent_at", "tries", "unfinished"})


def _is_a_mere_look(order: Order, changed: Mapping[str, Any]) -> bool:
    """Whether the run found the order as the run before it left it: it waits or is held as before.

    Its time of last change stays, so that the list sorted by it shows what has news.
    """
    is_parked = order.status in (Status.WAITING, Status.HELD)
    return is_parked and not order.tries and changed.keys() <= _OF_EVERY_RUN


def _of_items(order: Order, values: dict[str, Any]) -> Sequence[str]:
    """The new and the changed lines."""
    changed: dict[str, None] = {}
    rows = []
    for item in order.items:
        is_new, differing = instance_state(item).key is None, _changed(item)
        if is_new or differing:
            rows.append(_row(item))
        if not is_new:
            changed |= dict.fromkeys(differing)
    if not rows:
        return ()
    values["items"] = json.dumps(rows)
    names = [name for name in _ITEM_TYPES if name not in _NOT_GIVEN]
    then = "NOTHING"
    if changed:
        then = f"UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in sorted(changed))}"
    return (
        f"""items AS (
  INSERT INTO order_items (order_id, {", ".join(names)})
  SELECT recorded.id, {", ".join(f"i.{name}" for name in names)}
    FROM recorded, {_table("items", "i", _ITEM_TYPES, names)}
  ON CONFLICT (order_id, external_item_id) DO {then})""",
    )


def _of_shipments(order: Order, values: dict[str, Any]) -> Sequence[str]:
    """The changed packages; a step never makes one."""
    changed: dict[str, None] = {}
    rows = []
    for shipment in order.shipments:
        if differing := _changed(shipment):
            changed |= dict.fromkeys(differing)
            rows.append(_row(shipment) | {"changed": sorted(differing)})
    if not rows:
        return ()
    values["packages"] = json.dumps(rows)
    names = ["id", *sorted(changed), "changed"]
    settings = (
        f"{name} = CASE WHEN '{name}' = ANY(p.changed) THEN p.{name} ELSE shipments.{name} END"
        for name in sorted(changed)
    )
    return (
        f"""packages AS (
  UPDATE shipments SET {", ".join(settings)}
    FROM recorded, {_table("packages", "p", {**_SHIPMENT_TYPES, "changed": "TEXT[]"}, names)}
   WHERE shipments.id = p.id)""",
    )


def _table(name: str, alias: str, types: Mapping[str, str], names: Iterable[str]) -> str:
    columns = ", ".join(f"{each} {types[each]}" for each in names)
    return f"jsonb_to_recordset(%({name})s::jsonb) AS {alias}({columns})"


_SAME = """same AS (
  DELETE FROM attempts older USING attempts mine, recorded
   WHERE mine.id = %(attempt_id)s AND mine.ended_at IS NULL
     AND older.id = (SELECT max(id) FROM attempts
                      WHERE order_id = %(order_id)s AND id < %(attempt_id)s)
     AND older.ended_at IS NOT NULL AND older.step = mine.step AND older.outcome = %(outcome)s
     AND older.code IS NOT DISTINCT FROM %(code)s::text
     AND older.detail IS NOT DISTINCT FROM %(detail)s::text
  RETURNING older.times, coalesce(older.first_at, older.started_at) AS first_at), """
_REPEATED = """,
         times = 1 + coalesce((SELECT times FROM same), 0),
         first_at = (SELECT first_at FROM same)"""


def _of_attempt(end: AttemptEnd) -> str:
    """The attempt's end. A run that ended like the attempt before it replaces that attempt, so an
    order that waits for a year keeps a single row; any attempt between the two keeps both."""
    is_repeatable = end.outcome in REPEATABLE
    return f"""{_SAME if is_repeatable else ""}ended AS (
  UPDATE attempts
     SET ended_at = %(ended_at)s, outcome = %(outcome)s, code = %(code)s::text,
         detail = %(detail)s::text, request_id = %(request_id)s::text
         {_REPEATED if is_repeatable else ""}
    FROM recorded WHERE attempts.id = %(attempt_id)s AND attempts.ended_at IS NULL)"""


_REQUESTS = RequestedShipmentRow.__tablename__
_STANDS = f"state IN ({', '.join(repr(str(state)) for state in STANDING)})"

_RESULT_TYPES = {
    "id": "BIGINT",
    "state": "TEXT",
    "why": "TEXT",
    "stands": "BOOLEAN",
    "shipment": "BIGINT",
}
_END_REQUESTS = f"""
UPDATE {_REQUESTS} SET state = '{RequestState.ENDED}', why = %(why_ended)s, carrier_title = ''
 WHERE order_id = %(order_id)s AND {_STANDS} RETURNING id
"""


def _of_requests(order: Order, values: dict[str, Any]) -> Sequence[str]:
    """What became of the requested shipments; an order that ends makes no more of them."""
    parts = []
    known, has_ended = order.requested_shipments, order.status not in LIVE
    why_ended = order.last_note or "the order has ended"
    if known:
        results = []
        for each in known:
            ends_too = has_ended and each.state in STANDING
            results.append(
                {
                    "id": each.id,
                    "state": str(RequestState.ENDED if ends_too else each.state),
                    "stands": each.state in STANDING and not ends_too,
                    "shipment": each.magento_shipment_id,
                    "why": why_ended if ends_too else each.why,
                }
            )
        values["known_requests"] = json.dumps(results)
        parts.append(f"""request AS (
  UPDATE {_REQUESTS} r SET state = k.state, why = k.why,
         carrier_title = CASE WHEN k.stands THEN r.carrier_title ELSE '' END,
         magento_shipment_id = k.shipment
    FROM recorded, {_table("known_requests", "k", _RESULT_TYPES, _RESULT_TYPES)}
   WHERE r.id = k.id AND r.{_STANDS})""")
    if has_ended:
        values |= {"why_ended": why_ended, "known_ids": [each.id for each in known]}
        parts.append(f"""requests AS (
  UPDATE {_REQUESTS} r SET state = '{RequestState.ENDED}', why = %(why_ended)s,
         carrier_title = ''
    FROM recorded WHERE r.order_id = recorded.id AND r.{_STANDS}
     AND r.id <> ALL(%(known_ids)s::bigint[]))""")
    return parts


def _row(instance: Base) -> dict[str, Any]:
    """The columns of a row as JSON; a new row gets the defaults of columns without a value."""
    own = instance.__dict__
    return {
        column.name: _in_json(own[column.name] if column.name in own else _default(column))
        for column in instance.__table__.c
    }


def _default(column: ColumnElement[Any]) -> Any:
    default = column.default if isinstance(column, Column) else None
    if not isinstance(default, ColumnDefault):
        return None
    return default.arg(None) if default.is_callable else default.arg


def _in_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _plain(value: Any, kind: str) -> Any:
    """The value as the driver takes it."""
    if value is not None and kind == JSONB.__visit_name__:
        return json.dumps(value)
    return value.value if isinstance(value, Enum) else value
