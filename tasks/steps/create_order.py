"""Step 5 of 7. Create the Magento order and its invoice, each exactly once."""

from __future__ import annotations

from pipeline.clients import Clients
from pipeline.effects import Write
from pipeline.magento.order_body import OrderShape, differences
from pipeline.models import Order
from pipeline.outcome import Done, Hold, HoldCode, Outcome
from tasks.steps.gate import stopped
from tasks.steps.placement import placement, shape_of


def create_order(order: Order, clients: Clients) -> Outcome:
    """From here on the merchant's systems see an ordinary new Magento order."""
    if (outcome := stopped(order, clients)) is not None:
        return outcome
    shop = clients.shop(order)
    shape = shape_of(order)
    entity_id = int(clients.ledger.once(order.id, placement(order, clients)))
    if shape is OrderShape.COMPLETE or clients.marketplace(order).invoice == "create":
        clients.ledger.once(order.id, _invoice(order, entity_id, clients))
    created = shop.order(entity_id)
    order.magento_order_id = created.entity_id
    order.magento_increment_id = created.increment_id
    order.magento_status = created.status
    numbers = {item.ext_order_item_id: item.item_id for item in created.items}
    for item in order.items:
        item.magento_item_id = numbers.get(item.external_item_id)
    if shape is OrderShape.PARTLY:
        for line in clients.placed(order).lines:
            for item in order.items:
                if item.external_item_id == line.item_id:
                    item.quantity_fulfilled_before = line.quantity_fulfilled
    if (difference := differences(created, clients.amounts(order))) is not None:
        return Hold(HoldCode.TOTALS_DIFFER, difference)
    return Done()


def _invoice(order: Order, entity_id: int, clients: Clients) -> Write:
    shop = clients.shop(order)

    def find() -> str | None:
        invoices = shop.invoices([entity_id]).get(entity_id, [])
        return str(min(one.entity_id for one in invoices)) if invoices else None

    return Write(
        key=f"invoice:{order.account}:{order.external_id}",
        kind="invoice",
        send=lambda: shop.invoice(entity_id),
        find=find,
        settles_after=clients.settles_after(order),
        refused_as=HoldCode.INVOICE_REFUSED,
    )
