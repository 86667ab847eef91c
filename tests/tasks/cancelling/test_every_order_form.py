"""Every form of order of the corpus, placed and paid in the stand-in, then cancelled on Amazon."""

from __future__ import annotations

import pytest

from pipeline.base.db import Sessions
from pipeline.orders.outcome import Cancelled, Done
from tests.magento.corpus import CREATED, Case
from tests.magento.standing_in import StandIn
from tests.tasks.cancelling.test_from_amazon_in_shop import shop
from tests.tasks.placed import Place

__all__ = ["shop"]

# What one euro, the base currency, is worth.
RATES = {"USD": 1.0873, "SEK": 11.4321, "JPY": 163.27, "GBP": 0.8431, "PLN": 4.2719}
KEPT = ("orderItems", "proceeds", "salesChannel", "tax", "programs", "buyer")


@pytest.mark.parametrize("case", CREATED, ids=[case.kind for case in CREATED])
def test_money_back_is_money_paid(shop: StandIn, sessions: Sessions, case: Case) -> None:
    shop.tell("config", **{"currency/rates": RATES})
    for item in case.raw["orderItems"]:
        shop.tell("products", sku=item["product"]["sellerSku"], qty=1000)
    place = Place(shop, sessions, (), settings=case.settings)
    place.lines = case.raw["orderItems"]
    place.raw |= {key: case.raw[key] for key in KEPT if key in case.raw}
    outcome, placed = place.through()
    assert outcome == Done()
    path = f"/orders/{placed.magento_order_id}"
    total = shop.rest("GET", path)["grand_total"]
    place.status = "CANCELLED"
    outcome, _ = place.run()
    assert isinstance(outcome, Cancelled)
    there = shop.rest("GET", path)
    assert there["state"] == "closed"
    assert (there.get("total_paid") or 0) == there["total_refunded"] == total
    # Magento rounds its sum of refunds in the base currency to the cent.
    base = there.get("base_total_paid") or 0
    assert there["base_total_refunded"] == pytest.approx(base, abs=0.0051)
