"""The figures by day and by month, of two accounts whose numbers collide."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.base.db import Sessions
from pipeline.intake.tables import Backfill
from pipeline.operations.today.charts import DAYS, charts
from pipeline.operations.today.figures import Span, confirmed, on_time, ordered, to_magento
from pipeline.operations.today.months import Month, months
from pipeline.orders.package_tables import Shipment
from pipeline.orders.tables import Order, Status
from tests.builders import unknown_to_the_database
from tests.console.builders import (
    NOW,
    a_held_order,
    a_pending_order,
    an_effect,
    an_order,
    store,
)

_UTC = ZoneInfo("UTC")
TODAY = NOW.date()
YESTERDAY = TODAY - timedelta(days=1)
SHOPS = ("main", "second")


def days(zone: str = "UTC") -> Span:
    return Span.of_days(DAYS, NOW, ZoneInfo(zone))


def in_magento_after(sessions: Sessions, minutes: float, *orders: Order) -> None:
    """Store orders that Magento had so many minutes after their purchase."""
    for order in orders:
        bought_at = order.purchased_at
        (order_id,) = store(sessions, order)
        assert bought_at is not None
        made = an_effect(order_id, 0, ended_at=bought_at + timedelta(minutes=minutes))
        with sessions() as session, session.begin():
            session.add(made)


def a_left_order(number: int, left_at: datetime, **changed: Any) -> Order:
    """An order whose only package left then and was accepted ten minutes later."""
    shop = changed.get("shop", "main")
    package = Shipment(
        shop=shop,
        magento_shipment_id=77,
        package_reference="77",
        shipped_at=left_at,
        tracking_number="0034",
        confirmation="accepted",
        confirmed_at=left_at + timedelta(minutes=10),
    )
    done = {"status": Status.DONE, "remote_status": "SHIPPED", "shop": shop}
    return an_order(number, **{**done, "shipments": [package], **changed})


def test_a_day_is_the_readers(sessions: Sessions) -> None:
    late_evening = datetime(2026, 3, 9, 23, 30, tzinfo=UTC)
    store(
        sessions,
        an_order(1, purchased_at=late_evening),
        an_order(2, purchased_at=NOW - timedelta(days=DAYS)),
        an_order(3, purchased_at=NOW, shown=False),
    )
    with sessions() as session:
        assert [(day, number) for day, number, *_ in ordered(session, days())] == [(YESTERDAY, 1)]
        berlin = ordered(session, days("Europe/Berlin"))
        assert [(day, number) for day, number, *_ in berlin] == [(TODAY, 1)]
    assert days().days()[0] == TODAY - timedelta(days=DAYS - 1)
    assert days().days()[-1] == TODAY


def test_the_database_need_not_know_the_zone(sessions: Sessions) -> None:
    """Days and months begin as the zone's clock says, also in the night of summer time."""
    zone, at = unknown_to_the_database("Europe/Berlin"), datetime(2026, 4, 1, 10, tzinfo=UTC)
    times = (
        *(datetime(2026, 3, 28, 22, 59, tzinfo=UTC), datetime(2026, 3, 28, 23, 0, tzinfo=UTC)),
        *(datetime(2026, 3, 29, 21, 59, tzinfo=UTC), datetime(2026, 3, 31, 22, 0, tzinfo=UTC)),
    )
    store(sessions, *(an_order(n, purchased_at=one) for n, one in enumerate(times, 1)))
    with sessions() as session:
        by_day = ordered(session, Span.of_days(DAYS, at, zone))
        by_month = ordered(session, Span.of_months(2, at, zone))
    assert [(day, number) for day, number, *_ in by_day] == [
        *((date(2026, 3, 28), 1), (date(2026, 3, 29), 2), (date(2026, 4, 1), 1)),
    ]
    assert [(month, number) for month, number, *_ in by_month] == [
        *((date(2026, 3, 1), 3), (date(2026, 4, 1), 1)),
    ]


def test_the_time_to_magento_is_of_what_we_ship_and_was_not_backfilled(sessions: Sessions) -> None:
    before = NOW - timedelta(days=1)
    in_magento_after(sessions, 4, an_order(1, purchased_at=before))
    in_magento_after(sessions, 6, an_order(2, purchased_at=before, account="us"))
    in_magento_after(sessions, 999, an_order(3, purchased_at=before, fulfilled_by="FBA"))
    in_magento_after(sessions, 999, an_order(4, purchased_at=before - timedelta(hours=3)))
    with sessions() as session, session.begin():
        session.add(
            Backfill(
                account="eu",
                author="otto",
                state="done",
                after_at=before - timedelta(days=9),
                before_at=before - timedelta(hours=2),
                due_at=NOW,
                created_at=NOW,
            )
        )
    with sessions() as session:
        assert to_magento(session, days()) == [(YESTERDAY, [5.0, 5.8])]


def test_the_time_to_the_confirmation_is_of_each_shops_own_packages(sessions: Sessions) -> None:
    left_at = NOW - timedelta(hours=2)
    both = a_left_order(1, left_at), a_left_order(1, left_at, account="us", shop="second")
    both[1].shipments[0].confirmed_at = left_at + timedelta(minutes=30)
    store(sessions, *both)
    with sessions() as session:
        assert confirmed(session, days(), SHOPS) == [(TODAY, [20.0, 28.0])]
        assert confirmed(session, days(), ["second"]) == [(TODAY, [30.0, 30.0])]
        by = confirmed(session, days(), SHOPS, Order.account)
        assert by == [(TODAY, "eu", [10.0, 10.0]), (TODAY, "us", [30.0, 30.0])]


def test_what_left_by_its_ship_by_time_was_on_time(sessions: Sessions) -> None:
    due_at = NOW - timedelta(days=1)
    in_time, late = due_at - timedelta(minutes=1), due_at + timedelta(minutes=1)
    soon = NOW + timedelta(minutes=30)
    store(
        sessions,
        a_left_order(1, in_time, ship_by_at=due_at),
        a_left_order(2, late, ship_by_at=due_at),
        an_order(3, ship_by_at=due_at),
        an_order(4, ship_by_at=due_at, status=Status.CANCELLED, remote_status="CANCELLED"),
        a_left_order(5, in_time, ship_by_at=due_at, fulfilled_by="FBA"),
        a_left_order(1, in_time, ship_by_at=due_at, account="us", shop="second"),
        an_order(6, ship_by_at=soon),
        a_left_order(7, NOW, ship_by_at=soon),
        an_order(8, ship_by_at=due_at, remote_status="CANCELLED"),
        a_held_order(9, ship_by_at=due_at, remote_status="CANCELLED"),
        a_pending_order(10, ship_by_at=due_at),
        an_order(11, ship_by_at=due_at, shown=False),
    )
    with sessions() as session:
        assert on_time(session, days()) == [(YESTERDAY, 4, 2), (TODAY, 1, 1)]


def test_the_charts_have_a_value_for_each_day(sessions: Sessions) -> None:
    store(
        sessions,
        an_order(1),
        an_order(2, fulfilled_by="FBA"),
        *(a_held_order(10 + number, hold_code="out_of_stock") for number in range(2)),
        *(a_held_order(20 + number, hold_code=f"code_{number}") for number in range(6)),
    )
    with sessions() as session:
        made = charts(session, days(), SHOPS)
    assert {name: sum(v or 0 for v in values) for name, values in made.orders.items()} == {
        "FBM": 9,
        "FBA": 1,
    }
    assert made.to_magento[0] == [None] * DAYS
    assert made.on_time == [None] * DAYS
    assert len(made.held) == 6
    assert (sum(v or 0 for v in made.held["out_of_stock"]), sum(v or 0 for v in made.held[""])) == (
        *(2, 2),
    )


def test_a_month_has_a_row_for_each_currency_and_channel(sessions: Sessions) -> None:
    in_february = datetime(2026, 2, 28, 23, 30, tzinfo=UTC)
    pounds = {"account": "us", "shop": "second", "currency": "GBP"}
    store(
        sessions,
        a_left_order(1, NOW - timedelta(hours=1), grand_total=Decimal("10.10")),
        an_order(2, grand_total=Decimal("0.02"), ship_by_at=NOW + timedelta(days=9)),
        an_order(
            3,
            grand_total=Decimal("500"),
            status=Status.CANCELLED,
            remote_status="CANCELLED",
        ),
        an_order(1, purchased_at=in_february, ship_by_at=in_february, **pounds),
        an_order(4, purchased_at=NOW - timedelta(days=700)),
    )
    span = Span.of_months(13, NOW, _UTC)
    assert span.first == date(2025, 3, 1)
    with sessions() as session:
        assert months(session, span, SHOPS) == [
            Month(date(2026, 3, 1), "EUR", "FBM", 3, 1, Decimal("10.12"), None, (10.0, 10.0), 1, 1),
            Month(date(2026, 2, 1), "GBP", "FBM", 1, 0, Decimal("41.97"), None, None, 1, 0),
        ]
        berlin = months(session, Span.of_months(13, NOW, ZoneInfo("Europe/Berlin")), SHOPS)
    assert [one.month for one in berlin] == [date(2026, 3, 1), date(2026, 3, 1)]
