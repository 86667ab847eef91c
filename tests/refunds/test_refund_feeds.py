"""The feeds of refunds: whatever crashes or is lost, Amazon pays each refund once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.refunds.feeds import LOOKED_WITHIN, TIMES
from pipeline.refunds.states import RefundState
from pipeline.refunds.tables import AmazonRefund
from pipeline.shipping.feeds import LIMITS
from tasks.jobs.feeds import GIVE_UP
from tests.builders import with_keys
from tests.refunds.rig import WORKED_ON, Rig, body


def test_a_feed_refunds_the_buyer_and_the_row_tells_it(rig: Rig) -> None:
    first, second = rig.chosen("29.99"), rig.chosen("10.00")
    rig.go()
    assert rig.row(first).state == RefundState.IN_FEED
    assert rig.feeds() == [("submitted", None)]
    rig.clock.on(WORKED_ON)
    rig.go()
    assert rig.paid() == ["29.99", "10.00"]
    assert [rig.row(one).state for one in (first, second)] == ["accepted", "accepted"]
    assert (rig.row(second).message_id, rig.row(second).due_at) == (2, None)
    assert rig.feeds() == [("ended", "done")]


@pytest.mark.parametrize("fate", ["FATAL", "FATAL_HALF", "NO_REPORT", "BAD_REPORT"])
def test_what_has_no_result_is_unknown_and_never_sent_again(rig: Rig, fate: str) -> None:
    first, second = rig.chosen("29.99"), rig.chosen("10.00")
    rig.give(fate)
    rig.go()
    sent_at = rig.clock.at
    paid: list[str] = []
    for _ in range(12):
        rig.clock.on(timedelta(hours=1))
        rig.look_again()
        rig.go()
        paid = paid or rig.paid()
    assert rig.paid() == paid
    assert len(rig.at_amazon()) == 1
    for one in (first, second):
        row = rig.row(one)
        assert (row.state, row.needs_person) == (RefundState.UNKNOWN, False)
        assert row.due_at == sent_at + timedelta(hours=48)
    assert [state for state, _ in rig.feeds()] == ["ended"]


def test_a_report_without_a_result_leaves_what_it_does_not_name_unknown(rig: Rig) -> None:
    ids = [rig.chosen("29.99"), rig.chosen("10.00")]
    rig.give("MISSING_RESULT")
    rig.runs()
    assert rig.paid() == ["29.99", "10.00"]
    assert [rig.row(one).state for one in ids] == [RefundState.UNKNOWN] * 2


def test_a_feed_that_stays_in_progress_blocks_the_next_one_and_ends_unknown(rig: Rig) -> None:
    first = rig.chosen()
    rig.give("STUCK")
    rig.go()
    second = rig.chosen("10.00")
    rig.clock.on(max(LIMITS.values()))
    rig.look_again()
    rig.go()
    assert rig.feeds() == [("submitted", None)]
    rig.clock.on(GIVE_UP)
    rig.look_again()
    rig.go()
    assert rig.row(first).state == RefundState.UNKNOWN
    rig.clock.on(WORKED_ON)
    rig.runs()
    assert (rig.row(first).state, rig.row(second).state) == ("unknown", "accepted")
    assert rig.paid() == ["10.00"]


def test_a_cancelled_feed_never_began_so_its_refunds_are_sent_again(rig: Rig) -> None:
    refund_id = rig.chosen()
    rig.give("CANCELLED")
    rig.go()
    rig.clock.on(WORKED_ON)
    rig.go()
    row = rig.row(refund_id)
    assert (row.state, row.tries, row.looked_at) == (RefundState.CHOSEN, 1, None)
    rig.runs(2)
    assert rig.row(refund_id).state == RefundState.CHOSEN
    rig.look_again()
    rig.runs()
    assert rig.paid() == ["29.99"]
    assert rig.row(refund_id).state == RefundState.ACCEPTED


def test_a_document_refused_whole_is_sent_again_message_by_message(rig: Rig) -> None:
    good = rig.chosen("10.00")
    bad = rig.chosen("29.99")
    with rig.sessions() as session, session.begin():
        row = session.get_one(AmazonRefund, bad)
        row.body = body("not-a-number", row.memo_id, "29.99")
    for _ in range(10):
        rig.look_again()
        rig.go()
        rig.clock.on(WORKED_ON)
    assert rig.row(good).state == RefundState.ACCEPTED
    row = rig.row(bad)
    assert (row.state, row.needs_person, row.tries) == (RefundState.REFUSED, True, TIMES)
    assert rig.paid() == ["10.00"]


def test_a_refusal_is_for_a_person_and_its_words_are_sealed(rig: Rig) -> None:
    refund_id = rig.chosen("500.00")
    with_keys(rig.sessions)
    rig.runs(3)
    row = rig.row(refund_id)
    assert (row.state, row.needs_person) == (RefundState.REFUSED, True)
    assert row.hold_code in ("over_balance", "net_not_positive")
    assert row.due_at is not None
    assert "words are sealed" in (row.reason or "")
    assert rig.paid() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"state": RefundState.ASKED},
        {"state": RefundState.WAITING},
        {"state": RefundState.UNKNOWN},
        {"looked_at": None},
    ],
)
def test_only_a_chosen_refund_with_a_fresh_look_leaves(rig: Rig, changes: dict[str, Any]) -> None:
    rig.chosen(**changes)
    rig.go()
    assert rig.feeds() == []


@pytest.mark.parametrize(
    "changes", [{"remote_status": "UNSHIPPED"}, {"fulfilled_by": "FBA"}, {"account": "other"}]
)
def test_an_order_that_is_not_dispatched_or_not_ours_is_left_alone(
    rig: Rig, changes: dict[str, Any]
) -> None:
    rig.chosen(order_id=rig.order(**changes).id)
    rig.go()
    assert rig.feeds() == []


def test_a_feed_that_was_not_sent_within_the_hour_is_taken_back(rig: Rig) -> None:
    refund_id = rig.chosen()
    rig.is_read_only = True
    rig.go()
    assert rig.feeds() == [("collected", None)]
    rig.clock.on(LOOKED_WITHIN)
    rig.go()
    assert rig.feeds() == [("ended", "not sent")]
    row = rig.row(refund_id)
    assert (row.state, row.tries, row.feed_id) == (RefundState.CHOSEN, 0, None)


def test_a_refund_goes_out_with_those_of_its_marketplace_alone(rig: Rig) -> None:
    first = rig.chosen()
    second = rig.chosen("10.00", order_id=rig.order(marketplace_id="A13V1IB3VIYZZH").id)
    rig.go()
    assert (rig.row(first).state, rig.row(second).state) == ("in feed", "chosen")


def run_all(rig: Rig, ended: Callable[[], bool]) -> None:
    for _ in range(12):
        rig.look_again()
        rig.go()
        rig.clock.on(WORKED_ON)
        if ended():
            return
    raise AssertionError("it never ended")


def test_the_same_money_of_two_memos_is_two_refunds(rig: Rig) -> None:
    order_id = rig.order().id
    ids = [rig.chosen(order_id=order_id) for _ in range(2)]
    run_all(rig, lambda: all(rig.row(one).state == "accepted" for one in ids))
    assert rig.paid() == ["29.99", "29.99"]
    with rig.sessions() as session:
        assert len(session.scalars(select(AmazonRefund.id)).all()) == 2
