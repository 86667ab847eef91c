"""The parcels of a bulk act that ships, row by row, and what became of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import and_, select

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.operations.acts.many_orders import GONE
from pipeline.operations.acts.tables import BulkAct, BulkActOrder, BulkParcel, OrderState
from pipeline.orders.package_tables import Shipment
from pipeline.orders.requested_shipment import RequestState
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from pipeline.orders.states import ConfirmationState
from pipeline.orders.tables import Order, OrderItem


class RowState(StrEnum):
    """How far a parcel is."""

    IN_LINE = "in line"
    NOT_REACHED = "not reached"
    PASSED_OVER = "passed over"
    REQUESTED = "requested"
    REFUSED = "refused by Magento"
    NOT_MADE = "not made"
    SHIPPED = "shipped in Magento"
    CONFIRMED = "confirmed to Amazon"


@dataclass(frozen=True, slots=True)
class ParcelRow:
    """A row of the file; `items` is “SKU=2” for each of its lines, empty for all units left. `why`
    is the reason where nothing was shipped."""

    line: int
    order_id: int
    external_id: str
    carrier: str
    tracking_number: str
    items: str
    state: RowState
    why: str


@dataclass(frozen=True, slots=True)
class Parcels:
    """All rows of an act, counted by state."""

    rows: Sequence[ParcelRow]

    @property
    def counted(self) -> Mapping[RowState, int]:
        """How many rows are in each state, without the states that none is in."""
        counted = Counter(row.state for row in self.rows)
        return {state: counted[state] for state in RowState if counted[state]}

    @property
    def may_be_taken_back(self) -> int:
        """How many parcels have perhaps not gone out yet."""
        return sum(
            row.state in (RowState.IN_LINE, RowState.REQUESTED, RowState.REFUSED)
            for row in self.rows
        )


def parcels_of(sessions: Sessions, act: BulkAct) -> Parcels:
    """The rows of an act, in the file's sequence. Two queries."""
    query = (
        select(
            BulkParcel,
            Order.external_id,
            BulkActOrder.state.label("turn"),
            BulkActOrder.why,
            RequestedShipmentRow.state,
            RequestedShipmentRow.why.label("request_why"),
            Shipment.confirmation,
        )
        .join(
            BulkActOrder,
            and_(
                BulkActOrder.act_id == BulkParcel.act_id,
                BulkActOrder.order_id == BulkParcel.order_id,
            ),
        )
        .outerjoin(Order, Order.id == BulkParcel.order_id)
        .outerjoin(RequestedShipmentRow, RequestedShipmentRow.id == BulkParcel.requested_id)
        .outerjoin(
            Shipment,
            and_(
                Shipment.order_id == BulkParcel.order_id,
                Shipment.magento_shipment_id == RequestedShipmentRow.magento_shipment_id,
            ),
        )
        .where(BulkParcel.act_id == act.id)
        .order_by(BulkParcel.row)
    )
    with sessions() as session:
        found = session.execute(query).all()
        ids = {row.BulkParcel.order_id for row in found if row.BulkParcel.units is not None}
        skus = {
            (order_id, line): sku
            for order_id, line, sku in session.execute(
                select(OrderItem.order_id, OrderItem.external_item_id, OrderItem.sku).where(
                    among(OrderItem.order_id, ids)
                )
            )
        }
    rows: dict[int, ParcelRow] = {}
    for parcel, external_id, turn, why, state, request_why, confirmation in found:
        units = parcel.units or {}
        reached = (
            RowState.CONFIRMED
            if confirmation == ConfirmationState.ACCEPTED
            else _state(turn, state, has_ended=act.ended_at is not None)
        )
        rows[parcel.row] = ParcelRow(
            parcel.row,
            parcel.order_id,
            external_id or "",
            parcel.carrier_code,
            parcel.tracking_number,
            ";".join(
                f"{skus.get((parcel.order_id, line), line)}={count}"
                for line, count in units.items()
            ),
            reached,
            request_why or why or ("" if external_id else GONE),
        )
    return Parcels(list(rows.values()))


_OF_REQUEST = {
    RequestState.OPEN: RowState.REQUESTED,
    RequestState.REFUSED: RowState.REFUSED,
    RequestState.DONE: RowState.SHIPPED,
    RequestState.ENDED: RowState.NOT_MADE,
}


def _state(turn: str, request: str | None, *, has_ended: bool) -> RowState:
    if request is not None:
        return _OF_REQUEST[RequestState(request)]
    if turn == OrderState.PASSED_OVER:
        return RowState.PASSED_OVER
    return RowState.NOT_REACHED if has_ended else RowState.IN_LINE
