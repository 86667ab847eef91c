"""The call that confirms a package to Amazon, and the order's record of it."""

from __future__ import annotations

from dataclasses import replace

from pipeline.base.errors import NotSent, Rejected
from pipeline.clients import Clients
from pipeline.orders.channel import NO_PACKAGE_TO_UPDATE
from pipeline.orders.channel_order import ChannelOrder
from pipeline.orders.ledger_write import Write
from pipeline.orders.outcome import HoldCode
from pipeline.orders.package_tables import Shipment, announcement
from pipeline.orders.states import ConfirmationState, EffectKind
from pipeline.orders.tables import Order
from tasks.shipping.packages import confirmation_of, known_already


def confirm(
    order: Order, shipment: Shipment, current: ChannelOrder, clients: Clients, place: str
) -> None:
    """Confirm the package in a call; `place` is where the parcel leaves from, if set."""
    clients.ledger_of(order).once(confirmation_write(order, shipment, current, clients, place))
    mark_accepted(shipment, clients)


def confirmation_write(
    order: Order, shipment: Shipment, current: ChannelOrder, clients: Clients, place: str = ""
) -> Write[str]:
    """The confirmation as a write of the ledger."""
    confirmation = replace(confirmation_of(order, shipment, current), supply_source=place)

    def send() -> str:
        shipment.confirmation = ConfirmationState.SENT
        try:
            title = order.report.title(shipment.carrier_title)
            clients.channel(order).confirm_shipment(replace(confirmation, carrier_title=title))
        except Rejected as error:
            if error.code == NO_PACKAGE_TO_UPDATE and known_already(
                order, shipment, clients.read_again(order)
            ):
                return confirmation.reference
            shipment.confirmation, shipment.refusal = ConfirmationState.REFUSED, str(error)
            raise
        except NotSent:
            shipment.confirmation = ConfirmationState.QUEUED
            raise
        return confirmation.reference

    def find() -> str | None:
        # A change of the carrier keeps the number, so Amazon's order cannot show its arrival.
        is_known = shipment.confirmed_as is None and known_already(order, shipment, current)
        return confirmation.reference if is_known else None

    trace = clients.ledger_of(order).trace(
        # A track may change and change back: each announcement is a separate write.
        "confirm",
        shipment.package_reference,
        shipment.confirmed_times,
        clients.pseudonym(announcement(shipment)),
        kind=EffectKind.CONFIRMATION,
        find=find,
        # Amazon takes a repeat with the same package reference as an edit of the package.
        harmless_twice=True,
    )
    return trace.write(send, HoldCode.CONFIRMATION_REFUSED)


def mark_accepted(shipment: Shipment, clients: Clients) -> None:
    """Note that Amazon has the confirmation."""
    shipment.confirmation = ConfirmationState.ACCEPTED
    shipment.refusal = shipment.to_feed = None
    shipment.confirmed_at, shipment.confirmed_as = clients.now(), announcement(shipment)
    shipment.confirmed_times += 1
