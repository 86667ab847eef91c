"""A person requests a shipment of an order. Only the request is stored: a worker makes it in
Magento."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.master_keys import KeyMissing
from pipeline.base.vault import Vault
from pipeline.clients import offered_carriers
from pipeline.magento.records import ENDED, HOLDED
from pipeline.operations.acts.one_order import NotPossible
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.decision_table import CARRIED_BY_AMAZON, STILL_TO_SHIP
from pipeline.orders.machine import SHIPPING_STEPS, owner, wake
from pipeline.orders.requested_shipment import (
    RequestedShipment,
    RequestState,
    requested_shipment_key,
)
from pipeline.orders.requested_shipment_table import RequestedShipmentRow, end_standing, standing
from pipeline.orders.states import CancellationState
from pipeline.orders.tables import LIVE, Effect, EffectState, Note, Order, OrderPrivate, Status
from pipeline.orders.tracking_number import looks_like_a_number
from pipeline.shipping.packages import is_same_number
from pipeline.shipping.typed_by_clerks import Clerks

OTHER_CARRIER = "custom"
"""Magento's code for a carrier without a code of its own; it has a title only."""
LONGEST = 100
"""The limit for a tracking number or a carrier's title, in characters."""


class ShipmentRequests:
    """Stores requested shipments. Each method raises NotPossible."""

    def __init__(self, sessions: Sessions, vault: Vault, author: str, now: datetime) -> None:
        self._sessions = sessions
        self._vault = vault
        self._author = author
        self._now = now

    def ask(self, order_id: int, carrier: str, tracking_number: str, title: str = "") -> None:
        """Request a shipment of all units left, in place of a shipment that Magento refused.

        `carrier` is a Magento code; `title` is the name that people read.
        """
        title = _checked(title, "the carrier's title")
        number = _checked(tracking_number, "the tracking number")
        if not looks_like_a_number(number):
            raise NotPossible(
                "give a tracking number: letters, digits and # / . _ -, with a digit among them"
            )
        with self._sessions() as session, session.begin():
            order = _locked(session, order_id)
            name = _name_of(carrier, title, order.account)
            shown = offered_carriers(order.account).get(carrier, "another carrier")
            if why := obstacle(order):
                raise NotPossible(why)
            if any(
                is_same_number(shipment.tracking_number, number) for shipment in order.shipments
            ):
                raise NotPossible("a package of it has that tracking number already")
            requested = standing(session, order_id)
            if requested is not None and requested.state == RequestState.OPEN:
                raise NotPossible("its shipment has been requested already: take that back first")
            if requested is not None:
                self._take_back(session, order, requested, "requested again")
            session.add(
                RequestedShipmentRow(
                    order_id=order_id,
                    asked_at=self._now,
                    author=self._author,
                    carrier_code=carrier,
                    carrier_title=self._stored(session, order, name),
                    tracking_number=number,
                )
            )
            self._note(session, order_id, f"requested a shipment with {shown} {number}")

    def withdraw(self, order_id: int) -> None:
        """Withdraw a shipment that has not been sent to Magento, or that Magento refused."""
        with self._sessions() as session, session.begin():
            order = _locked(session, order_id)
            requested = standing(session, order_id)
            if requested is None:
                raise NotPossible("there is no shipment that could be taken back")
            self._take_back(session, order, requested, "taken back")
            self._note(
                session, order_id, f"took back the shipment under {requested.tracking_number}"
            )

    def _take_back(
        self, session: Session, order: Order, requested: RequestedShipment, why: str
    ) -> None:
        if order.status == Status.RUNNING:
            raise NotPossible("a step is running right now: try again in a moment")
        key = requested_shipment_key(order.account, order.external_id, requested.id)
        sent = session.scalar(select(Effect.state).where(Effect.key == key))
        if sent not in (None, EffectState.REFUSED):
            raise NotPossible("its shipment has been sent to Magento already")
        end_standing(session, [order.id], why)

    def _stored(self, session: Session, order: Order, title: str) -> str:
        private = session.get(OrderPrivate, order.id)
        key = None if private is None else private.wrapped_key
        try:
            stored = Clerks(self._vault, key, owner(order)).title(title)
        except KeyMissing as error:
            raise NotPossible(str(error)) from None
        if not stored:
            raise NotPossible(
                "it has no key to seal a title with: give a carrier that Amazon knows, "
                "without a title of your own"
            )
        return stored

    def _note(self, session: Session, order_id: int, text: str) -> None:
        session.add(Note(order_id=order_id, at=self._now, author=self._author, text=text))
        wake(session, [order_id], self._now)


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
    if _units_left(order) <= 0:
        return "all of it is shipped in Magento already"
    return ""


def latest(sessions: Sessions, order_id: int) -> RequestedShipmentRow | None:
    """The order's latest requested shipment, whatever its state."""
    with sessions() as session:
        return session.scalar(
            select(RequestedShipmentRow)
            .where(RequestedShipmentRow.order_id == order_id)
            .order_by(RequestedShipmentRow.id.desc())
            .limit(1)
        )


def _name_of(carrier: str, title: str, account: str) -> str:
    """The title, or else the marketplace's name of the carrier. Raises NotPossible."""
    carriers = offered_carriers(account)
    if carrier != OTHER_CARRIER and carrier not in carriers:
        raise NotPossible(f'there is no carrier "{carrier}": give {OTHER_CARRIER}, and a title')
    name = title or carriers.get(carrier, "")
    if not name:
        raise NotPossible("name the carrier in its title")
    return name


def _units_left(order: Order) -> int:
    ours = {item.magento_item_id for item in order.items}
    shipped = sum(
        part.quantity
        for shipment in order.shipments
        for part in shipment.items
        if part.magento_item_id in ours
    )
    return sum(item.quantity - item.quantity_fulfilled_before for item in order.items) - shipped


def _checked(text: str, what: str) -> str:
    """The text on one line. Raises NotPossible if it is too long or has invisible characters."""
    text = " ".join(text.split())
    if len(text) > LONGEST or not text.isprintable():
        raise NotPossible(f"{what} has {LONGEST} characters at most, and no invisible ones")
    return text


def _locked(session: Session, order_id: int) -> Order:
    order = session.get(Order, order_id, with_for_update=True)
    if order is None:
        raise NotPossible("it has just been deleted")
    return order
