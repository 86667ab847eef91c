"""Refunds whose calls fail: tried again, and a person's once nobody else can help."""

# ruff: noqa: F811

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import requests
from sqlalchemy import select, update

from pipeline.base import database_restores
from pipeline.intake.tables import Refund
from pipeline.refunds.states import RefundState
from pipeline.refunds.stopping import PATIENCE
from pipeline.refunds.tables import AmazonRefund
from pipeline.shipping.tables import Feed
from tasks.jobs.feeds import run_feeds
from tests.builders import ACCOUNT
from tests.tasks.jobs.test_refund_stops import LATE, decide, is_for_person, pressed, put
from tests.tasks.jobs.test_refunds import (
    Begin,
    Refunding,
    begin,  # noqa: F401 - the fixture
)


def refuse(world: Refunding) -> None:
    """Amazon refuses its transactions: the application lacks the role."""
    body = {"errors": [{"code": "Unauthorized", "message": "Access is denied."}]}
    fault = {
        "route": "list_transactions",
        "kind": "status",
        "status": 403,
        "body": body,
        "times": 99,
    }
    requests.post(f"{world.amazon}/_control/faults", json=fault, timeout=10).raise_for_status()


def grant(world: Refunding) -> None:
    requests.delete(f"{world.amazon}/_control/faults", timeout=10).raise_for_status()


@pytest.mark.parametrize("finances", ["read", "off"])
def test_without_the_role_for_finances_what_a_person_chose_comes_back_with_the_reason(
    begin: Begin, finances: str
) -> None:
    world = begin()
    put(world, finances=finances)
    order_id = pressed(world)
    refuse(world)
    decide(world)
    row = world.refund(order_id)
    assert is_for_person(world, order_id) == (RefundState.CHOSEN, True)
    assert row.reason is not None
    assert "the role Finance and Accounting" in row.reason
    run_feeds(world.parts, ACCOUNT)
    assert world.paid() == []
    grant(world)
    world.clock.on(LATE)
    world.runs()
    assert world.paid() == ["5.00"]
    assert is_for_person(world, order_id) == (RefundState.ACCEPTED, False)


def test_what_has_no_result_and_cannot_be_looked_for_is_a_persons_after_four_days(
    begin: Begin,
) -> None:
    world = begin()
    order_id = pressed(world)
    with world.parts.sessions() as session, session.begin():
        session.execute(
            update(AmazonRefund).values(
                state=RefundState.UNKNOWN, sent_at=world.clock(), reason="no report"
            )
        )
    refuse(world)
    decide(world)
    row = world.refund(order_id)
    assert (row.reason, is_for_person(world, order_id)) == ("no report", ("unknown", False))
    world.clock.on(PATIENCE)
    decide(world)
    row = world.refund(order_id)
    assert is_for_person(world, order_id) == (RefundState.UNKNOWN, True)
    assert row.reason is not None
    assert row.reason.startswith("no report; it cannot be looked for")


def test_after_a_restore_it_is_looked_for_four_days_from_then(begin: Begin) -> None:
    world = begin()
    order_id = pressed(world)
    with world.parts.sessions() as session, session.begin():
        session.execute(
            update(AmazonRefund).values(state=RefundState.UNKNOWN, sent_at=world.clock())
        )
    world.clock.on(PATIENCE)
    with world.parts.sessions() as session, session.begin():
        database_restores.report(session, world.clock())
    decide(world)
    assert is_for_person(world, order_id) == (RefundState.UNKNOWN, False)
    world.clock.on(PATIENCE)
    decide(world)
    assert is_for_person(world, order_id) == (RefundState.UNKNOWN, True)


def test_a_failed_call_is_made_again_no_later_than_the_longest_retry(begin: Begin) -> None:
    world = begin()
    order_id = pressed(world)
    timing = world.parts.settings.timing.model_copy(update={"longest_retry_s": 2})
    settings = world.parts.settings.model_copy(update={"timing": timing})
    world.parts = replace(world.parts, settings=settings)
    refuse(world)
    decide(world)
    assert world.refund(order_id).due_at == world.clock() + timedelta(seconds=2)
    grant(world)
    world.clock.on(LATE)
    decide(world)
    fault = {"route": "create_feed_document", "kind": "status", "status": 500, "times": 99}
    requests.post(f"{world.amazon}/_control/faults", json=fault, timeout=10).raise_for_status()
    run_feeds(world.parts, ACCOUNT)
    with world.parts.sessions() as session:
        assert session.scalars(select(Feed.due_at)).one() == world.clock() + timedelta(seconds=2)


def test_a_transaction_that_cannot_be_read_may_be_the_refund(begin: Begin) -> None:
    world = begin()
    order_id = pressed(world)
    shown = {"transactionId": "T1", "transactionType": "Refund", "totalAmount": None}
    answer = {"payload": {"transactions": [shown]}}
    fault = {"route": "list_transactions", "kind": "status", "status": 200, "body": answer}
    requests.post(f"{world.amazon}/_control/faults", json={**fault, "times": 99}, timeout=10)
    world.runs()
    row = world.refund(order_id)
    assert (is_for_person(world, order_id), world.paid()) == (("chosen", True), [])
    assert row.reason is not None
    assert "without its number, time or amount" in row.reason
    grant(world)
    world.clock.on(LATE)
    world.runs()
    assert (is_for_person(world, order_id), world.paid()) == (("accepted", False), ["5.00"])


def test_a_defect_with_one_refund_is_a_persons(begin: Begin) -> None:
    world = begin()
    bad, good = world.shipped(), world.shipped()
    for order_id in (bad, good):
        world.by_clerk(order_id, 5)
    with world.parts.sessions() as session, session.begin():
        (facts,) = session.scalars(select(Refund.facts).where(Refund.order_id == bad))
        kept = update(Refund).where(Refund.order_id == bad)
        session.execute(kept.values(facts={"lines": 5}))
    decide(world)
    row = world.refund(bad)
    assert (row.state, row.needs_person, world.refund(good).state) == ("held", True, "asked")
    assert row.reason is not None
    assert "a defect in this program" in row.reason
    with world.parts.sessions() as session, session.begin():
        session.execute(kept.values(facts=facts))
    world.clock.on(LATE)
    decide(world)
    row = world.refund(bad)
    assert (row.state, row.reason) == (RefundState.ASKED, None)
