"""What a person decided about a refund outlives what it waits for, and nothing else decides it."""

# ruff: noqa: F811

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from pipeline.base.security_log import Signature
from pipeline.intake.tables import Refund
from pipeline.operations.acts.refunds import RefundDecisions
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Effect, EffectState
from pipeline.refunds.states import RefundState
from pipeline.refunds.stopping import PATIENCE
from tests.tasks.jobs.test_refund_stops import SEND, change, decide, is_for_person, pressed
from tests.tasks.jobs.test_refunds import (
    Begin,
    Refunding,
    begin,  # noqa: F401 - the fixture
)

LATE = timedelta(hours=1)
OPEN, REFUNDED = 1, 2


def in_state(world: Refunding, state: int) -> None:
    """The shop has the credit memos in this state, and the watch has stored that."""
    with world.parts.sessions() as session, session.begin():
        for memo in session.scalars(select(Refund)):
            memo.facts = {**(memo.facts or {}), "state": state}


def hand(world: Refunding) -> RefundDecisions:
    return RefundDecisions(
        world.parts.sessions, world.parts.vault, Signature("otto", "", world.clock())
    )


def prepare(world: Refunding, order_id: int) -> None:
    hand(world).prepare(order_id, world.refund(order_id).id)


def own_memo_in_doubt(world: Refunding, order_id: int, state: EffectState) -> None:
    """A credit memo of the product, without an answer or with one."""
    values = {"kind": EffectKind.CREDIT_MEMO, "state": state, "intended_at": world.clock()}
    with world.parts.sessions() as session, session.begin():
        session.execute(delete(Effect).where(Effect.order_id == order_id))
        session.add(Effect(order_id=order_id, key=f"memo:{order_id}", remote_id="7777", **values))


@pytest.mark.parametrize("mode", ["ask", "never"])
def test_a_press_outlives_what_it_waits_for(begin: Begin, mode: str) -> None:
    world = begin()
    order_id = pressed(world)
    change(world, refunds_to_amazon=mode)
    own_memo_in_doubt(world, order_id, EffectState.UNKNOWN)
    world.runs()
    row = world.refund(order_id)
    assert (row.state, row.hold_code, row.decided_by) == ("chosen", "maybe_own_memo", "otto")
    assert (is_for_person(world, order_id), world.paid()) == (("chosen", False), [])
    world.clock.on(PATIENCE)
    world.runs()
    assert (is_for_person(world, order_id), world.paid()) == (("chosen", True), [])
    own_memo_in_doubt(world, order_id, EffectState.DONE)
    world.clock.on(LATE)
    world.runs()
    assert (is_for_person(world, order_id), world.paid()) == (("accepted", False), ["5.00"])


def test_a_look_before_the_wait_lets_no_message_leave(begin: Begin) -> None:
    world = begin()
    order_id = pressed(world)
    decide(world)
    assert world.refund(order_id).looked_at is not None
    own_memo_in_doubt(world, order_id, EffectState.UNKNOWN)
    world.clock.on(timedelta(minutes=51))
    world.runs()
    assert (world.refund(order_id).looked_at, world.paid()) == (None, [])


@pytest.mark.parametrize("mode", ["ask", "never"])
def test_what_a_person_had_prepared_is_prepared_when_the_memo_is_ready(
    begin: Begin, mode: str
) -> None:
    world = begin(refunds_to_amazon="never")
    order_id = world.shipped()
    world.by_clerk(order_id, 5)
    decide(world)
    assert world.refund(order_id).hold_code == "switched_off"
    change(world, refunds_to_amazon=mode)
    prepare(world, order_id)
    in_state(world, OPEN)
    decide(world)
    assert world.refund(order_id).hold_code == "memo_open"
    in_state(world, REFUNDED)
    world.clock.on(LATE)
    decide(world)
    row = world.refund(order_id)
    assert (is_for_person(world, order_id), row.reason) == (("asked", True), None)
    assert row.body is not None


def test_what_a_person_took_back_is_not_sent_by_the_settings(begin: Begin) -> None:
    world = begin(**SEND)
    order_id = world.shipped()
    world.by_clerk(order_id, 5)
    decide(world, 2)
    hand(world).take_back(order_id, world.refund(order_id).id)
    in_state(world, OPEN)
    decide(world)
    row = world.refund(order_id)
    assert (row.state, row.hold_code, row.body) == (RefundState.ASKED, "memo_open", None)
    in_state(world, REFUNDED)
    world.clock.on(LATE)
    world.runs(6)
    assert (is_for_person(world, order_id), world.paid()) == (("asked", True), [])
