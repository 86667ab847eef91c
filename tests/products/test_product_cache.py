"""Products kept for all workers: what is asked, what is kept, and what a broken Redis costs."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
import redis

from pipeline.magento.client import Magento
from pipeline.magento.records import Product
from pipeline.magento.rest.catalog import Catalog
from pipeline.products.product_cache import KEPT_FOR, ProductCache


def a_product(sku: str, **changes: object) -> Product:
    return Product(**{"id": 1, "sku": sku, "name": sku, "type_id": "simple", "enabled": True,
                      "weight": Decimal("0.4"), **changes})  # type: ignore[arg-type] # fmt: skip


class Shop(Magento):
    """Knows some products and notes each search; one may be made to wait."""

    def __init__(self, *skus: str) -> None:
        self.name = "main"
        self.catalog = _Known(self)
        self.known = {sku: a_product(sku) for sku in skus}
        self.asked: list[list[str]] = []
        self.may_answer = threading.Event()
        self.may_answer.set()


class _Known(Catalog):
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def products(self, skus: Collection[str], store: str) -> dict[str, Product]:
        self._shop.asked.append(sorted(skus))
        assert self._shop.may_answer.wait(10)
        known = self._shop.known
        return {sku: known[sku.strip().upper()] for sku in skus if sku.strip().upper() in known}


@pytest.fixture
def broker(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def alone(shop: str, store: str) -> list[str]:
    return []


def test_is_searched_once_and_then_kept_as_magento_compares(broker: redis.Redis) -> None:
    shop, cache = Shop("MUG"), ProductCache(broker, alone)
    assert cache.products(shop, "default", ["mug ", ""]) == {"mug ": a_product("MUG")}
    assert cache.products(shop, "default", ["MUG"]) == {"MUG": a_product("MUG")}
    assert shop.asked == [["mug "]]
    assert cache.products(shop, "german", ["MUG"]) == {"MUG": a_product("MUG")}
    assert shop.asked == [["mug "], ["MUG"]]


def test_is_kept_for_two_minutes(broker: redis.Redis) -> None:
    ProductCache(broker, alone).products(Shop("MUG"), "default", ["MUG"])
    assert timedelta(seconds=120) == KEPT_FOR
    assert 110_000 < int(broker.pttl("orderbridge:product:main:default:mug")) <= 120_000


def test_what_is_missing_is_never_kept(broker: redis.Redis) -> None:
    shop, cache = Shop(), ProductCache(broker, alone)
    assert cache.products(shop, "default", ["MUG"]) == {}
    shop.known["MUG"] = a_product("MUG")
    assert cache.products(shop, "default", ["MUG"]) == {"MUG": a_product("MUG")}


def test_a_fresh_look_goes_past_what_is_kept_and_replaces_it(broker: redis.Redis) -> None:
    shop, cache = Shop("MUG"), ProductCache(broker, alone)
    cache.products(shop, "default", ["MUG"])
    shop.known["MUG"] = now = a_product("MUG", enabled=False)
    assert cache.products(shop, "default", ["MUG"]) == {"MUG": a_product("MUG")}
    assert cache.products(shop, "default", ["MUG"], is_fresh=True) == {"MUG": now}
    assert cache.products(shop, "default", ["MUG"]) == {"MUG": now}


def test_one_search_brings_what_others_will_want_up_to_a_hundred(broker: redis.Redis) -> None:
    ahead = [f"S{number:03}" for number in range(150)]
    shop, cache = Shop("MUG", *ahead), ProductCache(broker, lambda shop, store: ["MUG", *ahead])
    assert cache.products(shop, "default", ["MUG"]) == {"MUG": a_product("MUG")}
    assert shop.asked == [sorted(["MUG", *ahead[:99]])]
    assert list(cache.products(shop, "default", ["S098"])) == ["S098"]
    assert len(shop.asked) == 1
    assert list(cache.products(shop, "default", ["S099"])) == ["S099"]
    assert shop.asked[1] == ahead[99:]


def test_two_workers_that_miss_the_same_make_one_search(redis_url: str) -> None:
    shop = Shop("MUG")
    shop.may_answer.clear()
    with (
        redis.Redis.from_url(redis_url) as one,
        redis.Redis.from_url(redis_url) as other,
        ThreadPoolExecutor(6) as pool,
    ):
        caches = [ProductCache(one, alone), ProductCache(other, alone)]
        searches = [pool.submit(caches[n % 2].products, shop, "default", ["MUG"]) for n in range(6)]
        threading.Event().wait(0.2)  # for the five to wait for the first
        shop.may_answer.set()
        assert [one.result() for one in searches] == [{"MUG": a_product("MUG")}] * 6
    assert shop.asked == [["MUG"]]


def test_what_another_release_kept_is_looked_up_again(broker: redis.Redis) -> None:
    for value in (b"not json", b"[]", b'{"sku": "MUG"}', b'{"sku": "MUG", "weight": "heavy"}'):
        shop = Shop("MUG")
        broker.set("orderbridge:product:main:default:mug", value)
        products = ProductCache(broker, alone).products(shop, "default", ["MUG"])
        assert products == {"MUG": a_product("MUG")}
        assert shop.asked == [["MUG"]]


def test_without_redis_each_look_is_a_search(away: redis.Redis) -> None:
    shop = Shop("MUG")
    cache = ProductCache(away, alone)
    for _ in range(2):
        assert cache.products(shop, "default", ["MUG"]) == {"MUG": a_product("MUG")}
    assert shop.asked == [["MUG"], ["MUG"]]
