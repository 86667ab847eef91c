"""A cache of products for all workers, so that a page of orders costs a single search instead of
a search per order.

Redis keeps products for two minutes. Missing products are not cached, so a new product counts at
once. An empty or broken Redis only costs searches.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import redis
from redis.exceptions import RedisError

from pipeline.base.log import log
from pipeline.magento.client import Magento
from pipeline.magento.records import Product
from pipeline.magento.rest.catalog import SKU_BATCH, folded
from pipeline.magento.rest.odd_rows import set_aside

KEPT_FOR = timedelta(seconds=120)

_AT_ONCE = 2 * SKU_BATCH
# A search and its retries take at most about 20 s each.
_LONGEST_SEARCH_S = 45
_LONGEST_WAIT_S = 10
_LOOK_AGAIN_S = 0.02


class ProductCache:
    """Looks products up. `skus_due_soon` returns the SKUs that other orders of a store view will
    need soon, and the same search fetches them too."""

    def __init__(
        self, broker: redis.Redis, skus_due_soon: Callable[[str, str], Collection[str]]
    ) -> None:
        self._redis = broker
        self._skus_due_soon = skus_due_soon

    def products(
        self, shop: Magento, store: str, skus: Collection[str], *, is_fresh: bool = False
    ) -> dict[str, Product]:
        """The existing products, keyed by the SKUs as given in `skus`.

        At most two minutes old; `is_fresh` bypasses the cache. Raises Transient or Rejected.
        """
        wanted = {sku for sku in skus if sku.strip()}
        if is_fresh:
            return self._search(shop, store, wanted)
        products = self._kept(shop.name, store, wanted)
        if wanted - products.keys():
            with self._one_at_a_time(shop.name, store):
                products = self._kept(shop.name, store, wanted)
                if missing := wanted - products.keys():
                    products |= self._search_ahead(shop, store, missing)
        return products

    def _search_ahead(self, shop: Magento, store: str, missing: set[str]) -> dict[str, Product]:
        others = [sku for sku in self._skus_due_soon(shop.name, store) if sku.strip()]
        kept = self._kept(shop.name, store, others)
        ahead = [sku for sku in others if sku not in kept and sku not in missing]
        asked = [*missing, *ahead[: max(0, _AT_ONCE - len(missing))]]
        with set_aside() as odd:
            products = self._search(shop, store, asked)
        if odd and missing - products.keys():
            # Perhaps another order's product is unreadable. If ours is, this search raises.
            products |= self._search(shop, store, missing)
        return {sku: product for sku, product in products.items() if sku in missing}

    def _search(self, shop: Magento, store: str, skus: Collection[str]) -> dict[str, Product]:
        products = shop.catalog.products(skus, store)
        self._keep(shop.name, store, products.values())
        return products

    def _kept(self, shop: str, store: str, skus: Collection[str]) -> dict[str, Product]:
        names = list(skus)
        if not names:
            return {}
        try:
            values = self._redis.mget([_key(shop, store, sku) for sku in names])
        except RedisError:
            log.warning("products.cache_unavailable")
            return {}
        products: dict[str, Product] = {}
        for sku, value in zip(names, values, strict=True):
            if value is not None and (product := _read(value)) is not None:
                products[sku] = product
        return products

    def _keep(self, shop: str, store: str, products: Iterable[Product]) -> None:
        try:
            with self._redis.pipeline(transaction=False) as batch:
                for product in products:
                    value = json.dumps(product.as_json())
                    batch.set(_key(shop, store, product.sku), value, ex=KEPT_FOR)
                batch.execute()
        except RedisError:
            log.warning("products.cache_unavailable")

    @contextmanager
    def _one_at_a_time(self, shop: str, store: str) -> Iterator[None]:
        """Let other workers wait for this search instead of searching, for at most 10 s."""
        lock = self._redis.lock(
            f"orderbridge:products:{shop}:{store}",
            timeout=_LONGEST_SEARCH_S,
            sleep=_LOOK_AGAIN_S,
            blocking_timeout=_LONGEST_WAIT_S,
        )
        try:
            is_ours = lock.acquire()
        except RedisError:
            is_ours = False
        try:
            yield
        finally:
            if is_ours:
                try:
                    lock.release()
                except RedisError:  # the lock expires by itself
                    log.warning("products.cache_unavailable")


def _key(shop: str, store: str, sku: str) -> str:
    return f"orderbridge:product:{shop}:{store}:{folded(sku)}"


def _read(value: bytes | str) -> Product | None:
    """A cached product, or None when another release stored it in a different form."""
    try:
        return Product.from_json(json.loads(value))
    except (ValueError, TypeError, LookupError, ArithmeticError):
        return None
