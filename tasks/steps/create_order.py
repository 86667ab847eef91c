"""Step 5 of 7. Create the Magento order, its reservation and its invoice, each exactly once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from pipeline.base.money import ZERO
from pipeline.clients import Clients
from pipeline.magento.order.body import OrderShape, differences
from pipeline.magento.order.save_again import rewritten
from pipeline.magento.records import ENDED, MagentoOrder
from pipeline.orders.outcome import Done, Hold, HoldCode, Outcome
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Order
from tasks.cancelling.edited_in_shop import as_edited
from tasks.placing.pending_stock import release_stock
from tasks.placing.placement import placed_trace, placement, remember, shape_of
from tasks.placing.reserve import reserved

_PROCESSING = "processing"


def create_order(order: Order, clients: Clients) -> Outcome:
    """Create what the merchant's systems see as an ordinary new Magento order.

    The shop's reply to each write is the input of the next; only a repeat reads the order again.
    """
    settings = clients.marketplace(order)
    placed, is_new = _placed(order, clients)
    now = as_edited(order, placed, clients) if placed.is_edited else placed
    now = reserved(order, now, clients, _shipped_before(order, clients))
    # Amazon's status may have changed between two attempts; the order keeps its original shape.
    before = _shipped_before(order, clients) if is_new else _counted_before(order, now, clients)
    shape = shape_of(order) if is_new else _created_as(now, before)
    # The stock is released only now, so that nobody else can buy it in between.
    release_stock(order, clients)
    # When a person has ended the order in the shop, the next step decides the report to Amazon.
    if now.state not in ENDED:
        if shape is OrderShape.COMPLETE or settings.invoice == "create":
            now = _invoiced(order, now, shape, clients)
        is_open = settings.invoice == "create" and now.state == _PROCESSING
        if is_open and settings.order_status is not None:
            now = _with_status(order, now, settings.order_status, clients)
    remember(order, now)
    if shape is OrderShape.PARTLY:
        for item in order.items:
            item.quantity_fulfilled_before = before.get(item.external_item_id, 0)
    if (difference := differences(now, clients.amounts(order))) is not None:
        return Hold(HoldCode.TOTALS_DIFFER, difference)
    return Done()


def _placed(order: Order, clients: Clients) -> tuple[MagentoOrder, bool]:
    """The Magento order, and whether this run created it.

    An order created by an earlier run needs nothing more from Amazon.
    """
    ledger = clients.ledger_of(order)
    entity_id = ledger.made(placed_trace(order, clients))
    if entity_id is None:
        made = ledger.once(placement(order, clients))
        if made.answer is not None:
            return made.answer, True
        entity_id = made.remote_id
    return clients.shop(order).orders.get(int(entity_id)), False


def _counted_before(order: Order, now: MagentoOrder, clients: Clients) -> dict[str, int]:
    """The units of each line that count as shipped without a shipment in the shop."""
    if not any(item.quantity_shipped for item in now.items):
        return {}
    sent: dict[int, Decimal] = {}
    for shipment in clients.shop(order).shipments.of_orders([now.entity_id]):
        for item_id, count in shipment.items.items():
            sent[item_id] = sent.get(item_id, ZERO) + count
    return {
        item.ext_order_item_id: int(item.quantity_shipped - sent.get(item.item_id, ZERO))
        for item in now.items
        if item.ext_order_item_id
    }


def _created_as(now: MagentoOrder, before: Mapping[str, int]) -> OrderShape:
    goods = [item for item in now.items if item.ext_order_item_id]
    if not any(before.values()):
        return OrderShape.NEW
    if all(before[item.ext_order_item_id] >= item.quantity_ordered for item in goods):
        return OrderShape.COMPLETE
    return OrderShape.PARTLY


def _shipped_before(order: Order, clients: Clients) -> dict[str, int]:
    """The fulfilled units of each line of an order that was first seen partly shipped."""
    if shape_of(order) is not OrderShape.PARTLY:
        return {}
    return {line.item_id: line.quantity_fulfilled for line in clients.placed(order).lines}


def _invoiced(order: Order, now: MagentoOrder, shape: OrderShape, clients: Clients) -> MagentoOrder:
    """Invoice the whole order. Magento completes an order that has nothing left to ship."""
    shop, entity_id = clients.shop(order), now.entity_id

    def find() -> str | None:
        invoices = shop.invoices.of_orders([entity_id]).get(entity_id, [])
        return str(min(invoice.entity_id for invoice in invoices)) if invoices else None

    ledger = clients.ledger_of(order)
    invoice = ledger.trace("invoice", kind=EffectKind.INVOICE, find=find)
    made = ledger.once(
        invoice.write(lambda: shop.invoices.create(entity_id), HoldCode.INVOICE_REFUSED)
    )
    if not made.by_us:
        return shop.orders.get(entity_id) if now.state == "new" else now
    state = "complete" if shape is OrderShape.COMPLETE else _PROCESSING
    return replace(
        now,
        state=state,
        status=state,
        total_paid=now.grand_total,
        base_total_paid=now.base_grand_total,
    )


def _with_status(order: Order, now: MagentoOrder, status: str, clients: Clients) -> MagentoOrder:
    """Give the open order the operator's status, since an invoice resets any earlier status.

    A comment cannot set the status: since 2.4.7 Magento refuses a comment with another status.
    """
    shop, entity_id = clients.shop(order), now.entity_id
    body = rewritten(now, state=_PROCESSING, status=status)

    def find() -> str | None:
        in_shop = shop.orders.get(entity_id)
        return in_shop.status if in_shop.status == status or in_shop.state != _PROCESSING else None

    ledger = clients.ledger_of(order)
    given = ledger.trace("status", kind=EffectKind.STATUS, find=find)
    made = ledger.once(
        given.write(
            lambda: shop.orders.save(body),
            HoldCode.STATUS_REFUSED,
            id_of=lambda _: status,
            is_to_be_seen=lambda is_shown: not is_shown,
        )
    )
    return replace(now, status=status) if made.by_us else now
