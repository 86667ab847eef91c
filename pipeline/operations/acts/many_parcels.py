"""Ships many orders by a file: stores its parcels as a bulk act, and takes back what has not gone
out yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.base.master_keys import KeyMissing
from pipeline.base.vault import Vault
from pipeline.operations.acts.many_orders import Act, BulkActs
from pipeline.operations.acts.one_order import NotPossible
from pipeline.operations.acts.parcel_titles import keys_of, stored_title
from pipeline.operations.acts.ship import take_back
from pipeline.operations.acts.shipping_check import CheckedRow
from pipeline.operations.acts.tables import BulkAct, BulkActOrder, BulkParcel
from pipeline.orders.locking import lock
from pipeline.orders.machine import wake
from pipeline.orders.requested_shipment import STANDING
from pipeline.orders.requested_shipment_table import RequestedShipmentRow, standing
from pipeline.orders.tables import Order


def begin_shipping(
    sessions: Sessions,
    vault: Vault,
    rows: Sequence[CheckedRow],
    *,
    author: str,
    now: datetime,
    token: str,
) -> int:
    """Store the faultless rows as a bulk act; return its id.

    The act's job requests the parcels order by order. A repeated `token` returns the act that has
    already begun. Raises NotPossible without a faultless row, and where this process lacks the key
    for a title.
    """
    good = [
        (each.row.line, each.order_id, each.parcel)
        for each in rows
        if not each.mistake and each.order_id is not None and each.parcel is not None
    ]
    order_ids = list(dict.fromkeys(order_id for _, order_id, _ in good))
    if not good:
        raise NotPossible("no row of the file can be shipped")
    what = "1 parcel" if len(good) == 1 else f"{len(good)} parcels"
    act = BulkAct(
        token=token,
        author=author,
        act=Act.SHIP,
        chosen=f"{what} of a file",
        why="",
        orders=len(order_ids),
        asked_at=now,
        due_at=now,
    )
    try:
        with sessions() as session, session.begin():
            session.add(act)
            session.flush()
            session.add_all(
                BulkActOrder(act_id=act.id, turn=turn, order_id=order_id)
                for turn, order_id in enumerate(order_ids, 1)
            )
            keys = keys_of(session, order_ids)
            orders = {
                order.id: order
                for order in session.scalars(select(Order).where(among(Order.id, order_ids)))
            }
            session.add_all(
                BulkParcel(
                    act_id=act.id,
                    row=line,
                    order_id=order_id,
                    carrier_code=parcel.carrier,
                    carrier_title=_title(vault, keys.get(order_id), orders[order_id], parcel.title),
                    tracking_number=parcel.tracking_number,
                    units=None if parcel.units is None else dict(parcel.units),
                )
                for line, order_id, parcel in good
            )
    except IntegrityError:
        with sessions() as session:
            return session.scalars(select(BulkAct.id).where(BulkAct.token == token)).one()
    return act.id


def _title(vault: Vault, key: bytes | None, order: Order, title: str) -> str:
    """Empty where its order has no key any more: that order is passed over, and no other is."""
    try:
        return stored_title(vault, key, order, title)
    except NotPossible:
        return ""
    except KeyMissing as error:
        raise NotPossible(str(error)) from None


class TakenBack(NamedTuple):
    """How many parcels were taken back, and how many could not be: they are with Magento, or a step
    has them in hand."""

    parcels: int
    left: int


def take_parcels_back(
    acts: BulkActs, sessions: Sessions, act_id: int, *, author: str, now: datetime
) -> TakenBack | None:
    """Stop a bulk act that ships, and take back its parcels that have not been sent to Magento;
    None when no bulk act with this id ships."""
    with sessions() as session:
        act = session.get(BulkAct, act_id)
    if act is None or act.act != Act.SHIP:
        return None
    acts.stop(act_id, author=author, now=now)
    taken, left = 0, 0
    with sessions() as session, session.begin():
        of: defaultdict[int, set[int]] = defaultdict(set)
        for order_id, requested_id in session.execute(
            select(RequestedShipmentRow.order_id, RequestedShipmentRow.id)
            .join(BulkParcel, BulkParcel.requested_id == RequestedShipmentRow.id)
            .where(BulkParcel.act_id == act_id, RequestedShipmentRow.state.in_(STANDING))
        ):
            of[order_id].add(requested_id)
        lock(session, sorted(of))
        woken = []
        for order in session.scalars(select(Order).where(among(Order.id, of)).order_by(Order.id)):
            own = [each for each in standing(session, order.id) if each.id in of[order.id]]
            try:
                ended = take_back(session, order, own, author, now)
            except NotPossible:
                left += len(own)
                continue
            taken += len(ended)
            left += len(own) - len(ended)
            woken.append(order.id)
        wake(session, woken, now)
    return TakenBack(taken, left)
