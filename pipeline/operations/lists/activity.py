"""What all people did, newest first: their notes, bulk jobs, mapped SKUs and overrides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    String,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import InstrumentedAttribute

from pipeline.base.db import Sessions
from pipeline.base.row_ids import DIGITS, row_id
from pipeline.monitoring.purging import AUTHOR
from pipeline.operations.acts.assign import ASSIGNED, TAKEN_BACK
from pipeline.operations.acts.one_order import ASKED_TO_CANCEL, DISMISSED
from pipeline.operations.acts.tables import BulkAct
from pipeline.orders.tables import Note, Order
from pipeline.products.tables import MappedSku
from pipeline.settings.tables import SettingOverrideRow

PAGE_SIZE = 100
_PLACE = re.compile(rf"(.{{1,40}})~([a-z]{{1,20}})~({DIGITS})")


class Kind(StrEnum):
    """What somebody did."""

    NOTE = "note"
    RETRY = "retry"
    HOLD = "hold"
    IGNORE = "ignore"
    ASSIGN = "assign"
    CANCEL = "cancel"
    SHIP = "ship"
    ADDRESS = "address"
    VALUE = "value"
    REPLAY = "run again"
    REFUND = "refund"
    BUYER = "buyer"
    BULK = "bulk job"
    SKU = "SKU map"
    SETTING = "setting"


_BEGINNINGS: Mapping[Kind, tuple[str, ...]] = {
    Kind.NOTE: ("wrote a note",),
    Kind.RETRY: ("released",),
    Kind.HOLD: ("held it",),
    Kind.IGNORE: (DISMISSED, "resumed it"),
    Kind.ASSIGN: (ASSIGNED, TAKEN_BACK),
    Kind.CANCEL: (ASKED_TO_CANCEL, "took the cancellation back"),
    Kind.SHIP: (
        "requested a shipment",
        "took back the shipment",
        "to be confirmed",
        "left its",
        "entered ",
    ),
    Kind.ADDRESS: ("corrected the shipping address", "withdrew the corrected"),
    Kind.VALUE: ("stated that", "took back the stated value"),
    Kind.REPLAY: ("to be run again",),
    Kind.REFUND: (
        "asked Amazon to refund",
        "had the refund at Amazon",
        "decided against a refund",
        "settled the refunds made at Amazon",
        "took back the decision about the refund",
    ),
    Kind.BUYER: ("viewed the", "printed the", "exported the", "destroyed the"),
}
"""How the notes of each kind begin."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What a person did, to an order or to none. `times` notes in a row that say the same are one,
    with the first of their orders."""

    at: datetime
    author: str
    text: str
    order_id: int | None
    external_id: str
    bulk_act: int | None
    times: int = 1


class Place(NamedTuple):
    """Where a page ends: a time, and among equals the source and its row."""

    at: datetime
    source: str
    row: int

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.source}~{self.row}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """Parse the text that `str` wrote. Raises ValueError."""
        parts = _PLACE.fullmatch(text)
        row = row_id(parts[3]) if parts else None
        at = datetime.fromisoformat(parts[1]) if parts else None
        if parts is None or row is None or at is None or at.tzinfo is None:
            raise ValueError("not a place in the list of activity")
        return cls(at, parts[2], row)


def activity(
    sessions: Sessions,
    *,
    by: str = "",
    kind: Kind | None = None,
    after: Place | None = None,
) -> tuple[Sequence[Deed], Place | None]:
    """A page of what people did after that place, and where the next page begins, if there is one.

    One query for each source. `by` is a person's name.
    """
    found: list[Any] = []
    with sessions() as session:
        for source in _sources(kind):
            query = source.query(by, after).limit(PAGE_SIZE + 1)
            found += [(row.at, source.name, row.id, row) for row in session.execute(query)]
    found.sort(key=lambda one: one[:3], reverse=True)
    shown = found[:PAGE_SIZE]
    following = Place(*shown[-1][:3]) if len(found) > PAGE_SIZE else None
    return list(_as_one(one[3] for one in shown)), following


@dataclass(frozen=True, slots=True)
class _Source:
    """Rows of a table as deeds; the name places them among others of the same time."""

    name: str
    at: InstrumentedAttribute[Any]
    id: InstrumentedAttribute[int]
    author: InstrumentedAttribute[Any]
    rows: Select[Any]

    def query(self, by: str, after: Place | None) -> Select[Any]:
        query = self.rows.order_by(self.at.desc(), self.id.desc())
        if by:
            query = query.where(self.author == by)
        return query.where(self._beyond(after)) if after is not None else query

    def _beyond(self, after: Place) -> ColumnElement[bool]:
        if self.name < after.source:
            return self.at <= after.at
        if self.name > after.source:
            return self.at < after.at
        # A comparison of rows bounds the scan of an index; the same with OR does not.
        return tuple_(self.at, self.id) < (after.at, after.row)


def _sources(kind: Kind | None) -> Iterator[_Source]:
    if kind is None or kind in _BEGINNINGS:
        yield _Source("note", Note.at, Note.id, Note.author, _notes(kind))
    if kind in (None, Kind.BULK):
        text = func.concat(BulkAct.act, ": ", BulkAct.chosen)
        rows = _rows(BulkAct.asked_at, BulkAct.id, BulkAct.author, text, bulk_act=BulkAct.id)
        yield _Source("bulk", BulkAct.asked_at, BulkAct.id, BulkAct.author, rows)
    if kind in (None, Kind.SKU):
        named = func.concat(MappedSku.amazon_sku, " as ", MappedSku.magento_sku)
        for name, at, author, verb in (
            ("mapped", MappedSku.set_at, MappedSku.set_by, "mapped "),
            ("unmapped", MappedSku.ended_at, MappedSku.ended_by, "no longer maps "),
        ):
            rows = _rows(at, MappedSku.id, author, func.concat(verb, named))
            yield _Source(name, at, MappedSku.id, author, rows.where(at.is_not(None)))
    if kind in (None, Kind.SETTING):
        row = SettingOverrideRow
        text = func.concat(
            "changed ", row.name, " of ", row.account, " to ",
            func.coalesce(cast(row.value, String), "the file’s value"),
        )  # fmt: skip
        yield _Source(
            "setting", row.at, row.id, row.author, _rows(row.at, row.id, row.author, text)
        )


def _rows(
    at: InstrumentedAttribute[Any],
    id_: InstrumentedAttribute[int],
    author: InstrumentedAttribute[Any],
    text: ColumnElement[str],
    bulk_act: InstrumentedAttribute[int] | None = None,
) -> Select[Any]:
    return select(
        at.label("at"),
        id_.label("id"),
        func.coalesce(author, "").label("author"),
        text.label("text"),
        cast(null(), BigInteger).label("order_id"),
        literal("").label("external_id"),
        (bulk_act if bulk_act is not None else cast(null(), BigInteger)).label("bulk_act"),
    )


def _notes(kind: Kind | None) -> Select[Any]:
    columns: tuple[Any, ...] = (
        *(Note.at, Note.id, Note.author, Note.text, Note.order_id, Order.external_id),
        cast(null(), BigInteger).label("bulk_act"),
    )
    query = (
        select(*columns)
        .join(Order, Order.id == Note.order_id)
        .where(Note.author != AUTHOR)  # what the purge did by itself
    )
    if kind is None:
        return query
    return query.where(
        or_(*(Note.text.startswith(text, autoescape=True) for text in _BEGINNINGS[kind]))
    )


def _as_one(rows: Iterator[Any]) -> Iterator[Deed]:
    """Deeds; what one person did to many orders at once is one."""
    for _, group in groupby(rows, key=lambda row: (row.at, row.author, row.text, row.bulk_act)):
        same = list(group)
        first = same[0]
        yield Deed(
            at=first.at,
            author=first.author,
            text=first.text,
            order_id=first.order_id,
            external_id=first.external_id,
            bulk_act=first.bulk_act,
            times=len(same),
        )
