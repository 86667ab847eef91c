"""Step 7 of 7. Confirm every package to Amazon, until the whole order is confirmed."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.clients import Clients
from pipeline.magento.records import ENDED, HOLDED
from pipeline.orders.channel_order import FulfilledBy, Program
from pipeline.orders.outcome import Done, Hold, HoldCode, Outcome, Skipped, Wait
from pipeline.orders.package_tables import Shipment, announcement
from pipeline.orders.states import ConfirmationState
from pipeline.orders.tables import Order
from tasks.cancelling.fewer_units import being_reduced
from tasks.cancelling.invoice_check import invoiced_wrongly
from tasks.cancelling.part_cancelled import reduced
from tasks.shipping.confirmation import confirm, confirmation_write, mark_accepted
from tasks.shipping.objections import changed_since_confirmed, confirmation_unclear, objection
from tasks.shipping.packages import (
    CONFIRMED_OTHERWISE,
    confirmation_of,
    confirmed_packages,
    known_already,
    surplus,
    to_confirm,
)
from tasks.shipping.requested_shipment import ship_requested
from tasks.shipping.ship_from import supply_sources
from tasks.shipping.shop_comment import comment
from tasks.steps.ship_order import ON_HOLD, units_shipped

# After a failure in a feed the package is confirmed in a separate call.
_BY_CALL = (ConfirmationState.REFUSED, ConfirmationState.UNCLEAR)


def sync_tracking(order: Order, clients: Clients) -> Outcome:
    """Read the order again just before confirming, since Amazon may have cancelled it meanwhile."""
    if (hold := invoiced_wrongly(order, clients)) is not None:
        return hold
    if order.fulfilled_by == FulfilledBy.AMAZON or not order.shipments:
        return Skipped("nothing of ours to confirm")
    if otherwise := CONFIRMED_OTHERWISE.intersection(order.programs):
        return Skipped(f"{min(otherwise)}: Amazon needs no confirmation, and takes none")
    fewer = being_reduced(order, clients)
    if fewer and (hold := reduced(order, fewer, clients)) is not None:
        return hold
    if (hold := changed_since_confirmed(order)) is not None:
        return hold
    refused = ship_requested(order, clients)
    # A feed takes packages without a number, but has no field for the place of shipment.
    without_number = (
        clients.marketplace(order).confirm_without_tracking
        and Program.INVOICE_BY_AMAZON not in order.programs
    )
    due = to_confirm(order, without_number=without_number)
    if due and (hold := _confirm_due(order, due, clients)) is not None:
        return hold
    if refused is not None:
        return refused
    if (outcome := _rest(order, clients)) is not None:
        return outcome
    notes = surplus(order), comment(order, confirmed_packages(order), clients)
    return Skipped("; ".join(filter(None, notes))) if any(notes) else Done()


def _confirm_due(order: Order, due: Sequence[Shipment], clients: Clients) -> Hold | None:
    """Confirm these packages to Amazon, or hold the order with the reason not to."""
    refused = [
        shipment.refusal
        for shipment in due
        if shipment.confirmation == ConfirmationState.REFUSED and shipment.refusal
    ]
    # A failure in a feed is shown first; the next attempt confirms in a separate call.
    if refused and order.hold_code != HoldCode.CONFIRMATION_REFUSED:
        return Hold(
            HoldCode.CONFIRMATION_REFUSED, f"the shipment confirmation was refused: {refused[0]}"
        )
    by_feed = _all_by_feed(order, due, clients)
    has_seller_id = bool(clients.account(order).seller_id)
    if not has_seller_id and not all(shipment.tracking_number for shipment in due):
        return Hold(
            HoldCode.SETTING_MISSING,
            "a package without a tracking number is confirmed in a feed, which needs "
            f"accounts.{order.account}.seller_id (in Seller Central: Account Info, Merchant Token)",
        )
    # A call for each order would take longer than the feed saves.
    current = clients.placed(order) if by_feed else clients.read_again(order)
    unclear = [
        shipment
        for shipment in due
        if shipment.confirmation == ConfirmationState.UNCLEAR
        and not order.confirm_anyway
        and not known_already(order, shipment, current)
    ]
    if (hold := objection(order, due, current)) is not None:
        for shipment in due:
            if shipment.confirmation == ConfirmationState.FEED:
                shipment.confirmation, shipment.to_feed = ConfirmationState.QUEUED, None
        return hold
    unknown = [
        shipment
        for shipment in due
        if shipment not in unclear and not known_already(order, shipment, current)
    ]
    places = supply_sources(order, unknown, clients)
    for shipment in due:
        if shipment in unclear:
            continue
        if shipment.confirmed_as is None and known_already(order, shipment, current):
            # A crashed attempt may have confirmed the package: this ends its row in the ledger.
            clients.ledger_of(order).made(confirmation_write(order, shipment, current, clients))
            mark_accepted(shipment, clients)
        elif by_feed or not shipment.tracking_number:
            # Amazon refuses a call without a number; the schema of a feed leaves it out.
            message = clients.channel(order).feed_message(confirmation_of(order, shipment, current))
            shipment.to_feed = {**message, "announcement": announcement(shipment)}
            shipment.confirmation = ConfirmationState.FEED
        else:
            place = places.get(shipment.package_reference, "")
            confirm(order, shipment, current, clients, place)
    return confirmation_unclear(order, unclear[0]) if unclear else None


def _all_by_feed(order: Order, due: Sequence[Shipment], clients: Clients) -> bool:
    """Whether to use a feed. A package that waits for a feed stays with it. A feed has no field for
    Transparency codes, nor for the place of shipment."""
    if any(shipment.confirmation in _BY_CALL for shipment in due):
        return False
    if Program.INVOICE_BY_AMAZON in order.programs:
        return False
    if any(item.transparency_codes for item in order.items):
        return False
    if not clients.account(order).seller_id:
        return False
    return any(
        shipment.confirmation == ConfirmationState.FEED for shipment in due
    ) or clients.confirms_by_feed(order)


def _rest(order: Order, clients: Clients) -> Outcome | None:
    """The wait or hold for what is still missing; None once every unit has been confirmed."""
    if any(shipment.feed_id is not None for shipment in order.shipments):
        return Wait(
            "the confirmation was sent to Amazon in a feed; the result is pending",
            clients.recheck_waiting,
        )
    if any(shipment.confirmation == ConfirmationState.FEED for shipment in order.shipments):
        return Wait("the confirmation goes to Amazon with the next feed", clients.recheck_waiting)
    left = sum(
        item.quantity - item.quantity_fulfilled_before - units_shipped(order, item.magento_item_id)
        for item in order.items
    )
    if left > 0 and order.magento_state in ENDED:
        return Hold(
            HoldCode.CANCELLED_IN_MAGENTO,
            f"{left} units will not be shipped, since the rest was cancelled in Magento; Amazon "
            "cancels whole orders only: refund them in Seller Central",
        )
    if left > 0 and order.magento_state == HOLDED:
        return Wait(ON_HOLD, clients.recheck_waiting)
    if left > 0:
        return Wait(f"units left to ship: {left}", clients.recheck_waiting)
    if any(
        not shipment.tracking_number and shipment.confirmed_as != announcement(shipment)
        for shipment in order.shipments
    ):
        return Wait(
            "a package has no tracking number yet, or a text that does not look like one",
            clients.recheck_waiting,
        )
    return None
