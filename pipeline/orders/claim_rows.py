"""Claims an order and reads all that its step needs, in a single statement.

It waits for the disk: a claim that a crash of the server lost would leave two workers with the same
version of the order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import DateTime, Numeric
from sqlalchemy.orm import make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.types import TypeEngine

from pipeline.base.at_once import at_once
from pipeline.base.db import Sessions
from pipeline.base.tables import Base
from pipeline.orders.package_tables import Shipment, ShipmentItem
from pipeline.orders.requested_shipment import STANDING, RequestedShipment
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from pipeline.orders.tables import LIVE, Order, OrderItem, Status

Columns = Mapping[str, Callable[[Any], Any] | None]
"""The columns of a table, each with what makes its value of its JSON."""


def _columns(model: type[Base]) -> Columns:
    return {column.name: _reader(column.type) for column in model.__table__.c}


def _reader(kind: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    """Makes a column's value of its JSON, where that is something else."""
    if isinstance(kind, Numeric):
        return Decimal
    return datetime.fromisoformat if isinstance(kind, DateTime) else None


_ORDER, _ITEM = _columns(Order), _columns(OrderItem)
_SHIPMENT, _CONTENT = _columns(Shipment), _columns(ShipmentItem)
_REQUEST_COLUMNS = (
    *("id", "carrier_code", "carrier_title", "tracking_number"),
    *("state", "magento_shipment_id", "why", "units"),
)


def _as_json(alias: str, columns: Columns, *more: str) -> str:
    """An SQL expression for a row as a JSON array; amounts as text, so that they stay exact."""
    values = [
        f"{alias}.{name}{'::text' if reader is Decimal else ''}" for name, reader in columns.items()
    ]
    return f"json_build_array({', '.join([*values, *more])})"


def _among(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)


_CONTENTS = f"""(SELECT json_agg({_as_json("c", _CONTENT)} ORDER BY c.magento_item_id)
   FROM shipment_items c WHERE c.shipment_id = p.id)"""
_PARTS = f"""
s.wrapped_key, s.sealed, s.correction,
(SELECT json_agg({_as_json("i", _ITEM)} ORDER BY i.id)
   FROM order_items i WHERE i.order_id = %(order_id)s),
(SELECT json_agg({_as_json("p", _SHIPMENT, _CONTENTS)} ORDER BY p.id)
   FROM shipments p WHERE p.order_id = %(order_id)s),
(SELECT json_agg(json_build_array({", ".join(f"r.{name}" for name in _REQUEST_COLUMNS)})
                 ORDER BY r.id)
   FROM {RequestedShipmentRow.__tablename__} r
  WHERE r.order_id = %(order_id)s AND r.state IN ({_among(STANDING)}))
"""
_CLAIM = f"""
WITH before AS (
  SELECT news, version FROM orders WHERE id = %(order_id)s
), claimed AS (
  UPDATE orders o
     SET status = '{Status.RUNNING}', tries = tries + 1, unfinished = unfinished + 1,
         due_at = %(taken_over_at)s, sent_at = NULL,
         version = version + 1
   WHERE id = %(order_id)s AND step = %(step)s AND status IN ({_among(LIVE)})
     AND NOT (status IN ('{Status.WAITING}', '{Status.HELD}')
              AND coalesce(due_at > %(now)s, false))
  RETURNING *
), begun AS (
  INSERT INTO attempts (order_id, step, task_id, worker, started_at)
  SELECT id, step, %(task_id)s, %(worker)s, %(now)s FROM claimed
  RETURNING id
)
SELECT begun.id,
       claimed.news IS DISTINCT FROM before.news
         OR claimed.version IS DISTINCT FROM before.version + 1,
       {_as_json("claimed", _ORDER)},
       {_PARTS},
       EXISTS (SELECT FROM effects e WHERE e.order_id = claimed.id)
         OR NOT coalesce(claimed.purchased_at >= (
              SELECT noticed_at FROM database_restores ORDER BY id DESC LIMIT 1), false)
  FROM claimed CROSS JOIN begun LEFT JOIN before ON true
  LEFT JOIN order_private s ON s.order_id = claimed.id
"""
_READ_AGAIN = f"""
SELECT {_PARTS}
  FROM orders LEFT JOIN order_private s ON s.order_id = orders.id WHERE orders.id = %(order_id)s
"""


class Claimed(NamedTuple):
    """A claimed order, detached; its attempt; and its sealed data: wrapped key, report, correction.

    `requested` are the shipments that a person asked for and that may still be made.
    """

    order: Order
    attempt_id: int
    sealed: tuple[bytes | None, bytes | None, bytes | None]
    requested: Sequence[RequestedShipment]


def claim(
    sessions: Sessions,
    order_id: int,
    step: str,
    *,
    task_id: str,
    worker: str,
    now: datetime,
    lost_after: timedelta,
) -> Claimed | None:
    """Take the order for a run of `step`; None when the step cannot run now."""
    rows = at_once(
        sessions,
        _CLAIM,
        {
            "order_id": order_id,
            "step": step,
            "task_id": task_id,
            "worker": worker,
            "now": now,
            "taken_over_at": now + lost_after,
        },
    )
    if not rows:
        return None
    [(attempt_id, has_changed, own, *parts, may_have_writes)] = rows
    if has_changed:
        # The statement waited for another one to end, and read what had been there before it.
        [(*parts,)] = at_once(sessions, _READ_AGAIN, {"order_id": order_id})
    wrapped_key, sealed, correction, items, shipments, requested = parts
    order = Order()
    order.__dict__.update(_from_json(_ORDER, own))
    order.known_writes = None if may_have_writes or has_changed else set()
    set_committed_value(order, "items", [_item(values) for values in items or ()])
    set_committed_value(order, "shipments", [_shipment(values) for values in shipments or ()])
    make_transient_to_detached(order)
    return Claimed(
        order,
        attempt_id,
        (wrapped_key, sealed, correction),
        [RequestedShipment(*values) for values in requested or ()],
    )


def _item(values: Sequence[Any]) -> OrderItem:
    item = OrderItem()
    item.__dict__.update(_from_json(_ITEM, values))
    make_transient_to_detached(item)
    return item


def _shipment(values: Sequence[Any]) -> Shipment:
    *own, contents = values
    shipment = Shipment()
    shipment.__dict__.update(_from_json(_SHIPMENT, own))
    set_committed_value(shipment, "items", [_content(each) for each in contents or ()])
    make_transient_to_detached(shipment)
    return shipment


def _content(values: Sequence[Any]) -> ShipmentItem:
    content = ShipmentItem()
    content.__dict__.update(_from_json(_CONTENT, values))
    make_transient_to_detached(content)
    return content


def _from_json(columns: Columns, values: Sequence[Any]) -> dict[str, Any]:
    return {
        name: value if reader is None or value is None else reader(value)
        for (name, reader), value in zip(columns.items(), values, strict=True)
    }
