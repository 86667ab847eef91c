"""Create the requested shipment in Magento, with all units that are not shipped yet."""

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
    """Create the requested shipment, if any, unless the shop has made it meanwhile.

    The watch of the shop imports its packages, as for any shipment. Holds while Magento refuses it.
    """
    requested, entity_id = order.requested_shipment, order.magento_order_id
    if requested is None or requested.state not in STANDING or entity_id is None:
        return None
    if order.remote_status not in STILL_TO_SHIP:
        end_requested_shipment(
            order, f"the order is {order.remote_status} on Amazon by now", clients
        )
        return None
    # Read now: units that the warehouse has shipped since the last watch must not ship again.
    shipments = clients.shop(order).shipments.of_orders([entity_id])
    units, made = _left(order, shipments), _made_already(shipments, requested)
    write = _shipping(order, requested, units, clients)
    if made is not None:
        clients.ledger_of(order).seen(write, remote_id=made)
    elif not units:
        end_requested_shipment(order, "all of it is shipped in Magento already", clients)
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
    requested.state, requested.magento_shipment_id, requested.why = RequestState.DONE, int(made), ""
    return None


def end_requested_shipment(order: Order, why: str, clients: Clients) -> None:
    """End the requested shipment, or mark it done if it was made already.

    Raises Transient while an attempt may still arrive at Magento.
    """
    requested = order.requested_shipment
    if requested is None or requested.state not in STANDING:
        return
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
            title=order.report.title(requested.carrier_title) or requested.carrier_code,
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
