"""Orders as the API shows them: ids, states and amounts; nothing that names a buyer."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Row

from pipeline.base import money
from pipeline.operations.lists.remedies import FIXES
from pipeline.orders.outcome import HoldCode
from pipeline.orders.package_tables import Shipment
from pipeline.orders.tables import Order, OrderItem


class Money(BaseModel):
    """An amount in decimals, as text so that no reader rounds it."""

    amount: str
    currency: str


class HoldFacts(BaseModel):
    """Why an order is held. `remedy` says what a person does about it."""

    code: str
    sentence: str
    facts: dict[str, Any]
    remedy: str


class OrderSummary(BaseModel):
    """An order as it is listed."""

    id: int
    account: str
    number: str
    marketplace_id: str
    fulfilled_by: str
    shop: str | None
    magento_order_id: int | None
    magento_number: str | None
    step: str
    status: str
    amazon_status: str
    total: Money | None
    placed_at: datetime | None
    ship_by_at: datetime | None
    changed_at: datetime
    due_at: datetime | None
    hold: HoldFacts | None


class Line(BaseModel):
    """A line of an order."""

    amazon_item_id: str
    sku: str
    title: str
    quantity: int
    total: Money | None
    magento_item_id: int | None


class PackedLine(BaseModel):
    """How many units of a line are in a package."""

    magento_item_id: int
    quantity: int


class Package(BaseModel):
    """A package of the shop, and whether Amazon knows of it."""

    id: int
    magento_shipment_id: int
    package_reference: str
    carrier_code: str
    tracking_number: str
    shipped_at: datetime
    confirmation: str
    confirmed_at: datetime | None
    items: list[PackedLine]


class OrderInFull(OrderSummary):
    """An order with its facts, lines and packages."""

    programs: list[str]
    imported_at: datetime
    deliver_by_at: datetime | None
    shipped_at: datetime | None
    delivered_at: datetime | None
    dismissed_at: datetime | None
    magento_status: str | None
    magento_state: str | None
    invoiced: Money | None
    refunded: Money | None
    cancellation: str | None
    lines: list[Line]
    packages: list[Package]


class OrderPage(BaseModel):
    """A page of the list. `next` is the cursor of the page after it; null at the end."""

    orders: list[OrderSummary]
    next: str | None


def summary(order: Row[Any] | Order) -> OrderSummary:
    """The summary of an order, or of a row with the same columns."""
    return OrderSummary(**_summary(order))


def in_full(order: Order) -> OrderInFull:
    """An order with its lines and packages loaded."""
    return OrderInFull(
        **_summary(order),
        programs=list(order.programs),
        imported_at=order.created_at,
        deliver_by_at=order.deliver_by_at,
        shipped_at=order.shipped_at,
        delivered_at=order.delivered_at,
        dismissed_at=order.dismissed_at,
        magento_status=order.magento_status,
        magento_state=order.magento_state,
        invoiced=_money(order.magento_invoiced, order.currency),
        refunded=_money(order.magento_refunded, order.currency),
        cancellation=order.cancellation,
        lines=[_line(item, order.currency) for item in order.items],
        packages=[_package(shipment) for shipment in order.shipments],
    )


def _summary(order: Row[Any] | Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "account": order.account,
        "number": order.external_id,
        "marketplace_id": order.marketplace_id,
        "fulfilled_by": order.fulfilled_by,
        "shop": order.shop,
        "magento_order_id": order.magento_order_id,
        "magento_number": order.magento_increment_id,
        "step": order.step,
        "status": order.status,
        "amazon_status": order.remote_status,
        "total": _money(order.grand_total, order.currency),
        "placed_at": order.purchased_at,
        "ship_by_at": order.ship_by_at,
        "changed_at": order.updated_at,
        "due_at": order.due_at,
        "hold": _hold(order.hold_code, order.hold_reason, order.hold_facts),
    }


def _hold(code: str | None, sentence: str | None, facts: dict[str, Any]) -> HoldFacts | None:
    if code is None:
        return None
    known = code in list(HoldCode)
    remedy = FIXES.get(HoldCode(code), "") if known else ""
    return HoldFacts(code=code, sentence=sentence or "", facts=facts, remedy=remedy)


def _money(amount: Decimal | None, currency: str | None) -> Money | None:
    if amount is None or currency is None:
        return None
    return Money(amount=money.written(amount, currency), currency=currency)


def _line(item: OrderItem, currency: str | None) -> Line:
    return Line(
        amazon_item_id=item.external_item_id,
        sku=item.sku,
        title=item.title,
        quantity=item.quantity,
        total=_money(item.line_total, currency),
        magento_item_id=item.magento_item_id,
    )


def _package(shipment: Shipment) -> Package:
    return Package(
        id=shipment.id,
        magento_shipment_id=shipment.magento_shipment_id,
        package_reference=shipment.package_reference,
        carrier_code=shipment.carrier_code,
        tracking_number=shipment.tracking_number,
        shipped_at=shipment.shipped_at,
        confirmation=shipment.confirmation,
        confirmed_at=shipment.confirmed_at,
        items=[
            PackedLine(magento_item_id=part.magento_item_id, quantity=part.quantity)
            for part in shipment.items
        ],
    )
