"""Step 3 of 7. Fill in the details: prices, products, stock, and whether the address will do."""

from __future__ import annotations

from collections import Counter

from pipeline.channel import ChannelOrder, FulfilledBy, Missing
from pipeline.clients import Clients
from pipeline.magento.order_body import check_address
from pipeline.magento.records import Product
from pipeline.models import Order
from pipeline.outcome import Done, Hold, HoldCode, Outcome
from pipeline.policy import MagentoState
from tasks.steps.facts import take_amounts, take_facts
from tasks.steps.gate import decision_for, stopped
from tasks.steps.store import store_code

SELLABLE_TYPES = frozenset({"simple", "virtual", "downloadable"})


def enrich_order(order: Order, clients: Clients) -> Outcome:
    """Hold what cannot become a Magento order; the timer looks again until the cause is gone."""
    if (outcome := stopped(order, clients)) is not None:
        return outcome
    placed = clients.placed(order)
    take_facts(order, placed)
    take_amounts(order, clients.amounts(order))
    if (hold := _address_withheld(placed)) is not None:
        return hold
    check_address(placed)
    shop, store = clients.shop(order), store_code(order, clients)
    skus = {line.sku for line in placed.lines}
    products = shop.products(skus, store)
    for item in order.items:
        if (product := products.get(item.sku)) is not None:
            item.product = product.as_json()
    if (hold := _unsellable(placed, products, order)) is not None:
        return hold
    if _takes_stock(order, clients):
        wanted = Counter[str]()
        for line in placed.lines:
            wanted[line.sku] += line.quantity - line.quantity_fulfilled
        salable = shop.salable({sku: n for sku, n in wanted.items() if n > 0}, store)
        missing = sorted(sku for sku, is_salable in salable.items() if not is_salable)
        if missing:
            return Hold(
                HoldCode.OUT_OF_STOCK,
                f"not enough in stock of {', '.join(missing)}; goes on by itself once there is",
                {"skus": ", ".join(missing)},
            )
    return Done()


def _address_withheld(placed: ChannelOrder) -> Hold | None:
    """The hold that names the role when that is why there is nowhere to send the parcel."""
    if placed.missing.get("street") != Missing.ROLE:
        return None
    return Hold(
        HoldCode.ADDRESS_UNUSABLE,
        'Amazon gives no address, because your application lacks the role "Direct-to-Consumer '
        'Delivery": have it granted, then authorise the application again',
        {"missing": ", ".join(placed.missing)},
    )


def _unsellable(placed: ChannelOrder, products: dict[str, Product], order: Order) -> Hold | None:
    """The first reason why a line cannot be put on a Magento order."""
    unknown = sorted({line.sku for line in placed.lines if line.sku not in products})
    if unknown:
        named = ", ".join(sku or "(no SKU)" for sku in unknown)
        return Hold(
            HoldCode.SKU_NOT_FOUND,
            f"{named} is not in Magento's catalogue; add it and the order goes on by itself",
            {"skus": named},
        )
    for sku, product in sorted(products.items()):
        if product.type_id not in SELLABLE_TYPES:
            return Hold(
                HoldCode.PRODUCT_TYPE,
                f"{sku} is a {product.type_id} product; sell one of its simple products instead",
                {"skus": sku, "type": product.type_id},
            )
        if not product.enabled and order.fulfilled_by == FulfilledBy.MERCHANT:
            return Hold(
                HoldCode.PRODUCT_DISABLED,
                f"{sku} is disabled in Magento; enable it and the order goes on by itself",
                {"skus": sku},
            )
    return None


def _takes_stock(order: Order, clients: Clients) -> bool:
    """Whether own goods will leave for this order: not for FBA, not for what has left already."""
    return (
        order.fulfilled_by == FulfilledBy.MERCHANT
        and decision_for(order, clients).state is MagentoState.OPEN
        and clients.marketplace(order).out_of_stock == "block"
    )
