"""Step 7 of 7. Tell Amazon of every package that left, until all of the order has."""

from __future__ import annotations

from pipeline.channel import Channel, Confirmation, FulfilledBy
from pipeline.clients import Clients
from pipeline.effects import Write
from pipeline.errors import Rejected
from pipeline.models import Order, Shipment
from pipeline.outcome import Done, Hold, HoldCode, Outcome, Skipped, Wait
from pipeline.rate_limit import Lane
from tasks.steps.gate import stopped
from tasks.steps.ship_order import units_shipped


def sync_tracking(order: Order, clients: Clients) -> Outcome:
    """The order is read again just before, since Amazon may have cancelled it meanwhile."""
    if (outcome := stopped(order, clients)) is not None:
        return outcome
    if order.fulfilled_by == FulfilledBy.AMAZON or not order.shipments:
        return Skipped("nothing of ours to confirm")
    open_packages = [
        shipment
        for shipment in order.shipments
        if shipment.tracking_number and shipment.confirmed_as != _announcement(shipment)
    ]
    if open_packages:
        channel = clients.channel(order)
        current = channel.parse(channel.order(order.external_id, Lane.CONFIRM))
        if current.status == "CANCELLED":
            return Hold(
                HoldCode.CANCELLED_AFTER_SHIPMENT,
                "cancelled on Amazon after goods had left the warehouse; nothing was confirmed",
            )
        country = current.address.country if current.address else ""
        for shipment in open_packages:
            _confirm(order, shipment, country, clients)
    left = sum(
        item.quantity - item.quantity_fulfilled_before - units_shipped(order, item.magento_item_id)
        for item in order.items
    )
    unnumbered = any(not shipment.tracking_number for shipment in order.shipments)
    if left > 0:
        return Wait(f"{left} more to be shipped", clients.recheck_waiting)
    if unnumbered:
        return Wait("a package has no tracking number yet", clients.recheck_waiting)
    return Done()


def _announcement(shipment: Shipment) -> str:
    """What Amazon is told of a package; when it changes, the package is told again."""
    return f"{shipment.carrier_code}/{shipment.carrier_title}/{shipment.tracking_number}"


def _confirm(order: Order, shipment: Shipment, country: str, clients: Clients) -> None:
    channel = clients.channel(order)
    item_ids = {item.magento_item_id: item.external_item_id for item in order.items}
    confirmation = Confirmation(
        external_id=order.external_id,
        marketplace_id=order.marketplace_id,
        reference=shipment.package_reference,
        carrier_code=shipment.carrier_code,
        carrier_title=shipment.carrier_title,
        tracking_number=shipment.tracking_number,
        shipped_at=shipment.shipped_at,
        quantities={
            item_ids[part.magento_item_id]: part.quantity
            for part in shipment.items
            if part.magento_item_id in item_ids
        },
        country=country,
    )

    def send() -> str:
        try:
            channel.confirm_shipment(confirmation)
        except Rejected as error:
            if error.code == "PackageToUpdateNotFound" and _is_known(channel, confirmation):
                return confirmation.reference
            shipment.confirmation, shipment.refusal = "refused", str(error)
            raise
        return confirmation.reference

    shipment.confirmation = "sent"
    clients.ledger.once(
        order.id,
        Write(
            # A track may be changed and changed back: each announcement is a write of its own.
            key=f"confirm:{order.account}:{order.external_id}:{shipment.package_reference}:"
            f"{shipment.confirmed_times}:{clients.pseudonym(_announcement(shipment))}",
            kind="shipment confirmation",
            send=send,
            find=lambda: None,
            settles_after=clients.settles_after(order),
            refused_as=HoldCode.CONFIRMATION_REFUSED,
            # Amazon takes a repeat with the same package reference as an edit of the package.
            harmless_twice=True,
        ),
    )
    shipment.confirmation, shipment.refusal = "accepted", None
    shipment.confirmed_at, shipment.confirmed_as = clients.now(), _announcement(shipment)
    shipment.confirmed_times += 1


def _is_known(channel: Channel, confirmation: Confirmation) -> bool:
    """Whether Amazon already has a package with this tracking number, under whatever reference."""
    current = channel.parse(channel.order(confirmation.external_id, Lane.CONFIRM))
    return any(
        package.tracking_number == confirmation.tracking_number for package in current.packages
    )
