"""searchCriteria: from the query string to SQL."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from sandbox.magento.errors import Refused, internal_error, required, wrong_type
from sandbox.magento.shop import Doc, as_stamp

_COMPARISONS = {
    "eq": "=", "neq": "<>", "gt": ">", "gteq": ">=", "moreq": ">=", "from": ">=",
    "lt": "<", "lteq": "<=", "to": "<=", "like": "LIKE", "nlike": "NOT LIKE",
}  # fmt: skip


@dataclass(frozen=True)
class Filter:
    field: str
    value: str
    condition: str


@dataclass
class Criteria:
    """What a list route was asked for."""

    groups: list[list[Filter]] = field(default_factory=list)
    sorts: list[tuple[str, str]] = field(default_factory=list)
    page_size: int | None = None
    page: int | None = None

    def echo(self) -> Doc:
        """The criteria as the answer repeats them."""
        shown: Doc = {
            "filter_groups": [
                {
                    "filters": [
                        {"field": f.field, "value": f.value, "condition_type": f.condition}
                        for f in group
                    ]
                }
                for group in self.groups
            ]
        }
        if self.sorts:
            shown["sort_orders"] = [{"field": f, "direction": d} for f, d in self.sorts]
        if self.page_size is not None:
            shown["page_size"] = self.page_size
        if self.page is not None:
            shown["current_page"] = self.page
        return shown


@dataclass(frozen=True)
class Column:
    """How SQL reaches a field, and whether it compares as a number."""

    sql: str
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    """Where a list route looks: FROM clause, what to select, the unique key, its fields."""

    source: str
    select: str
    key: str
    column: Callable[[str], Column | None]

    def find(self, db: sqlite3.Connection, criteria: Criteria) -> tuple[list[sqlite3.Row], int]:
        """The rows of the page asked for, and how many rows match in all."""
        where, values = "1", []
        for group in criteria.groups:
            clauses = []
            for entry in group:
                clause, bound = _clause(self._known(entry.field), entry)
                clauses.append(clause)
                values += bound
            where += f" AND ({' OR '.join(clauses) or '1'})"
        order = "".join(f"{self._known(f).sql} {d}, " for f, d in criteria.sorts)
        total = db.execute(
            f"SELECT count(*) FROM {self.source} WHERE {where}",  # noqa: S608
            values,
        ).fetchone()[0]
        limit = ""
        if criteria.page_size and criteria.page_size > 0:
            offset = criteria.page_size * (max(criteria.page or 1, 1) - 1)
            limit = f" LIMIT {criteria.page_size} OFFSET {offset}"
        rows = db.execute(
            f"SELECT {self.select} FROM {self.source} WHERE {where}"  # noqa: S608
            f" ORDER BY {order}{self.key}{limit}",
            values,
        ).fetchall()
        return rows, int(total)

    def _known(self, name: str) -> Column:
        column = self.column(name) if re.fullmatch(r"\w+", name) else None
        if column is None:
            raise internal_error()
        return column


def read_criteria(
    query: bytes, default_size: int | None = None, largest_size: int | None = None
) -> Criteria:
    """Parse a query string; a list route without any searchCriteria is refused with 400.

    A hardened shop takes a page size of its own when none is asked for, and refuses larger ones.
    """
    sent: Any = None
    for key, value in parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True):
        name, *path = re.findall(r"[^\[\]]+", key) or [key]
        if name not in ("searchCriteria", "search_criteria"):
            continue
        sent = sent if isinstance(sent, dict) else {}
        _put(sent, [_snake(step) for step in path], value)
    if sent is None:
        raise required("searchCriteria")
    criteria = Criteria(page_size=_whole(sent, "page_size"), page=_whole(sent, "current_page"))
    if largest_size is not None and (criteria.page_size or 0) > largest_size:
        raise Refused(400, "Maximum SearchCriteria pageSize is %max", {"max": largest_size})
    if criteria.page_size is None:
        criteria.page_size = default_size
    for group in _listed(sent.get("filter_groups")):
        filters = [
            Filter(
                str(entry.get("field", "")),
                str(entry.get("value", "")),
                str(entry.get("condition_type") or "eq"),
            )
            for entry in _listed(group.get("filters"))
        ]
        criteria.groups.append(filters)
    for order in _listed(sent.get("sort_orders")):
        direction = str(order.get("direction", "DESC")).upper()
        if direction not in ("ASC", "DESC"):
            raise Refused(
                400,
                "The sort order has to be specified as %1 for ascending order"
                " or %2 for descending order.",
                ["ASC", "DESC"],
            )
        criteria.sorts.append((str(order.get("field", "")), direction))
    return criteria


def page_of(rows: list[Any], total: int, criteria: Criteria) -> Doc:
    """A list answer."""
    return {"items": rows, "search_criteria": criteria.echo(), "total_count": total}


def iso_stamp(value: str) -> str | None:
    """A date in any ISO 8601 form as Magento's UTC text; None when it is none."""
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return as_stamp(moment) if moment.tzinfo else moment.strftime("%Y-%m-%d %H:%M:%S")


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", lambda m: "_" + m[1].lower(), name)


def _put(target: Doc, path: list[str], value: str) -> None:
    if not path:
        return
    for step in path[:-1]:
        inner = target.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        target = inner
    target[path[-1]] = value


def _listed(value: Any) -> list[Doc]:
    """The values of `[0]…, [1]…` in the order of their numbers."""
    if not isinstance(value, dict):
        return []
    keys = sorted(value, key=lambda key: (not key.isdigit(), int(key) if key.isdigit() else 0))
    return [value[key] for key in keys if isinstance(value[key], dict)]


def _whole(sent: Doc, name: str) -> int | None:
    if name not in sent:
        return None
    if not re.fullmatch(r"[+-]?\d+", sent[name]):
        head, *rest = name.split("_")
        raise wrong_type(sent[name], "int", head + "".join(word.title() for word in rest))
    return int(sent[name])


def _bound(column: Column, criterion: Filter, value: str) -> str | float:
    if column.numeric:
        leading = re.match(r"\s*[+-]?\d+(\.\d+)?", value)
        return float(leading[0]) if leading else 0.0
    if criterion.field.endswith("_at"):
        return iso_stamp(value) or value
    return value


def _clause(column: Column, criterion: Filter) -> tuple[str, list[str | float]]:
    collate = "" if column.numeric else " COLLATE NOCASE"
    if criterion.condition in _COMPARISONS:
        operator = _COMPARISONS[criterion.condition]
        return f"{column.sql} {operator} ?{collate}", [_bound(column, criterion, criterion.value)]
    if criterion.condition in ("in", "nin"):
        values = [_bound(column, criterion, value) for value in criterion.value.split(",")]
        marks = ",".join("?" * len(values))
        negation = "NOT " if criterion.condition == "nin" else ""
        return f"({column.sql}){collate} {negation}IN ({marks})", values
    if criterion.condition in ("null", "notnull"):
        return f"{column.sql} IS {'NOT ' if criterion.condition == 'notnull' else ''}NULL", []
    if criterion.condition in ("finset", "nfinset"):
        negation = "NOT " if criterion.condition == "nfinset" else ""
        return f"',' || {column.sql} || ',' {negation}LIKE ?", [f"%,{criterion.value},%"]
    return "0", []
