"""Create the requested shipments in Magento, none of a unit that is shipped already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.base.errors import CannotMap
from pipeline.clients import Clients
from pipeline.magento.records import MagentoShipment
from pipeline.orders.decision_table import STILL_TO_SHIP
from pipeline.orders.ledger_write import Write
from pipeline.orders.outcome import Hold, HoldCode
from pipeline.orders.requested_shipment import STANDING, RequestedShipment, RequestState
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Order
from pipeline.shipping.packages import is_same_number


def ship_requested(order: Order, clients: Clients) -> Hold | None:
    """Create the requested shipments, except those that the shop has made meanwhile.

    The watch of the shop imports their packages, as for any shipment. Holds while Magento refuses
    one of them; the others are made all the same.
    """
    standing, entity_id = _standing(order), order.magento_order_id
    if not standing or entity_id is None:
        return None
    if order.remote_status not in STILL_TO_SHIP:
        end_requested_shipments(
            order, f"the order is {order.remote_status} on Amazon by now", clients
        )
        return None
    # Read now: units that the warehouse has shipped since the last watch must not ship again.
    shipments = clients.shop(order).shipments.of_orders([entity_id])
    left = _left(order, shipments)
    holds = [_ship(order, requested, shipments, left, clients) for requested in standing]
    return next((hold for hold in holds if hold is not None), None)


def _ship(
    order: Order,
    requested: RequestedShipment,
    shipments: Sequence[MagentoShipment],
    left: dict[int, int],
    clients: Clients,
) -> Hold | None:
    """Create a shipment, and take its units from those that are `left`."""
    units, made = _units(order, requested, left), _made_already(shipments, requested)
    write = _shipping(order, requested, units, clients)
    if made is not None:
        clients.ledger_of(order).seen(write, remote_id=made)
    elif not units or any(count > left.get(item_id, 0) for item_id, count in units.items()):
        _end(order, requested, _TOO_FEW if left else _NONE_LEFT, clients)
        return None
    else:
        try:
            made = clients.ledger_of(order).once(write).remote_id
        except CannotMap as error:
            if error.code != HoldCode.SHIPMENT_REFUSED:
                raise
            requested.state, requested.why = RequestState.REFUSED, error.reason
            return Hold(
                HoldCode.SHIPMENT_REFUSED,
                f"{error.reason}; correct what Magento names, most often the stock of its source, "
                "and the shipment is retried, or take it back with "
                f"`orderbridge orders ship {order.external_id} --withdraw`",
                error.facts,
            )
        for item_id, count in units.items():
            left[item_id] -= count
    requested.state, requested.magento_shipment_id, requested.why = RequestState.DONE, int(made), ""
    return None


def end_requested_shipments(order: Order, why: str, clients: Clients) -> None:
    """End the requested shipments; mark those done that were made already.

    Raises Transient while an attempt may still arrive at Magento.
    """
    for requested in _standing(order):
        _end(order, requested, why, clients)


def _end(order: Order, requested: RequestedShipment, why: str, clients: Clients) -> None:
    write, ledger = _shipping(order, requested, {}, clients), clients.ledger_of(order)
    made = ledger.made(write)
    if made is None:
        ledger.give_up(why, write)
        requested.state, requested.why = RequestState.ENDED, why
    else:
        requested.state, requested.magento_shipment_id, requested.why = (
            RequestState.DONE,
            int(made),
            "",
        )


_NONE_LEFT = "all of it is shipped in Magento already"
_TOO_FEW = "the shop has shipped units of it meanwhile, so that fewer are left"


def _standing(order: Order) -> list[RequestedShipment]:
    return [each for each in order.requested_shipments if each.state in STANDING]


def _shipping(
    order: Order, requested: RequestedShipment, units: Mapping[int, int], clients: Clients
) -> Write[str]:
    shop, entity_id = clients.shop(order), order.magento_order_id or 0

    def find() -> str | None:
        return _made_already(shop.shipments.of_orders([entity_id]), requested)

    def send() -> str:
        return shop.shipments.create(
            entity_id,
            units,
            carrier_code=requested.carrier_code,
            title=requested.carrier_title,
            number=requested.tracking_number,
        )

    trace = clients.ledger_of(order).trace(
        "ship", requested.id, kind=EffectKind.SHIPMENT, find=find
    )
    return trace.write(send, HoldCode.SHIPMENT_REFUSED)


def _made_already(shipments: Sequence[MagentoShipment], requested: RequestedShipment) -> str | None:
    """The id of the shipment with the requested tracking number, whoever made it."""
    for shipment in shipments:
        if any(
            is_same_number(track.number, requested.tracking_number) for track in shipment.tracks
        ):
            return str(shipment.entity_id)
    return None


def _left(order: Order, shipments: Sequence[MagentoShipment]) -> dict[int, int]:
    """The unshipped units by Magento item id."""
    left = {}
    for item in order.items:
        if (item_id := item.magento_item_id) is not None:
            shipped = sum(int(shipment.items.get(item_id, 0)) for shipment in shipments)
            left[item_id] = item.quantity - item.quantity_fulfilled_before - shipped
    return {item_id: count for item_id, count in left.items() if count > 0}


def _units(
    order: Order, requested: RequestedShipment, left: Mapping[int, int]
) -> Mapping[int, int]:
    """The units of a request by Magento item id; none when the order lost one of its lines."""
    if requested.units is None:
        return dict(left)
    units = {
        item.magento_item_id: requested.units[item.external_item_id]
        for item in order.items
        if item.external_item_id in requested.units and item.magento_item_id is not None
    }
    return units if len(units) == len(requested.units) else {}
