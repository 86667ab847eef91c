"""The write that puts an order into Magento; also asked whether that has happened."""

from __future__ import annotations

from typing import Any

from pipeline.channel import Address, FulfilledBy
from pipeline.clients import Clients
from pipeline.effects import Trace, Write
from pipeline.magento.addresses import country_of
from pipeline.magento.order_body import OrderShape, build
from pipeline.magento.records import Product
from pipeline.models import Order
from pipeline.outcome import HoldCode
from tasks.steps.store import store_code


def shape_of(order: Order) -> OrderShape:
    """The shape the Magento order is created in: goods may have left before we saw the order."""
    if order.fulfilled_by == FulfilledBy.AMAZON or order.remote_status == "SHIPPED":
        return OrderShape.COMPLETE
    if order.remote_status == "PARTIALLY_SHIPPED":
        return OrderShape.PARTLY
    return OrderShape.NEW


def placed_trace(order: Order, clients: Clients) -> Trace:
    """What the creation of the Magento order leaves: Amazon's number in `ext_order_id`."""
    shop = clients.shop(order)

    def find() -> str | None:
        found = shop.find_orders(order.external_id)
        return str(min(one.entity_id for one in found)) if found else None

    return Trace(
        key=f"order:{order.account}:{order.external_id}",
        kind="order",
        find=find,
        settles_after=clients.settles_after(order),
    )


def placement(order: Order, clients: Clients) -> Write:
    """The creation of the Magento order. What its body needs is read here, before the intent."""
    shop, code = clients.shop(order), store_code(order, clients)
    body = _body(order, clients)
    trace = placed_trace(order, clients)
    return Write(
        key=trace.key,
        kind=trace.kind,
        find=trace.find,
        settles_after=trace.settles_after,
        send=lambda: str(shop.create_order(body, code).entity_id),
        refused_as=HoldCode.ORDER_REFUSED,
    )


def _body(order: Order, clients: Clients) -> dict[str, Any]:
    shop, code = clients.shop(order), store_code(order, clients)
    settings, placed = clients.marketplace(order), clients.placed(order)
    products = {
        item.sku: Product.from_json(item.product)
        for item in order.items
        if item.product is not None
    }
    number = None
    if settings.order_number == "amazon":
        number = settings.order_number_prefix + order.external_id
    country = country_of(placed.address or Address())
    return build(
        placed,
        clients.amounts(order),
        products=products,
        store=shop.store_view(code),
        regions=shop.regions(country, code) if country else (),
        customer_id=order.magento_customer_id,
        customer_group=order.magento_customer_group,
        increment_id=number,
        shape=shape_of(order),
    )
