"""Feeds that Amazon does not come to an end with, and results that nobody can read."""

# ruff: noqa: F811

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from pipeline.monitoring.installation_checks import stuck_feeds
from pipeline.orders.package_tables import Shipment
from pipeline.shipping.feeds import LIMITS, Feeds
from pipeline.shipping.tables import Feed, FeedMessage
from tasks.jobs.feeds import FeedWay
from tests.builders import ACCOUNT, a_vault, loaded
from tests.tasks.jobs.test_feeds import (
    CANCELLATIONS,
    CONFIRMATIONS,
    WORKED_ON,
    Crash,
    Rig,
    rig,  # noqa: F401 - the fixture
    told,
)

LATE = max(LIMITS.values())


def until_overdue(rig: Rig, kind: Any = CONFIRMATIONS) -> None:
    rig.clock.on(LATE)
    rig.go(kind)


def calls_of(rig: Rig, order_id: int) -> Any:
    return rig.at_amazon(order_id)["confirmations"]


def give(rig: Rig, fate: str) -> None:
    rig.control("POST", "feeds", {"fate": fate})


@pytest.mark.parametrize("fate", ["STUCK", "QUEUED"])
def test_the_next_feed_goes_out_beside_a_stuck_one_and_a_late_result_counts(
    rig: Rig, fate: str
) -> None:
    (first,) = rig.waiting(1)
    give(rig, fate)
    rig.go()
    (second,) = rig.waiting(1)
    rig.clock.on(timedelta(minutes=90))
    rig.go()
    assert rig.feeds() == [("submitted", None)]
    assert stuck_feeds(rig.sessions, ACCOUNT) == ""
    until_overdue(rig)
    assert rig.feeds() == [("submitted", None)] * 2
    stuck = rig.amazons_feeds()[0]
    assert f"feed {stuck['feedId']} of confirmations" in stuck_feeds(rig.sessions, ACCOUNT)
    assert "1 message(s) wait for the result" in stuck_feeds(rig.sessions, ACCOUNT)
    rig.clock.on(WORKED_ON)
    rig.go()
    assert told(rig, second)[0] == "accepted"
    assert told(rig, first)[:2] == ("sent", None)
    assert calls_of(rig, first) == {}
    rig.control("POST", f"feeds/{stuck['feedId']}", {"fate": "DONE"})
    rig.clock.on(timedelta(minutes=5))
    rig.go()
    for order_id in (first, second):
        assert told(rig, order_id) == ("accepted", "dhl/DHL/123", 1, None)
        assert calls_of(rig, order_id) == {"71": {"calls": 1, "edits": 0}}
    assert rig.feeds() == [("ended", "done")] * 2
    assert stuck_feeds(rig.sessions, ACCOUNT) == ""


def test_cancellations_go_on_beside_a_stuck_feed_of_theirs(rig: Rig) -> None:
    (first,) = rig.to_cancel(1)
    give(rig, "STUCK")
    rig.go(CANCELLATIONS)
    (second,) = rig.to_cancel(1)
    until_overdue(rig, CANCELLATIONS)
    rig.clock.on(WORKED_ON)
    rig.go(CANCELLATIONS)
    assert loaded(rig.sessions, second).cancellation == "accepted"
    assert loaded(rig.sessions, first).cancellation == "sent"
    stuck = rig.amazons_feeds()[0]
    rig.control("POST", f"feeds/{stuck['feedId']}", {"fate": "DONE"})
    rig.clock.on(timedelta(minutes=5))
    rig.go(CANCELLATIONS)
    assert loaded(rig.sessions, first).cancellation == "accepted"
    assert len(rig.amazons_feeds()) == 2


def test_a_feed_that_never_gets_to_amazon_stops_no_later_one(rig: Rig) -> None:
    (first,) = rig.waiting(1)
    fault = {"route": "put_feed_document", "kind": "status", "times": 4}
    rig.control("POST", "faults", fault)
    rig.go()
    (second,) = rig.waiting(1)
    rig.clock.on(timedelta(hours=1))
    rig.control("POST", "faults", fault)
    rig.go()
    assert "that Amazon has not accepted of confirmations" in stuck_feeds(rig.sessions, ACCOUNT)
    rig.control("DELETE", "faults")
    rig.clock.on(timedelta(minutes=1))
    rig.go()
    rig.clock.on(timedelta(minutes=5))
    rig.go()
    assert (told(rig, first)[0], told(rig, second)[0]) == ("accepted", "accepted")
    assert len(rig.amazons_feeds()) == 2
    assert stuck_feeds(rig.sessions, ACCOUNT) == ""


def test_what_nobody_may_send_is_not_overdue(rig: Rig) -> None:
    rig.waiting(1)
    rig.is_read_only = True
    rig.go()
    rig.waiting(1)
    until_overdue(rig)
    assert rig.feeds() == [("collected", None)]
    assert stuck_feeds(rig.sessions, ACCOUNT) == ""


def test_of_a_feed_given_up_only_what_amazon_does_not_have_is_sent_again(rig: Rig) -> None:
    there, missing = rig.waiting(2)
    give(rig, "STUCK")
    rig.go()
    body = {
        "packages": [
            {
                "packageReferenceId": "71",
                "trackingNumber": "123",
                "packageItems": [{"orderItemId": "I1", "quantity": 1}],
            }
        ]
    }
    number = loaded(rig.sessions, there).external_id
    rig.control("PATCH", f"orders/{number}", body)
    until_overdue(rig)
    assert told(rig, there)[0] == "sent"
    rig.clock.on(timedelta(hours=10))
    rig.go()
    rig.clock.on(timedelta(minutes=2))
    rig.go()
    assert told(rig, there) == ("accepted", "dhl/DHL/123", 1, None)
    assert told(rig, missing)[:2] == ("feed", None)
    rig.through()
    assert told(rig, missing) == ("accepted", "dhl/DHL/123", 1, None)
    assert calls_of(rig, missing) == {"71": {"calls": 1, "edits": 0}}
    assert calls_of(rig, there) == {}
    feeds = rig.amazons_feeds()
    assert feeds[1]["document"].count("<MessageID>") == 1


def test_a_queued_feed_is_taken_back_before_it_is_given_up(rig: Rig) -> None:
    (order_id,) = rig.waiting(1)
    give(rig, "QUEUED")
    rig.go()
    until_overdue(rig)
    rig.clock.on(timedelta(hours=10))
    rig.through()
    first, *_ = rig.amazons_feeds()
    assert first["processingStatus"] == "CANCELLED"
    rig.clock.on(timedelta(minutes=20))
    rig.through()
    assert told(rig, order_id) == ("accepted", "dhl/DHL/123", 1, None)
    assert calls_of(rig, order_id) == {"71": {"calls": 1, "edits": 0}}


@pytest.mark.parametrize(("fate", "outcome"), [("NO_REPORT", "done"), ("BAD_REPORT", "unreadable")])
def test_without_a_readable_report_the_orders_tell(rig: Rig, fate: str, outcome: str) -> None:
    confirmed = rig.waiting(2)
    give(rig, fate)
    rig.through()
    cancelled = rig.to_cancel(1)
    give(rig, fate)
    rig.through(CANCELLATIONS)
    assert rig.feeds() == [("ended", outcome)] * 2
    for order_id in confirmed:
        assert told(rig, order_id) == ("accepted", "dhl/DHL/123", 1, None)
        assert calls_of(rig, order_id) == {"71": {"calls": 1, "edits": 0}}
    assert loaded(rig.sessions, cancelled[0]).cancellation == "accepted"


def test_what_an_unreadable_report_said_no_to_is_neither_refused_nor_sent_again(rig: Rig) -> None:
    (order_id,) = rig.waiting(1)
    (to_cancel,) = rig.to_cancel(1)
    with rig.sessions() as session, session.begin():
        package = session.scalars(select(Shipment)).one()
        package.to_feed = {**(package.to_feed or {}), "carrier_code": "Nobody"}
    give(rig, "BAD_REPORT")
    rig.go()
    number = loaded(rig.sessions, to_cancel).external_id
    rig.control("POST", f"orders/{number}/status", {"status": "SHIPPED"})
    give(rig, "BAD_REPORT")
    rig.go(CANCELLATIONS)
    for _ in range(8):
        rig.clock.on(timedelta(minutes=25))
        rig.go()
        rig.go(CANCELLATIONS)
    assert told(rig, order_id)[0] == "unclear"
    order = loaded(rig.sessions, to_cancel)
    assert order.cancellation == "unclear"
    assert order.cancel_refusal == "the report is not usable XML (ParseError)"
    assert len(rig.amazons_feeds()) == 2
    assert stuck_feeds(rig.sessions, ACCOUNT) == ""


def test_while_orders_are_looked_at_for_an_unreadable_report_a_person_is_told(rig: Rig) -> None:
    rig.waiting(1)
    give(rig, "BAD_REPORT")
    rig.go()
    for _ in range(2):
        rig.clock.on(timedelta(minutes=6))
        rig.go()
    assert "the report is not usable XML" in stuck_feeds(rig.sessions, ACCOUNT)


def test_a_look_that_was_cut_short_goes_on_where_it_was(rig: Rig) -> None:
    order_ids = rig.waiting(3)
    give(rig, "NO_REPORT")
    rig.go()
    rig.clock.on(WORKED_ON)
    rig.go()
    answered = Feeds.answer
    left = [2]

    def answer(self: Feeds, *args: Any) -> None:
        answered(self, *args)
        left[0] -= 1
        if not left[0]:
            raise Crash

    rig.clock.on(timedelta(minutes=2))
    feeds = type("Crashing", (Feeds,), {"answer": answer})(rig.sessions, a_vault())
    with pytest.raises(Crash):
        FeedWay(feeds, rig.api(), rig.clock, rig.ask).go(ACCOUNT, "A1SELLER", CONFIRMATIONS)
    rig.go()
    assert [told(rig, order_id)[0] for order_id in order_ids] == ["accepted"] * 3
    with rig.sessions() as session:
        assert session.scalars(select(FeedMessage.outcome)).all() == ["accepted"] * 3
    assert rig.control("GET", "calls")["get_order"] == {"200": 3}


def test_a_refused_look_for_a_created_feed_sends_nothing_blindly(rig: Rig) -> None:
    (order_id,) = rig.waiting(1)
    rig.go()
    fault = {"route": "get_feed", "kind": "status", "status": 404, "body": {"errors": []}}
    rig.control("POST", "faults", fault)
    rig.clock.on(WORKED_ON)
    rig.go()
    rig.through()
    assert told(rig, order_id) == ("accepted", "dhl/DHL/123", 1, None)
    assert calls_of(rig, order_id) == {"71": {"calls": 1, "edits": 0}}
    assert len(rig.amazons_feeds()) == 1


def test_no_more_than_eight_feeds_of_a_kind_are_stuck_at_once(rig: Rig) -> None:
    for _ in range(10):
        rig.waiting(1)
        give(rig, "STUCK")
        rig.go()
        with rig.sessions() as session, session.begin():
            session.execute(update(Feed).values(overdue_at=rig.clock.at))
        rig.clock.on(timedelta(minutes=30))
    assert len(rig.amazons_feeds()) == 8
