"""The write that makes a placeholder product; also asked whether a product is one."""

from __future__ import annotations

from pipeline.base.errors import CannotMap
from pipeline.clients import Clients
from pipeline.magento.records import Product
from pipeline.magento.rest.catalog import EVERYWHERE, folded
from pipeline.magento.stock.placeholder_product import placeholder, url_key
from pipeline.orders.ledger import Trace, Write
from pipeline.orders.outcome import HoldCode
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Order
from tasks.placing.store_view import store_code


def make_placeholder(order: Order, sku: str, title: str, clients: Clients) -> Product:
    """The product of that SKU, made unless the shop has one.

    Raises CannotMap where Magento refuses it, or where the one we made was deleted.
    """
    # Looked for in all store views, since a product that exists would be overwritten silently.
    shop = clients.shop(order)
    if (there := shop.products([sku], EVERYWHERE).get(sku)) is not None:
        return there
    store = shop.store_view(store_code(order, clients))
    body = placeholder(sku, title, store, shop.attribute_set())
    trace = _trace(order, sku, clients)
    clients.ledger.once(
        order.id,
        Write(
            key=trace.key,
            kind=trace.kind,
            find=trace.find,
            settles_after=trace.settles_after,
            send=lambda: str(shop.create_product(body)),
            refused_as=HoldCode.PRODUCT_REFUSED,
        ),
    )
    if (made := shop.products([sku], EVERYWHERE).get(sku)) is not None:
        return made
    raise CannotMap(
        HoldCode.SKU_NOT_FOUND,
        f"the product that was made for {sku} is gone from Magento's catalogue; add it again and "
        "the order goes on by itself",
        {"skus": sku},
    )


def is_placeholder(order: Order, product: Product, clients: Clients) -> bool:
    """Whether the product is one that we made."""
    trace = _trace(order, product.sku, clients)
    return clients.ledger.made(order.id, trace) == str(product.id)


def _trace(order: Order, sku: str, clients: Clients) -> Trace:
    shop = clients.shop(order)

    def find() -> str | None:
        # By what only ours has, so that a product of the merchant's is never taken for one.
        found = shop.product_at(url_key(sku))
        return str(found) if found else None

    return Trace(
        key=f"product:{clients.shop_name(order)}:{folded(sku)}",
        kind=EffectKind.PRODUCT,
        find=find,
        settles_after=clients.settles_after(order),
    )
