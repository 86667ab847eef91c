"""The write that puts an order into Magento; also asked whether that has happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pipeline.clients import Clients
from pipeline.magento.order.addresses import country_of
from pipeline.magento.order.body import OrderShape, build
from pipeline.magento.order.number import increment_id
from pipeline.magento.records import MagentoOrder, Product
from pipeline.magento.stock.reserve_by_cancelling import marked
from pipeline.orders.channel import Address, FulfilledBy, RemoteStatus
from pipeline.orders.ledger import Trace, Write
from pipeline.orders.outcome import HoldCode
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Order
from tasks.placing.store_view import store_code

_LEFT_FROM = {FulfilledBy.AMAZON: " (FBA)", FulfilledBy.MERCHANT: " (shipped)"}
"""What marks the SKU of goods that had left before the order came, by where they left from."""


def shape_of(order: Order) -> OrderShape:
    """The shape the Magento order is created in: goods may have left before we saw the order."""
    if order.fulfilled_by == FulfilledBy.AMAZON or order.remote_status == RemoteStatus.SHIPPED:
        return OrderShape.COMPLETE
    if order.remote_status == RemoteStatus.PARTIALLY_SHIPPED:
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
        kind=EffectKind.ORDER,
        find=find,
        settles_after=clients.settles_after(order),
    )


def placement(order: Order, clients: Clients, answered: Callable[[MagentoOrder], object]) -> Write:
    """The creation of the Magento order. What its body needs is read here, before the intent.

    `answered` is told what the shop answered, if it is made now. With `stock = seed` the order of
    goods that are still to be shipped comes with the marks that `reserved` goes on from.
    """
    shop, code = clients.shop(order), store_code(order, clients)
    settings = clients.marketplace(order)
    body = _body(order, clients)
    if shape_of(order) is OrderShape.COMPLETE:
        if settings.fba_lines == "detached":
            body = _detached(body, _LEFT_FROM[FulfilledBy(order.fulfilled_by)])
    elif settings.stock == "seed":
        body = marked(body)
    trace = placed_trace(order, clients)

    def send() -> str:
        created = shop.create_order(body, code)
        # The answer has the payment's id, but not the names of its facts.
        payment = {**body["payment"], "entity_id": created.payment.get("entity_id")}
        answered(replace(created, payment=payment))
        return str(created.entity_id)

    return Write(
        key=trace.key,
        kind=trace.kind,
        find=trace.find,
        settles_after=trace.settles_after,
        send=send,
        refused_as=HoldCode.ORDER_REFUSED,
    )


def _detached(body: Mapping[str, Any], mark: str) -> dict[str, Any]:
    """Goods without their product: no shipment took them, so a credit memo over them would."""
    items = [dict(item) for item in body["items"]]
    for item in items:
        if item.pop("product_id", None) is not None:
            item["sku"] += mark
    return {**body, "items": items}


def _body(order: Order, clients: Clients) -> dict[str, Any]:
    shop, code = clients.shop(order), store_code(order, clients)
    settings, placed = clients.marketplace(order), clients.placed(order)
    products = {
        item.sku: Product.from_json(item.product)
        for item in order.items
        if item.product is not None
    }
    store, amounts = shop.store_view(code), clients.amounts(order)
    country = country_of(placed.address or Address())
    return build(
        placed,
        amounts,
        products=products,
        store=store,
        regions=shop.regions(country, code) if country else (),
        customer_id=order.magento_customer_id,
        customer_group=order.magento_customer_group,
        increment_id=increment_id(placed, settings),
        shape=shape_of(order),
        rate=shop.rate(store, amounts.currency),
        gift_wrap=settings.gift_wrap,
        with_tax_rows=clients.shop_settings(order).release >= (2, 4, 7),
    )
