"""The write that creates a placeholder product, and the check for placeholders."""

from __future__ import annotations

from pipeline.base.errors import CannotMap
from pipeline.clients import Clients
from pipeline.magento.records import Product
from pipeline.magento.rest.catalog import EVERYWHERE, folded
from pipeline.magento.stock.placeholder_product import placeholder, url_key
from pipeline.orders.ledger_write import Trace
from pipeline.orders.outcome import HoldCode
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Order
from tasks.placing.store_view import store_code


def make_placeholder(order: Order, sku: str, title: str, clients: Clients) -> Product:
    """The product with this SKU, which is created unless the shop has it.

    Raises CannotMap when Magento refuses it, or when our placeholder was deleted.
    """
    # Search all store views, since Magento would silently overwrite an existing product.
    shop = clients.shop(order)
    if (product := shop.catalog.products([sku], EVERYWHERE).get(sku)) is not None:
        return product
    store = shop.directory.store_view(store_code(order, clients))
    body = placeholder(sku, title, store, shop.catalog.attribute_set())
    trace = _trace(order, sku, clients)
    write = trace.write(lambda: shop.catalog.create(body), HoldCode.PRODUCT_REFUSED)
    clients.ledger_of(order).once(write)
    if (made := shop.catalog.products([sku], EVERYWHERE).get(sku)) is not None:
        return made
    raise CannotMap(
        HoldCode.SKU_NOT_FOUND,
        f"the placeholder product for {sku} is gone from Magento's catalogue; add it again and "
        "the order goes on by itself",
        {"skus": sku},
    )


def is_placeholder(order: Order, product: Product, clients: Clients) -> bool:
    """Whether the product is a placeholder that we created."""
    trace = _trace(order, product.sku, clients)
    return clients.ledger_of(order).made(trace) == str(product.id)


def _trace(order: Order, sku: str, clients: Clients) -> Trace:
    shop = clients.shop(order)

    def find() -> str | None:
        # Only our placeholder has this URL key, so no product of the merchant is mistaken for it.
        entity_id = shop.catalog.at_url_key(url_key(sku))
        return str(entity_id) if entity_id else None

    return clients.ledger_of(order).shop_trace(
        "product", folded(sku), kind=EffectKind.PRODUCT, find=find
    )
