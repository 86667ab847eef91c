"""The tables of bulk acts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import UNSAMPLED, Base


class BulkAct(Base):
    """A person's decision about `orders` orders: an Act.

    `chosen` describes the selection in words, `why` is the reason of a
    dismissal until the act has ended; then it is sealed with each order. `done` and
    `passed_over` go up with every batch. `due_at` is when the next order may have its turn.
    `token` is the form's, so that a form sent twice begins a single act. A stopped act counts as
    ended too.
    """

    __tablename__ = "bulk_acts"
    __table_args__ = (
        Index("bulk_acts_open", "id", postgresql_where=text("ended_at IS NULL")),
        Index("bulk_acts_ended", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    token: Mapped[str] = mapped_column(unique=True)
    author: Mapped[str]
    act: Mapped[str]
    chosen: Mapped[str]
    why: Mapped[str] = mapped_column(info=UNSAMPLED)
    orders: Mapped[int] = mapped_column(Integer)
    done: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    passed_over: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    stopped_by: Mapped[str | None]

    @property
    def to_do(self) -> int:
        """How many orders have not had their turn; in a stopped act they stay as they are."""
        return self.orders - self.done - self.passed_over


class OrderState(StrEnum):
    """The result of a bulk act for an order."""

    TO_DO = "to do"
    DONE = "done"
    PASSED_OVER = "passed over"


class BulkActOrder(Base):
    """An order of a bulk act, with its result, an OrderState, and the reason, `why`.

    `due_at` is when the order became due. There is no foreign key to the order, since storing a
    hundred thousand rows would lock each order.
    """

    __tablename__ = "bulk_act_orders"
    __table_args__ = (
        Index(
            "bulk_act_orders_to_do",
            "act_id",
            "turn",
            postgresql_where=text("state = 'to do'"),
        ),
    )

    act_id: Mapped[int] = mapped_column(
        ForeignKey("bulk_acts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    turn: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    order_id: Mapped[int]
    state: Mapped[str] = mapped_column(default=OrderState.TO_DO, server_default=OrderState.TO_DO)
    why: Mapped[str | None]
    due_at: Mapped[datetime | None]


class BulkParcel(Base):
    """A parcel of a bulk act that ships: a row of the person's file, without the rest of the file.

    `row` is the line of the file. `units` as in a requested shipment, whose id `requested_id` is as
    soon as the order has had its turn; then the carrier's title is kept there alone.
    """

    __tablename__ = "bulk_parcels"

    act_id: Mapped[int] = mapped_column(
        ForeignKey("bulk_acts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    row: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    order_id: Mapped[int]
    carrier_code: Mapped[str]
    carrier_title: Mapped[str] = mapped_column(info=UNSAMPLED)
    tracking_number: Mapped[str]
    units: Mapped[dict[str, Any] | None]
    requested_id: Mapped[int | None]
