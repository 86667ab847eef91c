"""A bulk act that ships: the orders of a batch get the parcels that the person's file asks for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session, selectinload

from pipeline.base.id_lists import among
from pipeline.base.vault import Vault
from pipeline.operations.acts.one_order import NotPossible
from pipeline.operations.acts.parcel_titles import keys_of, opened_title
from pipeline.operations.acts.ship import Parcel, request
from pipeline.operations.acts.tables import BulkAct, BulkParcel
from pipeline.orders.locking import lock
from pipeline.orders.package_tables import Shipment
from pipeline.orders.tables import Order


def request_parcels(
    session: Session, vault: Vault, act: BulkAct, order_ids: Sequence[int], now: datetime
) -> dict[int, str | None]:
    """Lock these orders and request their parcels; the reason to pass an order over, or None.

    Raises KeyMissing where this process lacks the key for a carrier's title.
    """
    lock(session, order_ids)
    orders = session.scalars(
        select(Order)
        .where(among(Order.id, order_ids))
        .options(
            selectinload(Order.items),
            selectinload(Order.shipments).selectinload(Shipment.items),
        )
        .execution_options(populate_existing=True)
    ).all()
    parcels: defaultdict[int, list[BulkParcel]] = defaultdict(list)
    for parcel in session.scalars(
        select(BulkParcel)
        .where(BulkParcel.act_id == act.id, among(BulkParcel.order_id, order_ids))
        .order_by(BulkParcel.row)
    ):
        parcels[parcel.order_id].append(parcel)
    keys = keys_of(session, order_ids)
    refusals: dict[int, str | None] = {}
    for order in orders:
        own = parcels[order.id]
        try:
            wanted = [
                Parcel(
                    each.carrier_code,
                    each.tracking_number,
                    opened_title(vault, keys.get(order.id), order, each.carrier_title),
                    each.units,
                )
                for each in own
            ]
            ids = request(session, vault, order, wanted, act.author, now)
        except NotPossible as error:
            refusals[order.id] = str(error)
            continue
        refusals[order.id] = None
        for each, requested_id in zip(own, ids, strict=True):
            each.requested_id, each.carrier_title = requested_id, ""
    return refusals


def forget_titles(session: Session, act_id: int) -> None:
    """Empty the carriers' titles of an act that has ended: its parcels have their own."""
    session.execute(
        update(BulkParcel)
        .where(BulkParcel.act_id == act_id)
        .values(carrier_title="")
        .execution_options(synchronize_session=False)
    )
