"""The rows of the effect ledger, each function a transaction of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, func, or_, select, true, update

from pipeline.base.at_once import SOON_ON_DISK, Row, at_once
from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.orders.tables import Effect, EffectState

IN_DOUBT = (EffectState.INTENDED, EffectState.UNKNOWN)
# An effect that is done without an id proves nothing: the ledger looks for the result, and the
# write is made if the result is missing.
IS_UNPROVEN = and_(Effect.state == EffectState.DONE, func.coalesce(Effect.remote_id, "") == "")
IS_OPEN = or_(Effect.state != EffectState.DONE, IS_UNPROVEN)


class EffectRow(NamedTuple):
    """A write's row as the ledger decides by it."""

    id: int
    order_id: int
    kind: str
    state: str
    tries: int
    intended_at: datetime
    remote_id: str | None


_COLUMNS = ", ".join(f"e.{name}" for name in EffectRow._fields)
# Until this time the database may have lost writes for the order, which were made before its
# restore. An order that was placed later has lost none.
_FORGETS = """
WITH forgets AS (
  SELECT CASE WHEN o.purchased_at >= r.noticed_at THEN NULL ELSE r.noticed_at END AS until
    FROM orders o
    LEFT JOIN (SELECT noticed_at FROM database_restores ORDER BY id DESC LIMIT 1) r ON true
   WHERE o.id = %(order_id)s
)"""
_INTEND = f"""{_FORGETS}, e AS (
  INSERT INTO effects (order_id, key, kind, state, intended_at)
  SELECT %(order_id)s, %(key)s, %(kind)s, '{EffectState.INTENDED}', coalesce(until, %(now)s)
    FROM forgets
  ON CONFLICT (key) DO NOTHING RETURNING *
)
SELECT {_COLUMNS}, forgets.until IS NULL FROM e, forgets
"""
_FIND = f"SELECT {_COLUMNS} FROM effects e WHERE key = %(key)s"
_LOOK_UP = (
    f"{_FORGETS} SELECT forgets.until, {_COLUMNS} FROM forgets LEFT JOIN effects e ON key = %(key)s"
)
_IS_THIS_TRY = (
    "id = %(id)s AND tries = %(tries)s"
    f" AND (state <> '{EffectState.DONE}' OR coalesce(remote_id, '') = '')"
)
_INTEND_AGAIN = f"""
UPDATE effects e
   SET state = '{EffectState.INTENDED}', tries = tries + 1, intended_at = %(now)s,
       ended_at = NULL, detail = NULL
 WHERE {_IS_THIS_TRY} RETURNING {_COLUMNS}
"""
# An end that a crash of the server loses leaves the intent, and the next run looks.
_END = f"""
UPDATE effects
   SET state = %(state)s, ended_at = %(now)s, remote_id = %(remote_id)s::text,
       adopted = %(adopted)s, detail = %(detail)s::text
 WHERE {_IS_THIS_TRY} RETURNING id, {SOON_ON_DISK}
"""


def _first(sessions: Sessions, statement: str, values: Mapping[str, Any]) -> Row | None:
    return next(iter(at_once(sessions, statement, values)), None)


def intend(
    sessions: Sessions, order_id: int, key: str, kind: str, now: datetime
) -> tuple[EffectRow, bool] | None:
    """Store an intent; None when a row with this key exists. The bool says whether it is certain
    that no earlier try was made; otherwise the write counts as intended when it may have been."""
    values = {"order_id": order_id, "key": key, "kind": kind, "now": now}
    row = _first(sessions, _INTEND, values)
    return None if row is None else (EffectRow(*row[:-1]), row[-1])


def find(sessions: Sessions, key: str) -> EffectRow | None:
    """The row of the write with this key."""
    row = _first(sessions, _FIND, {"key": key})
    return None if row is None else EffectRow(*row)


def look_up(
    sessions: Sessions, order_id: int, key: str
) -> tuple[EffectRow | None, datetime | None]:
    """The row of the write with this key, and the time until which this database may have lost
    writes for the order."""
    values = {"order_id": order_id, "key": key}
    row = _first(sessions, _LOOK_UP, values)
    if row is None:
        return None, None
    return (None if row[1] is None else EffectRow(*row[1:])), row[0]


def intend_again(sessions: Sessions, effect: EffectRow, now: datetime) -> EffectRow | None:
    """Begin the next try; None when another worker has begun or ended it meanwhile."""
    values = {"id": effect.id, "tries": effect.tries, "now": now}
    row = _first(sessions, _INTEND_AGAIN, values)
    return None if row is None else EffectRow(*row)


def end(
    sessions: Sessions,
    effect: EffectRow,
    state: EffectState,
    now: datetime,
    *,
    remote_id: str | None,
    adopted: bool,
    detail: str | None,
) -> None:
    """Store how a try ended, unless a later try has begun or it was adopted meanwhile."""
    at_once(
        sessions,
        _END,
        {
            "id": effect.id,
            "tries": effect.tries,
            "state": str(state),
            "now": now,
            "remote_id": remote_id,
            "adopted": adopted,
            "detail": detail,
        },
    )


def in_doubt(sessions: Sessions, order_id: int) -> Sequence[EffectRow]:
    """The order's writes that may still take effect."""
    columns = [getattr(Effect, name) for name in EffectRow._fields]
    begun = select(*columns).where(Effect.order_id == order_id, Effect.state.in_(IN_DOUBT))
    with sessions() as session:
        return [EffectRow(*row) for row in session.execute(begun)]


def end_as_seen(sessions: Sessions, keys: Sequence[str], remote_id: str, now: datetime) -> None:
    """End the begun writes among these: the remote shows their result."""
    with sessions() as session, session.begin():
        session.execute(
            update(Effect)
            .where(among(Effect.key, keys), IS_OPEN)
            .values(
                state=EffectState.DONE, ended_at=now, remote_id=remote_id, adopted=True, detail=None
            )
        )


def give_up(sessions: Sessions, order_id: int, why: str, key: str | None, now: datetime) -> None:
    """End the order's writes in doubt, or only the write with this key, as not made."""
    with sessions() as session, session.begin():
        session.execute(
            update(Effect)
            .where(
                Effect.order_id == order_id,
                Effect.state.in_(IN_DOUBT),
                true() if key is None else Effect.key == key,
            )
            .values(state=EffectState.REFUSED, ended_at=now, detail=why)
        )
