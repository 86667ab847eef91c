"""The rounds through a shop's finished orders: all of a week, in shares, and none twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pipeline.base.db import Sessions
from pipeline.orders.machine import STEPS
from pipeline.orders.tables import Status
from pipeline.shipping.shop_watches import ShopWatches
from tests.builders import NOW, SHOP, a_shipment, an_order, stored

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def finished(sessions: Sessions, entity_id: int, *confirmed_ago: timedelta, **changes: Any) -> int:
    """An order of which packages were confirmed then; its invoice has been seen."""
    packages = [
        a_shipment(number, shop=SHOP, confirmed_at=NOW - ago)
        for number, ago in enumerate(confirmed_ago, start=entity_id * 10)
    ]
    facts: dict[str, Any] = {"status": Status.DONE, "step": STEPS[6], "due_at": None, "shop": SHOP}
    facts |= {"magento_order_id": entity_id, "magento_invoiced": Decimal(20), "created_at": NOW}
    return stored(sessions, an_order(**{**facts, "shipments": packages, **changes}))


def a_round(sessions: Sessions, most: int = 10, shop: str = SHOP) -> list[dict[int, int]]:
    """The shares of a round that begins now."""
    watches, shares = ShopWatches(sessions), []
    while (share := watches.next_share(shop, NOW, HOUR, most)) is not None:
        shares.append(share.orders)
        watches.pass_over(shop, share)
    return shares


def test_a_round_has_what_was_confirmed_in_the_last_week(sessions: Sessions) -> None:
    lately = finished(sessions, 900, HOUR)
    finished(sessions, 901, 8 * DAY)
    finished(sessions, 902, HOUR, status=Status.CANCELLED)
    finished(sessions, 903, HOUR, magento_order_id=None)
    assert a_round(sessions) == [{900: lately}]
    assert a_round(sessions, shop="other") == [{}]


def test_an_invoice_that_nobody_saw_is_looked_at_after_the_end(sessions: Sessions) -> None:
    facts = {"fulfilled_by": "FBA", "magento_invoiced": None}
    unseen = finished(sessions, 900, **facts)
    finished(sessions, 901, fulfilled_by="FBA")
    finished(sessions, 902, **facts, created_at=NOW - 8 * DAY)
    held = {"status": Status.HELD, "hold_code": "totals_differ", "fulfilled_by": "FBA"}
    wrong = finished(sessions, 903, **held, created_at=NOW - 9 * DAY)
    assert a_round(sessions) == [{903: wrong, 900: unseen}]


@pytest.mark.parametrize("most", [1, 2, 3, 7])
def test_shares_have_every_order_whatever_their_size(sessions: Sessions, most: int) -> None:
    orders = {
        900: finished(sessions, 900, 3 * HOUR, 2 * HOUR),
        **{one: finished(sessions, one, HOUR) for one in (901, 902, 903)},
        904: finished(sessions, 904, magento_invoiced=None, created_at=NOW - HOUR),
    }
    shares = a_round(sessions, most)
    assert {entity_id: one for share in shares for entity_id, one in share.items()} == orders
    assert max(map(len, shares)) <= most


def test_a_share_that_was_not_passed_over_comes_again(sessions: Sessions) -> None:
    finished(sessions, 900, HOUR)
    watches = ShopWatches(sessions)
    assert watches.next_share(SHOP, NOW, HOUR, 5) == watches.next_share(SHOP, NOW, HOUR, 5)


@pytest.mark.parametrize(
    ("at", "is_due"), [(NOW, False), (NOW + HOUR - MINUTE, False), (NOW + HOUR, True)]
)
def test_a_round_begins_as_long_after_the_last_as_is_set(
    sessions: Sessions, at: datetime, is_due: bool
) -> None:
    finished(sessions, 900, HOUR)
    a_round(sessions)
    assert (ShopWatches(sessions).next_share(SHOP, at, HOUR, 5) is not None) == is_due


def test_the_newest_shipment_is_kept_for_each_shop(sessions: Sessions) -> None:
    watches = ShopWatches(sessions)
    watches.note_shipment(SHOP, 71)
    assert (watches.newest_shipment(SHOP), watches.newest_shipment("other")) == (71, 0)
