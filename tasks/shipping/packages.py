"""The packages to confirm to Amazon, and the packages that Amazon knows already. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.orders.channel import Confirmation
from pipeline.orders.channel_order import ChannelOrder, Package, Program
from pipeline.orders.package_tables import Shipment, announcement
from pipeline.orders.tables import Order
from pipeline.shipping.packages import is_same_number

CONFIRMED_OTHERWISE = frozenset(
    {Program.FBM_SHIP_PLUS, Program.EASY_SHIP, Program.DELIVERY_BY_AMAZON}
)
"""Amazon transports these parcels or tracks them by itself, and refuses a confirmation."""


def to_confirm(order: Order, *, without_number: bool) -> list[Shipment]:
    """The packages in no feed whose confirmation is missing or outdated.

    A package without units of the order is never confirmed: the order had more tracks than units,
    or its units were confirmed with another package. `without_number` is the operator's setting for
    packages that were never confirmed.
    """
    left = {
        item.external_item_id: item.quantity - item.quantity_fulfilled_before
        for item in order.items
    }
    for shipment in order.shipments:
        if shipment.confirmed_as is not None:
            for item_id, count in quantities_of(order, shipment).items():
                left[item_id] -= count
    # A person kept Amazon's version against the shop: its units are not confirmed a second time.
    is_overruled = any(shipment.mismatch for shipment in order.shipments)

    def is_due(shipment: Shipment) -> bool:
        units = quantities_of(order, shipment)
        if not units or shipment.feed_id is not None:
            return False
        if shipment.confirmed_as is not None:
            return bool(shipment.tracking_number) and shipment.confirmed_as != announcement(
                shipment
            )
        if is_overruled and any(count > left[item_id] for item_id, count in units.items()):
            return False
        return bool(shipment.tracking_number) or without_number

    return [shipment for shipment in order.shipments if is_due(shipment)]


def surplus(order: Order) -> str:
    """A note with the tracking numbers that are not confirmed; empty when all are."""
    numbers = [
        shipment.tracking_number
        for shipment in order.shipments
        if shipment.tracking_number
        and shipment.confirmed_as is None
        and not quantities_of(order, shipment)
    ]
    if not numbers:
        return ""
    return (
        f"not sent to Amazon, since no unit is left for this tracking number: {', '.join(numbers)}"
    )


def confirmed_packages(order: Order) -> str:
    """The confirmed packages, for the shop's people: a line per package."""
    skus = {item.external_item_id: item.sku for item in order.items}
    lines = [
        " ".join(
            part
            for part in (
                order.report.title(shipment.carrier_title) or shipment.carrier_code,
                shipment.tracking_number or "without a tracking number",
            )
            if part
        )
        + ": "
        + ", ".join(
            f"{count} x {skus[item_id]}"
            for item_id, count in quantities_of(order, shipment).items()
        )
        for shipment in order.shipments
        if shipment.confirmed_as is not None
    ]
    return "\n".join(["Told Amazon:", *lines])


def confirmation_of(order: Order, shipment: Shipment, current: ChannelOrder) -> Confirmation:
    """The confirmation of a package. A sealed title stays sealed."""
    codes, _ = transparency_codes(order, current)
    return Confirmation(
        external_id=order.external_id,
        marketplace_id=order.marketplace_id,
        reference=shipment.package_reference,
        carrier_code=shipment.carrier_code,
        carrier_title=shipment.carrier_title,
        tracking_number=shipment.tracking_number,
        shipped_at=shipment.shipped_at,
        quantities=quantities_of(order, shipment),
        country=current.address.country if current.address else "",
        transparency_codes=codes.get(shipment.package_reference, {}),
    )


def quantities_of(order: Order, shipment: Shipment) -> dict[str, int]:
    """The units in a package by Amazon's item id, without lines that exist only in the shop."""
    item_ids = {item.magento_item_id: item.external_item_id for item in order.items}
    return {
        item_ids[part.magento_item_id]: part.quantity
        for part in shipment.items
        if part.magento_item_id in item_ids
    }


def transparency_codes(
    order: Order, current: ChannelOrder
) -> tuple[dict[str, dict[str, Sequence[str]]], dict[str, int]]:
    """Each package's codes by item, one per unit, and the number of missing codes by item.

    Codes are assigned in the order of the packages, so that a package gets the same codes in every
    confirmation.
    """
    wanted = {line.item_id for line in current.lines if Program.TRANSPARENCY in line.programs}
    left = {item.external_item_id: list(item.transparency_codes or ()) for item in order.items}
    given: dict[str, dict[str, Sequence[str]]] = {}
    missing: dict[str, int] = {}
    for shipment in order.shipments:
        for item_id, quantity in quantities_of(order, shipment).items():
            if item_id not in wanted:
                continue
            codes, left[item_id] = left[item_id][:quantity], left[item_id][quantity:]
            given.setdefault(shipment.package_reference, {})[item_id] = codes
            if len(codes) < quantity:
                missing[item_id] = missing.get(item_id, 0) + quantity - len(codes)
    return given, missing


def known_already(order: Order, shipment: Shipment, current: ChannelOrder) -> bool:
    """Whether Amazon knows this parcel, whoever confirmed it.

    Two of our packages may share a tracking number; Amazon's entry for the other does not count.
    """
    if not shipment.tracking_number:
        return any(package.reference == shipment.package_reference for package in current.packages)
    others = {package.package_reference for package in order.shipments if package is not shipment}
    ours = quantities_of(order, shipment)
    return any(
        package.reference not in others
        and is_same_number(package.tracking_number, shipment.tracking_number)
        and _covers(package.quantities, ours)
        for package in current.packages
    )


def shipped_by_others(order: Order, shipment: Shipment, current: ChannelOrder) -> Sequence[Package]:
    """The packages of others under which Amazon shows the whole order as shipped, else none."""
    ours = {package.package_reference for package in order.shipments}
    if any(line.quantity_fulfilled < line.quantity for line in current.lines):
        return ()
    if any(package.reference == shipment.package_reference for package in current.packages):
        return ()
    return [
        package
        for package in current.packages
        if package.reference not in ours and package.tracking_number
    ]


def _covers(amazons: Mapping[str, int], ours: Mapping[str, int]) -> bool:
    """Whether Amazon's package covers ours. Amazon may omit what is in a package."""
    return not amazons or all(amazons.get(item_id, 0) >= count for item_id, count in ours.items())
