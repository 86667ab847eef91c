"""What the warehouse has shipped, brought to the orders: news are told once, and all of them."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.magento.records import MagentoItem, MagentoOrder, MagentoShipment, Track
from pipeline.orders.machine import STEPS
from pipeline.orders.package_tables import Shipment
from pipeline.orders.tables import Order, Status
from pipeline.shipping.shop_shipments import Shipments
from tests.builders import (
    ACCOUNT,
    NOW,
    SHOP,
    a_shipment,
    a_vault,
    an_item,
    an_order,
    loaded,
    stored,
)

HOUR = timedelta(hours=1)
DHL = Track(1, "dhl", "DHL", "0034")
UPS = Track(2, "ups", "UPS", "1Z99")


def placed(sessions: Sessions, magento_order_id: int = 900, **changes: Any) -> int:
    """An order that waits for the warehouse."""
    return stored(
        sessions,
        an_order(
            **{
                "step": STEPS[5],
                "status": Status.WAITING,
                "due_at": NOW + HOUR,
                "magento_order_id": magento_order_id,
                "magento_status": "processing",
                **changes,
            }
        ),
    )


def told(entity_id: int = 71, order_id: int = 900, **changes: Any) -> MagentoShipment:
    """A shipment of two units of item 501, as the shop tells it."""
    return MagentoShipment(
        **{
            "entity_id": entity_id,
            "order_id": order_id,
            "created_at": NOW - HOUR,
            "items": {501: Decimal("2.0000")},
            "tracks": (DHL,),
            **changes,
        }
    )


def news(
    sessions: Sessions,
    *shipments: MagentoShipment,
    states: dict[int, str] | None = None,
    gone: tuple[int, ...] = (),
) -> list[int]:
    watch = Shipments(sessions, a_vault())
    return watch.store(
        SHOP,
        watch.awaited([ACCOUNT], SHOP),
        shipments,
        {key: MagentoOrder(key, status=status) for key, status in (states or {}).items()},
        NOW,
        gone,
    )


def quantities(shipment: Shipment) -> dict[int, int]:
    return {item.magento_item_id: item.quantity for item in shipment.items}


def test_live_placed_fbm_orders_of_these_accounts_are_awaited(sessions: Sessions) -> None:
    held = {"status": Status.HELD, "hold_code": "carrier_unmapped"}
    awaited = {
        900: placed(sessions, 900),
        901: placed(sessions, 901, status=Status.RUNNING),
        902: placed(sessions, 902, status=Status.READY),
        903: placed(sessions, 903, **held),
    }
    placed(sessions, 904, account="na")
    placed(sessions, 905, fulfilled_by="FBA")
    placed(sessions, 906, status=Status.DONE, due_at=None)
    placed(sessions, 907, status=Status.CANCELLED, due_at=None)
    stored(sessions, an_order())
    assert Shipments(sessions, a_vault()).awaited([ACCOUNT], SHOP) == awaited
    assert len(Shipments(sessions, a_vault()).awaited([ACCOUNT, "na"], SHOP)) == 5
    assert Shipments(sessions, a_vault()).awaited([], SHOP) == {}


def test_a_new_shipment_is_stored_and_wakes_its_order_alone(sessions: Sessions) -> None:
    order_id, other = placed(sessions, 900), placed(sessions, 901)
    assert news(sessions, told()) == [order_id]
    row = loaded(sessions, order_id)
    assert (row.due_at, row.news) == (NOW, 1)
    [shipment] = row.shipments
    assert (shipment.magento_shipment_id, shipment.package_reference) == (71, "71")
    assert (shipment.carrier_code, shipment.carrier_title) == ("dhl", "DHL")
    assert (shipment.tracking_number, shipment.shipped_at) == ("0034", NOW - HOUR)
    assert (shipment.confirmation, shipment.confirmed_as) == ("queued", None)
    assert quantities(shipment) == {501: 2}
    assert (loaded(sessions, other).due_at, loaded(sessions, other).news) == (NOW + HOUR, 0)


def test_the_same_again_is_no_news(sessions: Sessions) -> None:
    order_id = placed(sessions)
    news(sessions, told())
    assert news(sessions, told()) == []
    assert loaded(sessions, order_id).news == 1


def test_a_shipment_without_a_time_left_when_it_was_first_seen(sessions: Sessions) -> None:
    order_id = placed(sessions)
    assert news(sessions, told(created_at=None)) == [order_id]
    assert loaded(sessions, order_id).shipments[0].shipped_at == NOW
    watch = Shipments(sessions, a_vault())
    later = watch.store(
        SHOP, watch.awaited([ACCOUNT], SHOP), [told(created_at=None)], {}, NOW + HOUR
    )
    assert later == []
    assert loaded(sessions, order_id).shipments[0].shipped_at == NOW


@pytest.mark.parametrize(
    ("before", "after", "number"),
    [
        ((), (DHL,), "0034"),
        ((DHL,), (UPS,), "1Z99"),
        ((DHL,), (), ""),
        ((DHL,), (Track(1, "dhl", "DHL", "0035"),), "0035"),
    ],
    ids=["late", "another", "taken away", "corrected"],
)
def test_a_change_of_tracks_is_news(
    before: tuple[Track, ...], after: tuple[Track, ...], number: str, sessions: Sessions
) -> None:
    order_id = placed(sessions)
    news(sessions, told(tracks=before))
    assert news(sessions, told(tracks=after)) == [order_id]
    [shipment] = loaded(sessions, order_id).shipments
    assert shipment.tracking_number == number


def test_a_change_keeps_how_far_the_confirmation_has_come(sessions: Sessions) -> None:
    done = a_shipment(71, confirmation="accepted", confirmed_as="dhl/DHL/1", confirmed_at=NOW)
    order_id = placed(sessions, shipments=[done])
    assert news(sessions, told(tracks=(UPS,))) == [order_id]
    [shipment] = loaded(sessions, order_id).shipments
    assert (shipment.confirmation, shipment.confirmed_as) == ("accepted", "dhl/DHL/1")


def test_units_moved_between_shipments_are_news(sessions: Sessions) -> None:
    order_id = placed(sessions)
    news(sessions, told(71, items={501: Decimal(2), 502: Decimal(1)}), told(72, items={}))
    moved = (
        told(71, items={501: Decimal(1)}),
        told(72, items={501: Decimal(1), 502: Decimal(1)}),
    )
    assert news(sessions, *moved) == [order_id]
    first, second = loaded(sessions, order_id).shipments
    assert quantities(first) == {501: 1}
    assert quantities(second) == {501: 1, 502: 1}
    assert news(sessions, *moved) == []


def test_a_shipment_that_two_pages_tell_is_stored_once(sessions: Sessions) -> None:
    order_id = placed(sessions)
    assert news(sessions, told(), told(tracks=(UPS,))) == [order_id]
    [shipment] = loaded(sessions, order_id).shipments
    assert shipment.tracking_number == "1Z99"


def test_statuses_are_taken_over_without_waking_anybody(sessions: Sessions) -> None:
    first, second, third = (placed(sessions, one) for one in (900, 901, 902))
    assert news(sessions, states={900: "complete", 901: "processing", 902: "canceled"}) == []
    rows = [loaded(sessions, one) for one in (first, second, third)]
    assert [row.magento_status for row in rows] == ["complete", "processing", "canceled"]
    assert [row.news for row in rows] == [0, 0, 0]
    # A run that is going on keeps its claim.
    assert [row.version for row in rows] == [1, 1, 1]


def test_an_order_that_ended_meanwhile_is_not_woken(sessions: Sessions) -> None:
    order_id = placed(sessions)
    watch = Shipments(sessions, a_vault())
    awaited = watch.awaited([ACCOUNT], SHOP)
    with sessions() as session, session.begin():
        order = session.get_one(Order, order_id)
        order.status, order.due_at = Status.CANCELLED, None
    assert watch.store(SHOP, awaited, [told()], {}, NOW) == []
    assert loaded(sessions, order_id).status == Status.CANCELLED


@pytest.mark.parametrize("shipped", [True, False], ids=["new shipments", "statuses"])
def test_it_never_blocks_one_who_locks_the_same_orders_in_order(
    shipped: bool, sessions: Sessions
) -> None:
    first, second = placed(sessions, 900), placed(sessions, 901)
    ended: list[list[int]] = []

    def watch() -> None:
        shipments = [told(72, 901), told(71, 900)] if shipped else []
        states = {} if shipped else {901: "canceled", 900: "complete"}
        ended.append(news(sessions, *shipments, states=states))

    thread = threading.Thread(target=watch)
    with sessions() as session, session.begin():
        session.execute(select(Order.id).where(Order.id == first).with_for_update())
        thread.start()
        thread.join(0.3)
        session.execute(select(Order.id).where(Order.id == second).with_for_update())
    thread.join()
    assert [sorted(one) for one in ended] == [[first, second] if shipped else []]


@pytest.mark.parametrize("state", ["canceled", "closed"])
def test_an_order_ended_in_magento_is_woken_once(sessions: Sessions, state: str) -> None:
    first, second = placed(sessions, 900), placed(sessions, 901)
    watch = Shipments(sessions, a_vault())
    states = {
        900: MagentoOrder(900, state=state, status="merchants_own"),
        901: MagentoOrder(901, state="processing", status="processing"),
    }
    awaited = watch.awaited([ACCOUNT], SHOP)
    assert watch.store(SHOP, awaited, [], states, NOW) == [first]
    assert watch.store(SHOP, awaited, [], states, NOW) == []
    orders = [loaded(sessions, order_id) for order_id in (first, second)]
    assert [(order.magento_state, order.magento_status) for order in orders] == [
        (state, "merchants_own"),
        ("processing", "processing"),
    ]
    assert [order.due_at for order in orders] == [NOW, NOW + HOUR]


def test_a_track_mended_after_the_end_has_the_order_looked_at_again(sessions: Sessions) -> None:
    known = a_shipment(magento_shipment_id=71, tracking_number="0034", confirmed_at=NOW - HOUR)
    is_through: dict[str, Any] = {"status": Status.DONE, "step": STEPS[6], "due_at": None}
    order_id = placed(sessions, **is_through, shipments=[known])
    watch, mended = Shipments(sessions, a_vault()), told(tracks=(UPS,))
    assert watch.store(SHOP, {900: order_id}, [mended], {}, NOW) == [order_id]
    row = loaded(sessions, order_id)
    assert (row.step, row.status, row.due_at) == (STEPS[-1], Status.WAITING, NOW)
    # The same again is no news.
    assert watch.store(SHOP, {900: order_id}, [mended], {}, NOW) == []


def test_a_track_added_before_anything_was_told_is_a_package_of_its_own(
    sessions: Sessions,
) -> None:
    order_id = placed(sessions)
    news(sessions, told())
    assert news(sessions, told(tracks=(DHL, UPS))) == [order_id]
    first, second = loaded(sessions, order_id).shipments
    assert (first.package_reference, first.magento_track_id, quantities(first)) == (
        "71",
        1,
        {501: 1},
    )
    assert (second.package_reference, second.magento_track_id, quantities(second)) == (
        "10000000071",
        2,
        {501: 1},
    )
    assert news(sessions, told(tracks=(DHL, UPS))) == []


def test_known_shipments_that_an_answer_lacks_are_named(sessions: Sessions) -> None:
    lost = a_shipment(73, mismatch="deleted", confirmed_as="dhl/DHL/1")
    placed(sessions, 900, shipments=[a_shipment(71), a_shipment(72), lost])
    placed(sessions, 901, shipments=[a_shipment(74)])
    watch = Shipments(sessions, a_vault())
    awaited = watch.awaited([ACCOUNT], SHOP)
    assert watch.missing(awaited, [told(71), told(74, 901)]) == {900: {72}}
    assert watch.missing({}, []) == {}


def test_a_deleted_shipment_gives_its_units_back(sessions: Sessions) -> None:
    order_id = placed(sessions, shipments=[a_shipment(71), a_shipment(72, items={502: 1})])
    assert news(sessions, gone=(71,)) == [order_id]
    (left,) = loaded(sessions, order_id).shipments
    assert (left.magento_shipment_id, left.mismatch) == (72, None)
    assert news(sessions, gone=(71,)) == []


def test_what_amazon_was_told_outlives_its_shipment(sessions: Sessions) -> None:
    told_as: dict[str, Any] = {
        "confirmation": "accepted",
        "confirmed_as": "dhl/DHL/0034",
        "confirmed_at": NOW,
    }
    order_id = placed(sessions, confirm_anyway=True, shipments=[a_shipment(71, **told_as)])
    assert news(sessions, gone=(71,)) == [order_id]
    order = loaded(sessions, order_id)
    assert [shipment.mismatch for shipment in order.shipments] == ["deleted"]
    # What was overruled before has nothing to do with it.
    assert not order.confirm_anyway
    assert news(sessions, told(80, tracks=(UPS,))) == [order_id]
    (package,) = loaded(sessions, order_id).shipments
    assert (package.package_reference, package.magento_shipment_id) == ("71", 80)
    assert (package.tracking_number, package.mismatch) == ("1Z99", None)


def test_nothing_is_dropped_under_a_step_that_runs(sessions: Sessions) -> None:
    order_id = placed(sessions, status=Status.RUNNING, shipments=[a_shipment(71)])
    assert news(sessions, gone=(71,)) == []
    assert len(loaded(sessions, order_id).shipments) == 1


def test_a_package_in_the_next_feed_leaves_it_when_other_units_are_in_it(
    sessions: Sessions,
) -> None:
    queued = a_shipment(71, confirmation="feed", to_feed={"items": {"I1": 2}})
    order_id = placed(sessions, shipments=[queued])
    assert news(sessions, told(tracks=(DHL, UPS))) == [order_id]
    first, _ = loaded(sessions, order_id).shipments
    assert (first.confirmation, first.to_feed) == ("queued", None)


def in_shop(total: str, refunded: str = "0", invoiced: int = 2) -> dict[int, MagentoOrder]:
    item = MagentoItem(501, quantity_ordered=Decimal(2), quantity_invoiced=Decimal(invoiced))
    return {
        900: MagentoOrder(
            900,
            state="processing",
            status="processing",
            items=(item,),
            total_invoiced=Decimal(total),
            total_refunded=Decimal(refunded),
        )
    }


def test_totals_are_kept_once_all_is_invoiced_and_are_news_when_they_differ(
    sessions: Sessions,
) -> None:
    order_id = placed(sessions, grand_total=Decimal("20.00"))
    watch = Shipments(sessions, a_vault())
    awaited = watch.awaited([ACCOUNT], SHOP)

    def kept() -> tuple[Decimal | None, Decimal | None]:
        order = loaded(sessions, order_id)
        return order.magento_invoiced, order.magento_refunded

    assert watch.store(SHOP, awaited, [], in_shop("10.00", invoiced=1), NOW) == []
    assert kept() == (None, None)
    assert watch.store(SHOP, awaited, [], in_shop("20.00"), NOW) == []
    assert kept() == (Decimal("20.00"), Decimal(0))
    assert watch.store(SHOP, awaited, [], in_shop("25.00"), NOW) == [order_id]
    assert watch.store(SHOP, awaited, [], in_shop("25.00"), NOW) == []
    assert watch.store(SHOP, awaited, [], in_shop("25.00", "5.00"), NOW) == [order_id]
    assert kept() == (Decimal("25.00"), Decimal("5.00"))


def test_an_order_put_on_hold_in_magento_is_news_both_ways(sessions: Sessions) -> None:
    order_id = placed(sessions, magento_state="processing")
    watch = Shipments(sessions, a_vault())
    awaited = watch.awaited([ACCOUNT], SHOP)
    for state, woken in (("holded", [order_id]), ("holded", []), ("processing", [order_id])):
        states = {900: MagentoOrder(900, state=state, status=state)}
        assert watch.store(SHOP, awaited, [], states, NOW) == woken


def test_an_order_whose_stock_is_being_put_right_does_not_count_as_cancelled(
    sessions: Sessions,
) -> None:
    """Of five units one is taken off: four count as shipped for a moment, and none has been."""
    before = an_item(magento_item_id=501, quantity=5, quantity_fulfilled_before=1)
    order_id = placed(sessions, items=[before], magento_state="processing")
    watch = Shipments(sessions, a_vault())
    awaited = watch.awaited([ACCOUNT], SHOP)

    def cancelled(shipped: int) -> dict[int, MagentoOrder]:
        item = MagentoItem(501, quantity_ordered=Decimal(5), quantity_shipped=Decimal(shipped))
        return {900: MagentoOrder(900, state="canceled", status="canceled", items=(item,))}

    assert watch.store(SHOP, awaited, [], cancelled(4), NOW) == []
    assert loaded(sessions, order_id).magento_state == "processing"
    # What had left before the order came is shipped, and so is what the shop has shipments of.
    assert watch.store(SHOP, awaited, [], cancelled(1), NOW) == [order_id]
    assert loaded(sessions, order_id).magento_state == "canceled"
