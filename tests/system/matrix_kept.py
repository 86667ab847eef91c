"""A moment of a `World`, kept: to go back to, and to compare with another."""

from __future__ import annotations

import itertools
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select, text

from pipeline.base.db import Sessions
from pipeline.orders.package_tables import Shipment, ShipmentItem
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from pipeline.orders.tables import Order, OrderItem
from pipeline.refunds.made_at_amazon_tables import MadeAtAmazon
from sandbox.core import Store
from tests.system.matrix_world import World
from tests.tables import METADATA

# What differs by nature: how often and when somebody asked.
_BESIDE = frozenset({"faults", "calls", "nonces", "tokens", "buckets", "pages", "counters"})
_OWN = (Order, OrderItem, Shipment, ShipmentItem, RequestedShipmentRow, MadeAtAmazon)
# Numbers of rows, which go on counting from case to case.
_OWN_BESIDE = frozenset({"id", "order_id", "shipment_id", "version", "news"})
_TABLES = [one for one in METADATA.sorted_tables if one.name != "database_restores"]
_numbers = itertools.count(1)
# Times, and the code by which a shop lets a guest see his order.
_BY_CHANCE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[^\"\\]*|[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Moment:
    """All that is stored, here and at the remotes."""

    at: datetime
    remotes: Mapping[str, Path]
    rows: Mapping[str, Any]


def keep(world: World) -> Moment:
    """The world as it is now."""
    with world.sessions() as session:
        rows = {
            table.name: session.scalar(text(f'SELECT json_agg(one) FROM "{table.name}" AS one'))  # noqa: S608
            for table in _TABLES
        }
    remotes = {name: world.folder / f"{name}-{next(_numbers)}.sqlite" for name in world.stores}
    for name, store in world.stores.items():
        with closing(_connected(store)) as now, closing(sqlite3.connect(remotes[name])) as kept:
            now.backup(kept)
    return Moment(world.clock.at, remotes, rows)


def go_back(world: World, moment: Moment) -> None:
    """Have the world, which was just begun, be as it was; what Redis knew is lost."""
    world.clock.at = moment.at
    for name, store in world.stores.items():
        kept_in = moment.remotes[name]
        with closing(sqlite3.connect(kept_in)) as kept, closing(_connected(store)) as now:
            kept.backup(now)
    with world.sessions() as session, session.begin():
        # What the triggers wrote is among the rows.
        session.execute(text("SET LOCAL session_replication_role = replica"))
        for table in _TABLES:
            if moment.rows[table.name] is None:
                continue
            columns = ", ".join(f'"{one.name}"' for one in table.columns if one.computed is None)
            put = (
                f'INSERT INTO "{table.name}" ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns}'  # noqa: S608
                f' FROM json_populate_recordset(NULL::"{table.name}", :rows)'
            )
            session.execute(text(put), {"rows": json.dumps(moment.rows[table.name])})


def outcome(world: World) -> dict[str, list[str]]:
    """What is left of an order, here and at the remotes, by table; not when or how often."""
    found = {
        f"{name}.{table}": rows
        for name, store in world.stores.items()
        for table, rows in _tables(store).items()
    }
    return found | _own(world.sessions)


def differences(one: Mapping[str, list[str]], other: Mapping[str, list[str]]) -> list[str]:
    """In which tables two outcomes differ, and by how many rows; not by what, which is personal."""
    found = []
    for table in sorted(one.keys() | other.keys()):
        rows, others = Counter(one.get(table, ())), Counter(other.get(table, ()))
        less, more = (rows - others).total(), (others - rows).total()
        if less or more:
            found.append(f"{table}: {less} rows fewer, {more} more")
    return found


def _connected(store: Store) -> sqlite3.Connection:
    with store.transaction() as db:
        (file,) = [row["file"] for row in db.execute("PRAGMA database_list")]
    store.close()
    return sqlite3.connect(file, timeout=30)


def _tables(store: Store) -> dict[str, list[str]]:
    with store.transaction() as db:
        names = db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
        return {
            row["name"]: _written(
                (dict(one) for one in db.execute(f'SELECT * FROM "{row["name"]}"')),  # noqa: S608
                frozenset({"calls"}),  # a package told once more is an edit that changes nothing
            )
            for row in names.fetchall()
            if row["name"] not in _BESIDE
        }


def _own(sessions: Sessions) -> dict[str, list[str]]:
    with sessions() as session:
        return {
            f"ours.{model.__tablename__}": _written(
                (dict(row._mapping) for row in session.execute(select(model.__table__))),
                _OWN_BESIDE,
            )
            for model in _OWN
        }


def _written(rows: Iterable[dict[str, Any]], beside: frozenset[str]) -> list[str]:
    found = []
    for row in rows:
        kept = {
            key: value
            for key, value in row.items()
            if key not in beside and not key.endswith(("_at", "_until"))
        }
        found.append(_BY_CHANCE.sub("any", json.dumps(kept, default=str, sort_keys=True)))
    return sorted(found)
