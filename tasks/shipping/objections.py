"""The reasons not to confirm a package now; each holds the order for a person."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.orders.channel_order import ChannelOrder, RemoteStatus
from pipeline.orders.outcome import Hold, HoldCode
from pipeline.orders.package_tables import Shipment
from pipeline.orders.tables import Order
from pipeline.shipping.packages import Mismatch
from tasks.shipping.packages import known_already, shipped_by_others, transparency_codes


def changed_since_confirmed(order: Order) -> Hold | None:
    """The hold for a package that the shop changed after its confirmation, which Amazon keeps."""
    changed = next((shipment for shipment in order.shipments if shipment.mismatch), None)
    if changed is None or order.confirm_anyway:
        return None
    name = f"shipment {changed.magento_shipment_id}"
    if changed.mismatch == Mismatch.DELETED:
        what = (
            f"{name} was deleted in Magento after it was confirmed to Amazon under "
            f"{changed.tracking_number or 'no number'}: ship the same units again there, and the "
            "package at Amazon gets their number"
        )
    else:
        what = (
            f"units were taken out of {name} in Magento after they were confirmed to Amazon, which "
            "never changes the contents of a package: put them back"
        )
    return Hold(
        HoldCode.SHIPMENT_CHANGED,
        f"{what}; or leave the package at Amazon as it is with `orderbridge orders release "
        f"{order.external_id} --confirm-anyway`",
        {"shipment": str(changed.magento_shipment_id)},
    )


def objection(order: Order, due: Sequence[Shipment], current: ChannelOrder) -> Hold | None:
    """The hold with the reason not to confirm now; None without a reason."""
    if current.status == RemoteStatus.CANCELLED:
        return Hold(
            HoldCode.CANCELLED_AFTER_SHIPMENT,
            "cancelled on Amazon after goods had left the warehouse; nothing was confirmed",
        )
    nothing_confirmed = all(shipment.confirmed_as is None for shipment in order.shipments)
    if current.buyer_wants_to_cancel and nothing_confirmed and not order.confirm_anyway:
        return Hold(
            HoldCode.BUYER_WANTS_TO_CANCEL,
            "the buyer asked to cancel and nothing was confirmed yet: stop the parcel and cancel "
            "the order in Seller Central, or confirm its packages with "
            f"`orderbridge orders release {order.external_id} --confirm-anyway`",
        )
    _, missing = transparency_codes(order, current)
    if missing:
        item_id, count = next(iter(missing.items()))
        return Hold(
            HoldCode.TRANSPARENCY_CODES,
            f"Amazon wants a Transparency code per unit; {count} of item {item_id} are missing: "
            f"`orderbridge orders transparency {order.external_id} {item_id} CODE...`",
            {"item": item_id, "missing": str(count)},
        )
    for shipment in due:
        if shipment.confirmed_as is None and not known_already(order, shipment, current):
            others = shipped_by_others(order, shipment, current)
            if others:
                numbers = ", ".join(package.tracking_number for package in others)
                return Hold(
                    HoldCode.CONFIRMED_ELSEWHERE,
                    f"Amazon shows all of this order as shipped under {numbers}, Magento under "
                    f"{shipment.tracking_number}: correct the number that is wrong",
                    {"amazon": numbers, "magento": shipment.tracking_number},
                )
    return None


def confirmation_unclear(order: Order, shipment: Shipment) -> Hold:
    """The hold after an unreadable feed result, when Amazon's order does not show the package."""
    return Hold(
        HoldCode.CONFIRMATION_LOST,
        f"it is not known whether Amazon accepted the confirmation of package "
        f"{shipment.tracking_number or shipment.package_reference}: {shipment.refusal}. Check the "
        "order in Seller Central; a confirmation there under this number is enough, and "
        f"`orderbridge orders release {order.external_id} --confirm-anyway` sends it again",
        {"package": shipment.package_reference},
    )
