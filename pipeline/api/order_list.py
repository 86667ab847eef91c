"""The list of orders for other systems: its filters, and a page of it in one or two queries."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema
from sqlalchemy import ColumnElement, Row, select

from pipeline.api import cursors
from pipeline.base.db import Sessions
from pipeline.operations.lists.filters import Filters
from pipeline.operations.lists.sorting import KEYS, Place, Sort, zones
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Order, Status

MOST = 200
COLUMNS = (
    *(Order.id, Order.account, Order.external_id, Order.marketplace_id, Order.fulfilled_by),
    *(Order.shop, Order.magento_order_id, Order.magento_increment_id),
    *(Order.step, Order.status, Order.remote_status, Order.grand_total, Order.currency),
    *(Order.purchased_at, Order.ship_by_at, Order.updated_at, Order.due_at),
    *(Order.hold_code, Order.hold_reason, Order.hold_facts),
)
"""The columns of an order's summary; none names the buyer."""


class Sorting(StrEnum):
    """The key that sorts; a minus puts the largest first."""

    NEWEST = "-placed"
    OLDEST = "placed"
    CHANGED = "changed"
    LAST_CHANGED = "-changed"
    SHIP_BY = "ship_by"

    @property
    def sort(self) -> Sort:
        """The same for the list's query."""
        name = self.value.removeprefix("-")
        key = {"placed": "purchased", "changed": "updated"}.get(name, name)
        return Sort(key, self.value.startswith("-"))


def _as_text(value: object) -> object:
    """A time is written out: pydantic would also take a number, and count it from 1970."""
    if not isinstance(value, str) or "T" not in value.upper():
        raise ValueError("write a time as 2026-01-31T18:00:00Z")
    return value


Time = Annotated[AwareDatetime, BeforeValidator(_as_text, json_schema_input_type=AwareDatetime)]
_Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[!-~]+$")]


class OrderQuery(BaseModel):
    """What is listed. An order has to match every filter."""

    model_config = ConfigDict(extra="forbid")

    status: Status | SkipJsonSchema[None] = Field(None, description="Where it stands.")
    hold_code: HoldCode | SkipJsonSchema[None] = Field(None, description="Why it is held.")
    shop: _Name | SkipJsonSchema[None] = Field(None, description="The shop it is placed in.")
    account: _Name | SkipJsonSchema[None] = Field(None, description="The Amazon account.")
    marketplace_id: _Name | SkipJsonSchema[None] = Field(None, description="Amazon's id.")
    placed_since: Time | SkipJsonSchema[None] = Field(None, description="When the buyer ordered.")
    changed_since: Time | SkipJsonSchema[None] = Field(
        None, description="When anything of it changed here."
    )
    ship_by_before: Time | SkipJsonSchema[None] = Field(
        None, description="Until when it has to ship."
    )
    number: _Name | SkipJsonSchema[None] = Field(
        None,
        description="Amazon's or Magento's number, or its beginning; or a tracking number.",
    )
    hidden: bool = Field(False, description="Also orders that the pages hide, such as unpaid ones.")
    sort: Sorting = Sorting.NEWEST
    limit: int = Field(50, ge=1, le=MOST)
    cursor: Annotated[str, Field(min_length=1, max_length=400)] | SkipJsonSchema[None] = Field(
        None, description="`next` of the page before, with the same other parameters."
    )

    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions on a row of `orders`."""
        wanted = Filters(
            status=self.status,
            reason=self.hold_code,
            number=self.number or "",
            everything=self.hidden,
        ).conditions()
        for column, value in (
            (Order.shop, self.shop),
            (Order.account, self.account),
            (Order.marketplace_id, self.marketplace_id),
        ):
            if value is not None:
                wanted.append(column == value)
        if self.placed_since is not None:
            wanted.append(Order.purchased_at >= self.placed_since)
        if self.changed_since is not None:
            wanted.append(Order.updated_at >= self.changed_since)
        if self.ship_by_before is not None:
            wanted.append(Order.ship_by_at < self.ship_by_before)
        return wanted

    def filters(self) -> str:
        """The filters as a text, to which a cursor is bound."""
        return self.model_dump_json(exclude={"sort", "limit", "cursor"}, exclude_none=True)


class Page(NamedTuple):
    """A page, and the cursor of the next one; empty at the list's end."""

    orders: Sequence[Row[Any]]
    following: str


def page(sessions: Sessions, query: OrderQuery) -> Page:
    """The orders of a page. Raises Refused for a cursor of another list."""
    sort, filters = query.sort.sort, query.filters()
    after = None if query.cursor is None else cursors.read(query.cursor, sort, filters)
    rows: list[Row[Any]] = []
    with sessions() as session:
        for zone in zones(sort, after):
            if len(rows) > query.limit:
                break
            rows += session.execute(
                select(*COLUMNS)
                .where(*query.conditions(), *zone.conditions)
                .order_by(*zone.order_by)
                .limit(query.limit + 1 - len(rows))
            ).all()
    if len(rows) <= query.limit:
        return Page(rows, "")
    last = rows[query.limit - 1]
    place: Place = sort.place_of(getattr(last, KEYS[sort.key].column.key), last.id)
    return Page(rows[: query.limit], cursors.written(place, sort, filters))
