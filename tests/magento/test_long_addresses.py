"""The addresses of searches are bounded in bytes, and halved where the shop's server is strict."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from pipeline.magento.order.plain_text import in_digits
from pipeline.magento.records import Product
from pipeline.magento.rest import search
from pipeline.orders.channel_order import Address
from pipeline.orders.corrected_address import Correction


def test_bytes_bound_a_batch() -> None:
    skus = [f"商品番号{number:02}の青いマグカップ特別版" for number in range(50)]
    batches = list(search.batches(skus, 50))
    assert [sku for batch in batches for sku in batch] == skus
    assert max(len(quote(",".join(batch), safe="")) for batch in batches) < 4200
    assert list(search.batches(["x" * 5000, "y"])) == [["x" * 5000], ["y"]]


def test_a_search_in_halves_asks_for_the_same() -> None:
    group = search.any_of("sku", ["a", "b", "c,d"])
    other = search.equals("store_id", 1)
    halves = search.halves([other, group])
    assert halves is not None
    assert halves == (
        [other, search.any_of("sku", ["a"])],
        [other, search.any_of("sku", ["b", "c,d"])],
    )
    assert search.halves([other]) is None


@pytest.mark.parametrize(
    "dash", "\u2212\u2010\u2011\u2012\u2013\u2014\u2015\u30fc\uff0d\uff70\u2500"
)
def test_every_dash_of_a_postcode_is_a_hyphen(dash: str) -> None:
    assert in_digits(f"１００{dash}０００１") == "100-0001"


def test_what_another_release_kept_is_read_by_name() -> None:
    kept = {"id": 1, "sku": "A", "name": "A", "weight": "2", "colour": "blue"}
    assert Product.from_json(kept) == Product(1, "A", "A", "simple", True, weight=2)  # type: ignore[arg-type]
    correction = Correction.from_json({"address": {"city": "Bonn", "floor": "2"}})
    assert correction == Correction(Address(city="Bonn"), Address())
