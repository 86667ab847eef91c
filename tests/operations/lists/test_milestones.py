"""An order's way by milestones, with what led to each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from pipeline.base.db import Sessions
from pipeline.base.tables import Base
from pipeline.intake.tables import Refund
from pipeline.operations.lists.milestones import Milestone, Name, milestones
from pipeline.operations.lists.orders import Listing
from pipeline.operations.lists.timeline import Event, timeline
from pipeline.orders.tables import Order, Status
from tests.console.builders import (
    NOW,
    a_held_order,
    a_note,
    a_shipped_order,
    an_attempt,
    an_effect,
    an_order,
    store,
)


def way(sessions: Sessions, order: Order, *rows: Base) -> list[Milestone | Event]:
    """The milestones of an order, to which the rows belong."""
    (order_id,) = store(sessions, order)
    with sessions() as session, session.begin():
        for row in rows:
            row.order_id = order_id  # type: ignore[attr-defined]
            session.add(row)
    stored = Listing(sessions).order(order_id)
    assert stored is not None
    return milestones(stored, timeline(sessions, stored))


def names(entries: Sequence[Milestone | Event]) -> list[str]:
    return [one.name if isinstance(one, Milestone) else f"{one.by} {one.what}" for one in entries]


def of(entries: Sequence[Milestone | Event], name: Name) -> Milestone:
    (one,) = [one for one in entries if isinstance(one, Milestone) and one.name is name]
    return one


def done(step: str, minutes_ago: float) -> Base:
    return an_attempt(0, minutes_ago, step=step, outcome="done", detail=None)


def test_a_shipped_orders_way_is_told_newest_first_with_its_durations(sessions: Sessions) -> None:
    entries = way(
        sessions,
        a_shipped_order(3, purchased_at=NOW - timedelta(minutes=200)),
        done("import_order", 180),
        done("verify_order", 178),
        done("create_order", 170),
        an_effect(0, 169.5),
        a_note(0, 60, "anna"),
        done("ship_order", 49),
        done("sync_tracking", 45),
    )
    assert names(entries) == [
        *(Name.CONFIRMED, Name.SHIPPED, "anna released"),
        *(Name.IN_MAGENTO, Name.VERIFIED, Name.IMPORTED, Name.PLACED),
    ]
    assert of(entries, Name.PLACED).lasted is None
    assert of(entries, Name.IMPORTED).lasted == timedelta(minutes=20)
    assert of(entries, Name.IN_MAGENTO).at == NOW - timedelta(minutes=169.5)
    assert of(entries, Name.IN_MAGENTO).about == "000000003"
    assert of(entries, Name.CONFIRMED).lasted == timedelta(minutes=5)
    assert of(entries, Name.CONFIRMED).about == "DHL 00340434161094015902"


def test_runs_and_writes_are_folded_under_the_milestone_they_led_to(sessions: Sessions) -> None:
    entries = way(
        sessions,
        an_order(9),
        done("verify_order", 100),
        an_attempt(
            0, 90, step="enrich_order", outcome="hold", code="sku_not_found", detail="no", times=3
        ),
        done("enrich_order", 80),
        done("create_order", 79),
        an_effect(0, 79),
        an_effect(0, 78.5, kind="comment"),
        an_attempt(0, 5, times=6, first_at=NOW - timedelta(minutes=70)),
    )
    assert names(entries)[:2] == [Name.SHIPPED, Name.IN_MAGENTO]
    ahead, placed = of(entries, Name.SHIPPED), of(entries, Name.IN_MAGENTO)
    assert (ahead.at, ahead.runs, ahead.writes, ahead.holds) == (None, 6, 1, [])
    assert (placed.runs, placed.writes, placed.holds) == (5, 1, ["sku_not_found"])
    folded = [event for one in entries if isinstance(one, Milestone) for event in one.events]
    assert len(folded) == 7


def test_a_held_order_is_on_its_way_to_what_it_is_held_before(sessions: Sessions) -> None:
    entries = way(
        sessions,
        a_held_order(1),
        an_attempt(0, 5, step="enrich_order", outcome="hold", code="sku_not_found"),
    )
    assert names(entries) == [Name.IN_MAGENTO, Name.IMPORTED, Name.PLACED]
    ahead = of(entries, Name.IN_MAGENTO)
    assert (ahead.at, ahead.holds) == (None, ["sku_not_found"])


def test_a_cancelled_orders_way_ends_there(sessions: Sessions) -> None:
    entries = way(
        sessions,
        an_order(1, status=Status.CANCELLED, due_at=None),
        an_attempt(0, 5, outcome="cancelled", detail="cancelled on Amazon"),
        an_effect(0, 4, kind="cancellation"),
    )
    assert names(entries)[0] == Name.CANCELLED
    cancelled = of(entries, Name.CANCELLED)
    assert cancelled.at == NOW - timedelta(minutes=5) + timedelta(seconds=1)
    assert cancelled.writes == 1
    assert None not in [one.at for one in entries]


def test_each_credit_memo_is_a_milestone(sessions: Sessions) -> None:
    refund = Refund(
        magento_creditmemo_id=31,
        refunded_at=NOW - timedelta(minutes=2),
        currency="EUR",
        grand_total=Decimal("12.00"),
        shipping=Decimal(0),
        adjustment=Decimal(0),
        lines={},
    )
    entries = way(
        sessions, a_shipped_order(1), refund, an_effect(0, 3, kind="credit memo", remote_id="30")
    )
    memos = [one for one in entries if isinstance(one, Milestone) and one.name is Name.REFUNDED]
    assert len(memos) == 2
    assert memos[0].about.startswith("credit memo 31: 12.00 EUR")
