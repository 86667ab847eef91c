"""The table of requested shipments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Identity, Index, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from pipeline.base.id_lists import among
from pipeline.base.tables import UNSAMPLED, Base
from pipeline.orders.requested_shipment import STANDING, RequestedShipment, RequestState


class RequestedShipmentRow(Base):
    """A requested shipment; `orders.requested_shipment` has its states.

    `units` are the quantities by the line's id at Amazon; NULL means all units left.
    `carrier_title` may be typed by a person, and is kept as long as the request stands.
    """

    __tablename__ = "requested_shipments"
    __table_args__ = (
        Index("requested_shipments_of_order", "order_id", "id"),
        Index(
            "requested_shipments_standing",
            "order_id",
            postgresql_where=text("state IN ('open', 'refused')"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    asked_at: Mapped[datetime]
    author: Mapped[str]
    carrier_code: Mapped[str]
    carrier_title: Mapped[str] = mapped_column(info=UNSAMPLED)
    tracking_number: Mapped[str]
    state: Mapped[str] = mapped_column(default=RequestState.OPEN, server_default="open")
    magento_shipment_id: Mapped[int | None]
    why: Mapped[str] = mapped_column(default="", server_default="")
    units: Mapped[dict[str, Any] | None]


def standing(session: Session, order_id: int) -> list[RequestedShipment]:
    """The order's requests that may still be made, in their sequence."""
    rows = session.scalars(
        select(RequestedShipmentRow)
        .where(RequestedShipmentRow.order_id == order_id, RequestedShipmentRow.state.in_(STANDING))
        .order_by(RequestedShipmentRow.id)
    )
    return [
        RequestedShipment(
            row.id,
            row.carrier_code,
            row.carrier_title,
            row.tracking_number,
            row.state,
            row.magento_shipment_id,
            row.why,
            row.units,
        )
        for row in rows
    ]


def end_standing(session: Session, order_ids: Sequence[int], why: str) -> None:
    """End the open and refused requests of these orders."""
    _end(session, among(RequestedShipmentRow.order_id, order_ids), why)


def end_requests(session: Session, request_ids: Sequence[int], why: str) -> None:
    """End these requests, if they are open or refused."""
    _end(session, among(RequestedShipmentRow.id, request_ids), why)


def _end(session: Session, of: ColumnElement[bool], why: str) -> None:
    session.execute(
        update(RequestedShipmentRow)
        .where(of, RequestedShipmentRow.state.in_(STANDING))
        .values(state=RequestState.ENDED, why=why, carrier_title="")
        .execution_options(synchronize_session=False)
    )
