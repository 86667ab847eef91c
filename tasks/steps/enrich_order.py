"""Step 3 of 7. Add prices, products and stock, and check whether the address is usable."""

from __future__ import annotations

from pipeline.clients import Clients
from pipeline.magento.order.body import check_address
from pipeline.orders.channel_order import ChannelOrder, FulfilledBy, Missing
from pipeline.orders.decision import MagentoState
from pipeline.orders.outcome import Done, Hold, HoldCode, Outcome
from pipeline.orders.tables import Order
from tasks.placing.goods import find_goods, too_few
from tasks.placing.order_facts import take_amounts, take_facts


def enrich_order(order: Order, clients: Clients) -> Outcome:
    """Hold an order that Magento cannot take; the timer retries it until the cause is gone."""
    placed = clients.placed(order)
    take_facts(order, placed)
    take_amounts(order, clients.amounts(order))
    if (hold := _address_withheld(placed)) is not None:
        return hold
    check_address(placed)
    goods = find_goods(order, placed, clients)
    if isinstance(goods, Hold):
        return goods
    for item in order.items:
        if (product := goods.products.get(item.sku)) is not None:
            item.product = product.as_json()
    if _takes_stock(order, clients):
        return too_few(order, placed, goods, clients) or Done()
    return Done()


def _address_withheld(placed: ChannelOrder) -> Hold | None:
    """The hold that names the missing role, if that is why the address is missing."""
    if placed.missing.get("street") != Missing.ROLE:
        return None
    return Hold(
        HoldCode.ADDRESS_UNUSABLE,
        'Amazon gives no address, because your application lacks the role "Direct-to-Consumer '
        'Delivery": have it granted, then authorise the application again',
        {"missing": ", ".join(placed.missing)},
    )


def _takes_stock(order: Order, clients: Clients) -> bool:
    """Whether own goods will still leave for this order: not for FBA, not for shipped goods."""
    return (
        order.fulfilled_by == FulfilledBy.MERCHANT
        and clients.decision(order).state is MagentoState.OPEN
        and clients.marketplace(order).out_of_stock == "block"
    )
