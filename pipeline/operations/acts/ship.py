"""A person requests a shipment of an order. Only the request is stored: a worker makes it in
Magento."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.base.master_keys import KeyMissing
from pipeline.base.vault import Vault
from pipeline.clients import offered_carriers
from pipeline.magento.records import ENDED, HOLDED
from pipeline.operations.acts.one_order import NotPossible
from pipeline.operations.acts.parcel_titles import keys_of, stored_title
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.decision_table import CARRIED_BY_AMAZON, STILL_TO_SHIP
from pipeline.orders.machine import SHIPPING_STEPS, wake
from pipeline.orders.requested_shipment import (
    RequestedShipment,
    RequestState,
    requested_shipment_key,
)
from pipeline.orders.requested_shipment_table import RequestedShipmentRow, end_requests, standing
from pipeline.orders.states import CancellationState
from pipeline.orders.tables import LIVE, Effect, EffectState, Note, Order, Status
from pipeline.orders.tracking_number import looks_like_a_number
from pipeline.shipping.packages import is_same_number

OTHER_CARRIER = "custom"
"""Magento's code for a carrier without a code of its own; it has a title only."""
LONGEST = 100
"""The limit for a tracking number or a carrier's title, in characters."""


MOST_PARCELS = 20
"""Parcels of an order at a time; each is a call to Magento within one run of its step."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel to be made: `carrier` is a Magento code, `title` the name that people read.

    `units` are the quantities by the line's id at Amazon; None means all units left.
    """

    carrier: str
    tracking_number: str
    title: str = ""
    units: Mapping[str, int] | None = None


class ShipmentRequests:
    """Stores requested shipments. Each method raises NotPossible."""

    def __init__(self, sessions: Sessions, vault: Vault, author: str, now: datetime) -> None:
        self._sessions = sessions
        self._vault = vault
        self._author = author
        self._now = now

    def ask(self, order_id: int, *parcels: Parcel) -> None:
        """Request these parcels of an order, in place of those that Magento refused."""
        with self._sessions() as session, session.begin():
            order = _locked(session, order_id)
            try:
                request(session, self._vault, order, parcels, self._author, self._now)
            except KeyMissing as error:
                raise NotPossible(str(error)) from None
            wake(session, [order_id], self._now)

    def withdraw(self, order_id: int) -> None:
        """Withdraw the parcels that have not been sent to Magento, or that Magento refused."""
        with self._sessions() as session, session.begin():
            order = _locked(session, order_id)
            requested = standing(session, order_id)
            if not requested:
                raise NotPossible("there is no shipment that could be taken back")
            take_back(session, order, requested, self._author, self._now)
            wake(session, [order_id], self._now)


def request(
    session: Session,
    vault: Vault,
    order: Order,
    parcels: Sequence[Parcel],
    author: str,
    now: datetime,
) -> list[int]:
    """Store the parcels of a locked order with a note; return their ids.

    Raises NotPossible, and KeyMissing where this process lacks the key for a title.
    """
    checked = check_parcels(order, parcels)
    requested = standing(session, order.id)
    if any(each.state == RequestState.OPEN for each in requested):
        raise NotPossible("its shipment has been requested already: take that back first")
    if requested:
        _end(session, order, requested, "requested again")
    key = keys_of(session, [order.id]).get(order.id)
    rows = [
        RequestedShipmentRow(
            order_id=order.id,
            asked_at=now,
            author=author,
            carrier_code=parcel.carrier,
            carrier_title=stored_title(vault, key, order, parcel.title),
            tracking_number=parcel.tracking_number,
            units=None if parcel.units is None else dict(parcel.units),
        )
        for parcel in checked
    ]
    session.add_all(rows)
    session.flush()
    carriers = offered_carriers(order.account)
    shown = ", ".join(
        f"{carriers.get(parcel.carrier, 'another carrier')} {parcel.tracking_number}"
        for parcel in checked
    )
    what = "a shipment" if len(checked) == 1 else f"{len(checked)} shipments"
    session.add(
        Note(order_id=order.id, at=now, author=author, text=f"requested {what} with {shown}")
    )
    return [row.id for row in rows]


def take_back(
    session: Session,
    order: Order,
    requested: Sequence[RequestedShipment],
    author: str,
    now: datetime,
) -> list[int]:
    """End these requests of a locked order, except those sent to Magento; return the ids of the
    ended requests. Raises NotPossible when there are none."""
    ended = _end(session, order, requested, "taken back")
    numbers = ", ".join(each.tracking_number for each in ended)
    text = f"took back the shipment under {numbers}"
    session.add(Note(order_id=order.id, at=now, author=author, text=text))
    return [each.id for each in ended]


def _end(
    session: Session, order: Order, requested: Sequence[RequestedShipment], why: str
) -> list[RequestedShipment]:
    if order.status == Status.RUNNING:
        raise NotPossible("a step is running right now: try again in a moment")
    keys = {
        requested_shipment_key(order.account, order.external_id, each.id): each
        for each in requested
    }
    sent = session.scalars(
        select(Effect.key).where(among(Effect.key, keys), Effect.state != EffectState.REFUSED)
    ).all()
    unsent = [each for key, each in keys.items() if key not in sent]
    if not unsent:
        raise NotPossible("its shipment has been sent to Magento already")
    end_requests(session, [each.id for each in unsent], why)
    return unsent


def check_parcels(order: Order, parcels: Sequence[Parcel]) -> list[Parcel]:
    """The parcels as they are stored. Raises NotPossible when the order cannot be shipped so."""
    if not parcels:
        raise NotPossible("there is no parcel")
    if len(parcels) > MOST_PARCELS:
        raise NotPossible(f"an order has {MOST_PARCELS} parcels at a time at most")
    checked = [check_parcel(parcel, order.account) for parcel in parcels]
    if why := obstacle(order):
        raise NotPossible(why)
    known = [shipment.tracking_number for shipment in order.shipments]
    for parcel in checked:
        if any(is_same_number(number, parcel.tracking_number) for number in known):
            raise NotPossible("a package of it has that tracking number already")
        known.append(parcel.tracking_number)
    if len(checked) > 1 and any(parcel.units is None for parcel in checked):
        raise NotPossible("it has several parcels: give the units of each")
    left = units_left(order)
    wanted: Counter[str] = Counter()
    for parcel in checked:
        if parcel.units is not None:
            if not parcel.units or min(parcel.units.values()) < 1:
                raise NotPossible(f"the parcel {parcel.tracking_number} is empty")
            wanted.update(parcel.units)
    skus = {item.external_item_id: item.sku for item in order.items}
    for line, count in wanted.items():
        if count > left.get(line, 0):
            raise NotPossible(
                f"{left.get(line, 0)} of {skus.get(line, line)} are left to ship, not {count}"
            )
    return checked


_CANCELLING = (CancellationState.ASKED, CancellationState.SENT, CancellationState.ACCEPTED)


def obstacle(order: Order) -> str:
    """Why an order cannot be shipped from here; empty if it can. Its lines and packages are as the
    shop's watch last read them."""
    if order.status not in LIVE:
        return f"it is {order.status} here"
    if order.fulfilled_by == FulfilledBy.AMAZON:
        return "Amazon fulfils it"
    if CARRIED_BY_AMAZON.intersection(order.programs):
        return "Amazon's carrier collects it"
    if order.remote_status not in STILL_TO_SHIP:
        return f"it is {order.remote_status} on Amazon"
    if order.magento_order_id is None or order.step not in SHIPPING_STEPS:
        return f"it is not ready to be shipped in Magento: its step is {order.step}"
    if order.magento_state in (*ENDED, HOLDED):
        return f"its Magento order is {order.magento_state}"
    if order.cancellation in _CANCELLING:
        return "Amazon is being asked to cancel it"
    if not units_left(order):
        return "all of it is shipped in Magento already"
    return ""


def requested_of(sessions: Sessions, order_id: int) -> Sequence[RequestedShipmentRow]:
    """All requested shipments of an order, the newest first."""
    with sessions() as session:
        return session.scalars(
            select(RequestedShipmentRow)
            .where(RequestedShipmentRow.order_id == order_id)
            .order_by(RequestedShipmentRow.id.desc())
        ).all()


def _name_of(carrier: str, title: str, account: str) -> str:
    """The title, or else the marketplace's name of the carrier. Raises NotPossible."""
    carriers = offered_carriers(account)
    if carrier != OTHER_CARRIER and carrier not in carriers:
        raise NotPossible(f'there is no carrier "{carrier}": give {OTHER_CARRIER}, and a title')
    name = title or carriers.get(carrier, "")
    if not name:
        raise NotPossible("name the carrier in its title")
    return name


def units_left(order: Order) -> dict[str, int]:
    """The unshipped units by the line's id at Amazon, of the lines that have any."""
    shipped: Counter[int] = Counter()
    for shipment in order.shipments:
        for part in shipment.items:
            shipped[part.magento_item_id] += part.quantity
    left = {
        item.external_item_id: item.quantity
        - item.quantity_fulfilled_before
        - (shipped[item.magento_item_id] if item.magento_item_id is not None else 0)
        for item in order.items
    }
    return {line: count for line, count in left.items() if count > 0}


def check_parcel(parcel: Parcel, account: str) -> Parcel:
    """The parcel as it is stored. Raises NotPossible for its carrier or its number."""
    title = _checked(parcel.title, "the carrier's title")
    number = _checked(parcel.tracking_number, "the tracking number")
    if not looks_like_a_number(number):
        raise NotPossible(
            "give a tracking number: letters, digits and # / . _ -, with a digit among them, "
            "and no words"
        )
    return replace(parcel, title=_name_of(parcel.carrier, title, account), tracking_number=number)


def _checked(text: str, what: str) -> str:
    """The text on one line. Raises NotPossible if it is too long or has invisible characters."""
    text = " ".join(text.split())
    if len(text) > LONGEST or not text.isprintable():
        raise NotPossible(f"{what} has {LONGEST} characters at most, and no invisible ones")
    return text


def _locked(session: Session, order_id: int) -> Order:
    order = session.get(Order, order_id, with_for_update=True, populate_existing=True)
    if order is None:
        raise NotPossible("it has just been deleted")
    return order
