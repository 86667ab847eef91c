"""What stops a refund that was chosen, and what keeps it waiting until a person sees it."""

# ruff: noqa: F811

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from sqlalchemy import update

from pipeline.base import database_restores
from pipeline.intake.tables import Refund
from pipeline.operations.lists.refunds import count_waiting
from pipeline.orders.channel_order import RemoteStatus
from pipeline.orders.tables import Order
from pipeline.refunds.states import AFTER_RESTORE, RefundState
from pipeline.refunds.stopping import PATIENCE
from pipeline.refunds.tables import AmazonRefund
from tasks.jobs.refunds import run_refunds
from tests.builders import ACCOUNT
from tests.tasks.jobs.test_refunds import (
    Begin,
    Refunding,
    begin,  # noqa: F401 - the fixture
)

SEND = {"refunds_to_amazon": "send", "refund_delay_minutes": 0}
LATE = timedelta(hours=1)


def change(world: Refunding, **changes: Any) -> None:
    """The operator changes what counts for the account's marketplaces."""
    settings = world.parts.clients.in_force().accounts[ACCOUNT].settings
    put(world, settings=settings.model_copy(update=changes))


def put(world: Refunding, **changes: Any) -> None:
    """The operator changes settings of the account."""
    now = world.parts.clients.in_force()
    accounts = {**now.accounts, ACCOUNT: now.accounts[ACCOUNT].model_copy(update=changes)}
    changed = now.model_copy(update={"accounts": accounts})
    clients = replace(world.parts.clients, in_force=lambda: changed)
    world.parts = replace(world.parts, clients=clients)


def decide(world: Refunding, count: int = 1) -> None:
    for _ in range(count):
        run_refunds(world.parts, ACCOUNT)


def change_order(world: Refunding, order_id: int, **values: Any) -> None:
    with world.parts.sessions() as session, session.begin():
        session.execute(update(Order).where(Order.id == order_id).values(**values))


def chosen_by_settings(world: Refunding) -> int:
    """An order whose refund the settings have chosen, and Finances were not asked yet."""
    order_id = world.shipped()
    world.by_clerk(order_id, 5)
    decide(world, 2)
    assert world.refund(order_id).state == RefundState.CHOSEN
    return order_id


def pressed(world: Refunding) -> int:
    """An order whose refund a person has just asked for."""
    order_id = world.shipped()
    world.by_clerk(order_id, 5)
    decide(world)
    world.press(order_id)
    return order_id


def is_for_person(world: Refunding, order_id: int) -> tuple[str, bool]:
    row = world.refund(order_id)
    assert count_waiting(world.parts.sessions) == row.needs_person
    return row.state, row.needs_person


@pytest.mark.parametrize(
    ("changes", "state", "reason"),
    [
        ({"refunds_to_amazon": "never"}, RefundState.HELD, 'refunds_to_amazon is "never"'),
        ({"refunds_to_amazon": "ask"}, RefundState.ASKED, None),
        ({"refund_at_most": Decimal(4)}, RefundState.ASKED, "it is more than refund_at_most"),
    ],
)
def test_what_the_settings_chose_they_can_stop(
    begin: Begin, changes: dict[str, Any], state: RefundState, reason: str | None
) -> None:
    world = begin(**SEND)
    order_id = chosen_by_settings(world)
    change(world, **changes)
    world.runs()
    row = world.refund(order_id)
    assert (row.state, row.reason, world.paid()) == (state, reason, [])


@pytest.mark.parametrize(
    "changes", [{"refunds_to_amazon": "never"}, {"refund_at_most": Decimal(4)}]
)
def test_what_a_person_chose_goes_out_whatever_the_settings_say(
    begin: Begin, changes: dict[str, Any]
) -> None:
    world = begin()
    pressed(world)
    change(world, **changes)
    world.runs()
    assert world.paid() == ["5.00"]


def test_a_press_counts_for_the_amount_that_it_was_about(begin: Begin) -> None:
    world = begin(**SEND, refund_at_most=4)
    order_id = pressed(world)
    with world.parts.sessions() as session, session.begin():
        session.execute(update(AmazonRefund).values(total=Decimal(4)))
    world.runs()
    row = world.refund(order_id)
    assert (row.state, row.decided_by, row.decided_at) == (RefundState.ASKED, None, None)
    assert world.paid() == []


@pytest.mark.parametrize("by_person", [True, False])
def test_after_a_restore_the_job_asks_a_person_about_what_was_chosen(
    begin: Begin, by_person: bool
) -> None:
    world = begin() if by_person else begin(**SEND)
    order_id = (pressed if by_person else chosen_by_settings)(world)
    world.clock.on(LATE)
    with world.parts.sessions() as session, session.begin():
        database_restores.report(session, world.clock())
    world.clock.on(LATE)
    decide(world)
    row = world.refund(order_id)
    assert (row.state, row.reason, row.needs_person) == (RefundState.ASKED, AFTER_RESTORE, True)
    assert row.body is not None
    world.press(order_id)
    world.runs()
    assert world.paid() == ["5.00"]


def test_a_memo_that_stays_open_in_the_shop_is_a_persons_after_four_days(begin: Begin) -> None:
    world = begin(**SEND)
    order_id = world.shipped()
    world.by_clerk(order_id, 5)
    _in_state(world, 1)
    decide(world)
    row = world.refund(order_id)
    assert (row.hold_code, is_for_person(world, order_id)) == ("memo_open", ("held", False))
    world.clock.on(PATIENCE)
    decide(world)
    row = world.refund(order_id)
    assert is_for_person(world, order_id) == (RefundState.HELD, True)
    assert row.reason is not None
    assert "set it to refunded in the shop" in row.reason
    _in_state(world, 2)
    world.clock.on(LATE)
    world.runs()
    assert (is_for_person(world, order_id), world.paid()) == (("accepted", False), ["5.00"])


def _in_state(world: Refunding, state: int) -> None:
    with world.parts.sessions() as session, session.begin():
        for memo in session.query(Refund):
            memo.facts = {**(memo.facts or {}), "state": state}


def test_a_memo_without_details_is_a_persons_after_four_days(begin: Begin) -> None:
    world = begin()
    order_id = world.shipped()
    world.by_clerk(order_id, 5)
    with world.parts.sessions() as session, session.begin():
        session.execute(update(Refund).values(facts=None))
    decide(world)
    assert is_for_person(world, order_id) == (RefundState.HELD, False)
    world.clock.on(PATIENCE)
    decide(world)
    row = world.refund(order_id)
    assert (row.hold_code, is_for_person(world, order_id)) == ("not_read", ("held", True))
    assert row.reason is not None
    assert "the shop has not sent it again" in row.reason


@pytest.mark.parametrize("by_person", [True, False])
def test_an_order_that_is_never_dispatched_is_a_persons_after_four_days(
    begin: Begin, by_person: bool
) -> None:
    world = begin() if by_person else begin(**SEND)
    if by_person:
        order_id = pressed(world)
        change_order(world, order_id, remote_status=RemoteStatus.UNSHIPPED)
    else:
        order_id = world.shipped()
        change_order(world, order_id, remote_status=RemoteStatus.UNSHIPPED)
        world.by_clerk(order_id, 5)
    decide(world, 2)
    state = world.refund(order_id).state
    assert is_for_person(world, order_id) == (state, False)
    world.clock.on(PATIENCE)
    decide(world)
    row = world.refund(order_id)
    assert is_for_person(world, order_id) == (state, True)
    assert row.reason is not None
    assert "the order is UNSHIPPED at Amazon" in row.reason
    change_order(world, order_id, remote_status=RemoteStatus.SHIPPED)
    world.clock.on(LATE)
    world.runs()
    assert (is_for_person(world, order_id), world.paid()) == (("accepted", False), ["5.00"])


def test_a_pressed_refund_of_an_order_that_is_cancelled_waits_for_no_dispatch(begin: Begin) -> None:
    world = begin()
    order_id = pressed(world)
    change_order(world, order_id, remote_status=RemoteStatus.CANCELLED)
    decide(world, 2)
    row = world.refund(order_id)
    assert (row.state, row.hold_code, row.due_at) == ("never", "order_cancelled", None)


def test_a_refund_up_to_the_limit_goes_out_with_the_reason_of_the_settings(begin: Begin) -> None:
    world = begin(
        refunds_to_amazon="send",
        refund_delay_minutes=30,
        refund_at_most=5,
        refund_reason="DifferentItem",
    )
    first, second = world.shipped(), world.shipped()
    world.by_clerk(first, 5)
    world.by_clerk(second, 6)
    world.runs(2)
    assert [world.refund(one).state for one in (first, second)] == ["waiting", "asked"]
    world.clock.on(timedelta(minutes=30))
    world.runs(6)
    assert world.paid() == ["5.00"]
    (feed,) = requests.get(f"{world.amazon}/_control/feeds", timeout=10).json()["feeds"]
    assert "<AdjustmentReason>DifferentItem</AdjustmentReason>" in feed["document"]
