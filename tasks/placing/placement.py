"""The write that creates the Magento order, and the check whether it exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pipeline.clients import Clients
from pipeline.magento.order.addresses import country_of
from pipeline.magento.order.body import OrderShape, build
from pipeline.magento.order.number import increment_id
from pipeline.magento.records import MagentoOrder, Product
from pipeline.magento.stock.reserve_by_cancelling import marked
from pipeline.orders.channel_order import Address, FulfilledBy, RemoteStatus
from pipeline.orders.ledger_write import Trace, Write
from pipeline.orders.outcome import HoldCode
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Order
from tasks.placing.store_view import store_code

_LEFT_FROM = {FulfilledBy.AMAZON: " (FBA)", FulfilledBy.MERCHANT: " (shipped)"}
"""Suffixes for the SKU of goods shipped before the import, by who fulfilled them."""


def shape_of(order: Order) -> OrderShape:
    """The shape for the new Magento order: goods may have been shipped before the import."""
    if order.fulfilled_by == FulfilledBy.AMAZON or order.remote_status == RemoteStatus.SHIPPED:
        return OrderShape.COMPLETE
    if order.remote_status == RemoteStatus.PARTIALLY_SHIPPED:
        return OrderShape.PARTLY
    return OrderShape.NEW


def placed_trace(order: Order, clients: Clients) -> Trace:
    """The trace of the Magento order's creation: Amazon's number in `ext_order_id`."""
    shop = clients.shop(order)

    def find() -> str | None:
        orders = shop.orders.find(order.external_id)
        return str(min(order.entity_id for order in orders)) if orders else None

    return clients.ledger_of(order).trace("order", kind=EffectKind.ORDER, find=find)


def placement(order: Order, clients: Clients) -> Write[MagentoOrder]:
    """The creation of the Magento order. The data for its body is read here, before the intent.

    With `stock = seed` an order with unshipped goods is created with the marks that `reserved`
    needs.
    """
    shop, code = clients.shop(order), store_code(order, clients)
    settings = clients.marketplace(order)
    body = _body(order, clients)
    if shape_of(order) is OrderShape.COMPLETE:
        if settings.fba_lines == "detached":
            body = _detached(body, _LEFT_FROM[FulfilledBy(order.fulfilled_by)])
    elif settings.stock == "seed":
        body = marked(body)

    def send() -> MagentoOrder:
        created = shop.orders.create(body, code)
        # The reply has the payment's id, but not the names of its facts.
        payment = {**body["payment"], "entity_id": created.payment.get("entity_id")}
        return replace(created, payment=payment)

    return placed_trace(order, clients).write(
        send, HoldCode.ORDER_REFUSED, id_of=lambda created: str(created.entity_id)
    )


def remember(order: Order, now: MagentoOrder) -> None:
    """Store the ids of the Magento order and its lines, and its state."""
    if order.magento_order_id not in (None, now.entity_id):
        order.magento_invoiced = now.total_invoiced if now.is_invoiced else None
        order.magento_refunded = now.total_refunded if now.is_invoiced else None
    order.magento_order_id = now.entity_id
    order.magento_increment_id = now.increment_id
    order.magento_state, order.magento_status = now.state, now.status
    numbers = {item.ext_order_item_id: item.item_id for item in now.items}
    for item in order.items:
        item.magento_item_id = numbers.get(item.external_item_id)


def _detached(body: Mapping[str, Any], mark: str) -> dict[str, Any]:
    """Remove the product from lines: without a shipment a credit memo would take their stock."""
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
    store, amounts = shop.directory.store_view(code), clients.amounts(order)
    country = country_of(placed.address or Address())
    return build(
        placed,
        amounts,
        products=products,
        store=store,
        regions=shop.directory.regions(country, code) if country else (),
        customer_id=order.magento_customer_id,
        customer_group=order.magento_customer_group,
        increment_id=increment_id(placed, settings),
        shape=shape_of(order),
        rate=shop.directory.rate(store, amounts.currency),
        gift_wrap=settings.gift_wrap,
        with_tax_rows=clients.shop_settings(order).release.keeps_tax_rows,
    )
