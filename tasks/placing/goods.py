"""Find the shop's products for an order's lines, and check that they are salable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.base.errors import CannotMap
from pipeline.clients import Clients
from pipeline.magento.records import Product
from pipeline.orders.channel_order import ChannelOrder, FulfilledBy
from pipeline.orders.outcome import ABOUT_PRODUCTS, NO_SKU, Hold, HoldCode
from pipeline.orders.tables import Order
from pipeline.products.sku_map import SkuMapError
from tasks.placing.pending_stock import held_units
from tasks.placing.placeholder import is_placeholder, make_placeholder
from tasks.placing.store_view import store_code

SELLABLE_TYPES = frozenset({"simple", "virtual", "downloadable"})
_MADE_OF_SIMPLE_ONES = frozenset({"configurable", "bundle", "grouped"})


@dataclass(frozen=True, slots=True)
class Goods:
    """An order's products by Amazon's SKU; `unstocked` are the Magento SKUs of placeholders."""

    products: Mapping[str, Product]
    unstocked: frozenset[str] = frozenset()


def find_goods(order: Order, placed: ChannelOrder, clients: Clients) -> Goods | Hold:
    """The product of every line, or a hold for the first product that cannot be ordered."""
    settings = clients.marketplace(order)
    titles = {line.sku: line.title for line in placed.lines}
    targets = _targets(order, titles, clients)
    by_sku = clients.catalogue.products(
        clients.shop(order),
        store_code(order, clients),
        list(targets.values()),
        # While an order is held for its products, cached results are not used.
        is_fresh=order.hold_code in ABOUT_PRODUCTS,
    )
    products = {sku: by_sku[target] for sku, target in targets.items() if target in by_sku}
    unknown = sorted(titles.keys() - products.keys())
    if settings.unknown_sku == "placeholder":
        # A mapped SKU without a product is a mistake in the map: no placeholder is made for it.
        for sku in [sku for sku in unknown if sku.strip() and targets[sku] == sku]:
            products[sku] = _placeholder(order, sku, titles[sku], clients)
    if missing := [sku for sku in unknown if sku not in products]:
        return _not_found(missing, targets)
    unstocked = set()
    for sku, product in sorted(products.items()):
        if product.type_id not in SELLABLE_TYPES:
            return _wrong_type(sku, product)
        if product.enabled:
            continue
        if settings.unknown_sku == "placeholder" and is_placeholder(order, product, clients):
            unstocked.add(product.sku)
        elif order.fulfilled_by == FulfilledBy.MERCHANT:
            return Hold(
                HoldCode.PRODUCT_DISABLED,
                f"{_named(sku, product)} is disabled in Magento; enable it and the order goes on "
                "by itself",
                _facts({sku: product}),
            )
    return Goods(products, frozenset(unstocked))


def too_few(order: Order, placed: ChannelOrder, goods: Goods, clients: Clients) -> Hold | None:
    """The hold that names products which the shop cannot sell in the unshipped quantities."""
    wanted = Counter[str]()
    for line in placed.lines:
        wanted[goods.products[line.sku].sku] += line.quantity - line.quantity_fulfilled
    # The shop's salable quantities do not include the stock held for this order.
    wanted.subtract(held_units(order, clients))
    asked = {sku: n for sku, n in wanted.items() if n > 0 and sku not in goods.unstocked}
    if not asked:
        return None
    salable = clients.shop(order).inventory.salable(asked, store_code(order, clients))
    missing = sorted(sku for sku, is_salable in salable.items() if not is_salable)
    if not missing:
        return None
    return Hold(
        HoldCode.OUT_OF_STOCK,
        f"not enough stock of {', '.join(missing)}; the order goes on by itself once there is "
        "enough",
        _facts({sku: product for sku, product in goods.products.items() if product.sku in missing}),
    )


def _targets(order: Order, titles: Mapping[str, str], clients: Clients) -> dict[str, str]:
    try:
        return clients.sku_maps.targets(order.account, clients.marketplace(order), titles)
    except SkuMapError as error:
        raise CannotMap(
            HoldCode.SKU_NOT_FOUND, f"{error}; correct it and the order goes on by itself"
        ) from error


def _placeholder(order: Order, sku: str, title: str, clients: Clients) -> Product:
    try:
        return make_placeholder(order, sku, title, clients)
    except CannotMap as error:
        raise CannotMap(error.code, error.reason, {"skus": sku.strip()}) from error


def _not_found(missing: list[str], targets: Mapping[str, str]) -> Hold:
    names = [sku.strip() or NO_SKU for sku in missing]
    wanted = [
        f"{targets[sku]} (to which {name} is mapped)" if targets[sku] != sku else name
        for sku, name in zip(missing, names, strict=True)
    ]
    is_mapped = any(targets[sku] != sku for sku in missing)
    or_else = ", or map its SKU anew (console: SKU map)," if is_mapped else ""
    return Hold(
        HoldCode.SKU_NOT_FOUND,
        f"{', '.join(wanted)} is not in Magento's catalogue; add it{or_else} and the order goes on "
        "by itself",
        {"skus": ", ".join(names)},
    )


def _facts(products: Mapping[str, Product]) -> dict[str, str]:
    """Magento's SKUs, and Amazon's SKUs where they differ, since people map those."""
    named = ", ".join(sorted({product.sku for product in products.values()}))
    sold = ", ".join(sorted({sku.strip() for sku in products}))
    return {"skus": named} if sold == named else {"skus": named, "amazon_skus": sold}


def _wrong_type(sku: str, product: Product) -> Hold:
    instead = "only simple, virtual and downloadable products can be placed"
    if product.type_id in _MADE_OF_SIMPLE_ONES:
        instead = "sell one of its simple products instead"
    return Hold(
        HoldCode.PRODUCT_TYPE,
        f"{_named(sku, product)} is a {product.type_id} product; {instead}",
        {**_facts({sku: product}), "type": product.type_id},
    )


def _named(sku: str, product: Product) -> str:
    return sku if sku == product.sku else f"{product.sku} (for {sku})"
