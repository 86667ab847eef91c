"""Crashes and lost answers while refunds go to Amazon: each is paid once, or a person looks.

Amazon's list of feeds need not name the document that a feed was made of.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from pipeline.amazon.feeds import FeedsApi, FeedStatus
from pipeline.refunds.feeds import FINANCES_ARE_LATE, LOOKED_WITHIN, TIMES, RefundFeeds
from pipeline.refunds.states import RefundState
from tasks.jobs.feeds import GIVE_UP, REFUND_SETTLES
from tests.builders import NOW, a_vault
from tests.refunds.rig import WORKED_ON, Rig

REFUNDS = "POST_PAYMENT_ADJUSTMENT_DATA"
XML = "text/xml; charset=UTF-8"


class Crash(BaseException):
    """The process ends here."""


def dies(method: str, when: str, kind: type[Any]) -> type[Any]:
    """A class like `kind` that ends the process before or after this method."""

    def dying(self: Any, *args: Any, **more: Any) -> Any:
        if when == "before":
            raise Crash
        getattr(super(made, self), method)(*args, **more)
        raise Crash

    made = type("Dying", (kind,), {method: dying})
    return made


def naming(rig: Rig) -> FeedsApi:
    """An Amazon that names the document of each feed in its list."""

    class Naming(FeedsApi):
        def since(self, feed_type: str, since: datetime) -> list[FeedStatus]:
            with rig.store.transaction() as db:
                rows = db.execute("SELECT feed_id, input FROM feeds").fetchall()
            named = {row["feed_id"]: row["input"] for row in rows}
            listed = super().since(feed_type, since)
            return [replace(one, input_id=named[one.feed_id]) for one in listed]

    return rig.api(Naming)


def runs(rig: Rig, count: int = 8, named: bool = False) -> None:
    """Runs as beat has them, with a look into Finances before each."""
    for _ in range(count):
        rig.look_again()
        rig.go(naming(rig) if named else None)
        rig.clock.on(WORKED_ON)


def lose(rig: Rig, kind: str) -> None:
    rig.control("POST", "faults", {"route": "create_feed", "kind": kind})


def a_foreign_feed(rig: Rig) -> None:
    """Another program of the seller sends refunds of its own."""
    api = rig.api()
    document = api.new_document(XML)
    api.upload(document, b"<AmazonEnvelope/>", XML)
    api.create(REFUNDS, ["A1PA6795UKMFR9"], document.document_id)


# The feed that Amazon has without a name of ours is left to Finances.
LEFT_TO_FINANCES = {("create", "after"), ("submitted", "before")}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("kind", "method"),
    [
        (FeedsApi, "new_document"),
        (FeedsApi, "upload"),
        (FeedsApi, "create"),
        (FeedsApi, "feed"),
        (FeedsApi, "report"),
        (RefundFeeds, "collect"),
        (RefundFeeds, "uploaded"),
        (RefundFeeds, "intend"),
        (RefundFeeds, "submitted"),
        (RefundFeeds, "_take"),
    ],
)
def test_a_process_that_dies_at_any_call_or_commit_pays_nothing_twice(
    rig: Rig, kind: type[Any], method: str, when: str
) -> None:
    refund_id = rig.chosen()
    dying = dies(method, when, kind)
    feeds = dying(rig.sessions, a_vault()) if kind is RefundFeeds else None
    api = rig.api(dying) if kind is FeedsApi else None
    for _ in range(3):
        try:
            rig.go(api, feeds)
        except Crash:
            break
        rig.clock.on(WORKED_ON)
    else:
        raise AssertionError("it never died")
    rig.clock.on(REFUND_SETTLES)
    runs(rig)
    assert rig.paid() == ["29.99"]
    is_left = (method, when) in LEFT_TO_FINANCES
    assert rig.row(refund_id).state == (RefundState.UNKNOWN if is_left else RefundState.ACCEPTED)


@pytest.mark.parametrize("kind", ["cut_after", "html_after"])
def test_a_feed_that_names_our_document_is_ours(rig: Rig, kind: str) -> None:
    refund_id = rig.chosen()
    lose(rig, kind)
    rig.go()
    rig.clock.on(timedelta(minutes=5))
    rig.go(naming(rig))
    assert rig.row(refund_id).state == RefundState.IN_FEED
    rig.clock.on(REFUND_SETTLES)
    runs(rig, named=True)
    assert rig.paid() == ["29.99"]
    assert rig.row(refund_id).state == RefundState.ACCEPTED


@pytest.mark.parametrize("kind", ["cut_after", "html_after"])
def test_a_feed_without_a_name_may_be_ours_and_finances_tell(rig: Rig, kind: str) -> None:
    refund_id = rig.chosen()
    lose(rig, kind)
    rig.go()
    rig.clock.on(REFUND_SETTLES)
    runs(rig)
    row = rig.row(refund_id)
    assert (row.state, row.needs_person) == (RefundState.UNKNOWN, False)
    assert (row.sent_at, row.due_at) == (NOW, NOW + FINANCES_ARE_LATE)
    assert rig.paid() == ["29.99"]


def test_a_feed_of_another_program_is_not_taken_for_ours(rig: Rig) -> None:
    refund_id = rig.chosen()
    lose(rig, "cut_before")
    rig.go()
    a_foreign_feed(rig)
    rig.clock.on(REFUND_SETTLES)
    runs(rig)
    assert rig.row(refund_id).state == RefundState.UNKNOWN
    assert (rig.paid(), len(rig.at_amazon())) == ([], 1)


def test_a_feed_of_another_program_that_names_its_document_is_in_nobodys_way(rig: Rig) -> None:
    refund_id = rig.chosen()
    lose(rig, "cut_before")
    rig.go()
    a_foreign_feed(rig)
    rig.clock.on(REFUND_SETTLES)
    runs(rig, named=True)
    assert rig.row(refund_id).state == RefundState.ACCEPTED
    assert (rig.paid(), len(rig.at_amazon())) == (["29.99"], 2)


def test_a_feed_that_amazon_never_had_is_made_again_after_a_new_look_and_together(rig: Rig) -> None:
    ids = [rig.chosen("29.99"), rig.chosen("10.00")]
    lose(rig, "cut_before")
    rig.go()
    rig.clock.on(REFUND_SETTLES)
    rig.runs(2)
    rows = [rig.row(one) for one in ids]
    assert [(row.state, row.looked_at) for row in rows] == [(RefundState.CHOSEN, None)] * 2
    assert (rig.feeds(), rig.at_amazon()) == ([("ended", "not created")], [])
    runs(rig)
    assert rig.paid() == ["29.99", "10.00"]
    assert len(rig.at_amazon()) == 1


def test_a_feed_whose_answer_is_always_lost_ends_with_a_person(rig: Rig) -> None:
    refund_id = rig.chosen()
    for _ in range(40):
        lose(rig, "cut_before")
        rig.look_again()
        rig.go()
        rig.clock.on(timedelta(minutes=8))
    row = rig.row(refund_id)
    assert (row.state, row.needs_person, row.tries) == (RefundState.REFUSED, True, TIMES)
    assert rig.feeds() == [("ended", "not created")] * TIMES
    assert rig.paid() == []


def test_while_amazon_refuses_its_list_nothing_is_made_again(rig: Rig) -> None:
    refund_id = rig.chosen()
    lose(rig, "cut_before")
    rig.go()
    refused = {"errors": [{"code": "Unauthorized", "message": "Access is denied."}]}
    fault = {"route": "get_feeds", "kind": "status", "status": 403, "body": refused, "times": 999}
    rig.control("POST", "faults", fault)
    while rig.clock() < NOW + GIVE_UP:
        rig.clock.on(timedelta(hours=1))
        rig.look_again()
        rig.go()
    assert rig.row(refund_id).state == RefundState.UNKNOWN
    assert (rig.paid(), rig.at_amazon()) == ([], [])


def test_a_feed_is_not_created_after_its_hour(rig: Rig) -> None:
    """A look into Finances of an hour ago does not count, whatever delayed the feed."""
    refund_id = rig.chosen()
    late = RefundFeeds(rig.sessions, a_vault())

    class Slow(FeedsApi):
        def upload(self, *args: Any) -> None:
            super().upload(*args)
            rig.clock.on(LOOKED_WITHIN)

    rig.go(rig.api(Slow), late)
    assert (rig.feeds(), rig.at_amazon()) == ([("uploaded", None)], [])
    rig.go()
    assert rig.feeds() == [("ended", "not sent")]
    assert rig.row(refund_id).state == RefundState.CHOSEN
    assert rig.paid() == []


def test_an_answer_that_comes_after_the_feed_ended_sends_nothing_again(rig: Rig) -> None:
    """Amazon's list lacked the feed, and the worker that made it comes back."""
    refund_id = rig.chosen()

    class Paused(FeedsApi):
        def create(self, *args: Any, **more: Any) -> str:
            rig.clock.on(REFUND_SETTLES)
            rig.go()  # another worker looks, and Amazon does not list the feed
            assert rig.row(refund_id).state == RefundState.CHOSEN
            return super().create(*args, **more)

    rig.go(rig.api(Paused))
    row = rig.row(refund_id)
    assert (row.state, row.sent_at) == (RefundState.UNKNOWN, NOW)
    assert rig.feeds() == [("ended", "not created")]
    runs(rig)
    assert rig.paid() == ["29.99"]
    assert len(rig.at_amazon()) == 1
