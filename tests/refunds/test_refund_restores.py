"""After a restore of the database no refund is paid twice: its lost writes may have sent it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.amazon.feeds import FeedsApi
from pipeline.base import database_restores
from pipeline.base.security_log import Signature
from pipeline.operations.acts.refunds import RefundDecisions, amount
from pipeline.operations.lists.refunds import by_id, waiting
from pipeline.refunds.feeds import FINANCES_ARE_LATE, RefundFeeds
from pipeline.refunds.states import AFTER_RESTORE, SENT_BEFORE, RefundState
from pipeline.shipping.tables import Feed
from tests.builders import NOW, a_vault, with_keys
from tests.refunds.rig import WORKED_ON, Rig

A_MINUTE = timedelta(minutes=1)


def restored(rig: Rig) -> None:
    """The database is set back to how it is now, and everything since is lost."""
    rig.clock.on(A_MINUTE)
    with rig.sessions() as session, session.begin():
        database_restores.report(session, rig.clock())
    rig.clock.on(A_MINUTE)


def press(rig: Rig, refund_id: int) -> None:
    row = rig.row(refund_id)
    hand = RefundDecisions(rig.sessions, a_vault(), Signature("otto", "", rig.clock()))
    hand.send(row.order_id, refund_id, amount(row))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"state": RefundState.WAITING},
        {"decided_by": "otto", "decided_at": NOW},
        # Something of it was written since, and no decision.
        {"decided_by": "otto", "decided_at": NOW, "changed_at": NOW + timedelta(days=1)},
    ],
)
def test_a_person_is_asked_about_what_was_decided_before(rig: Rig, changes: dict[str, Any]) -> None:
    refund_id = rig.chosen(**changes)
    restored(rig)
    rig.go()
    row = rig.row(refund_id)
    assert (row.state, row.needs_person, row.reason) == ("asked", True, AFTER_RESTORE)
    assert (row.decided_by, row.decided_at) == (None, None)
    assert rig.feeds() == []


def test_what_a_person_decides_since_goes_out(rig: Rig) -> None:
    refund_id = rig.chosen(decided_by="otto", decided_at=NOW)
    with_keys(rig.sessions)
    restored(rig)
    rig.go()
    press(rig, refund_id)
    rig.look_again()
    rig.runs()
    assert (rig.row(refund_id).state, rig.paid()) == (RefundState.ACCEPTED, ["29.99"])


@pytest.mark.parametrize("state", ["collected", "uploaded"])
def test_a_feed_that_the_lost_writes_may_have_created_is_left_to_finances(
    rig: Rig, state: str
) -> None:
    refund_id = rig.chosen()

    class Stopped(FeedsApi):
        def upload(self, *args: Any) -> None:
            super().upload(*args)
            rig.is_read_only = True

    rig.is_read_only = state == "collected"
    rig.go(rig.api(Stopped))
    assert rig.feeds() == [(state, None)]
    rig.is_read_only = False
    restored(rig)
    rig.runs()
    row = rig.row(refund_id)
    assert (row.state, row.sent_at, row.needs_person) == (RefundState.UNKNOWN, NOW, False)
    assert row.due_at == NOW + 2 * A_MINUTE + FINANCES_ARE_LATE
    assert (rig.feeds(), rig.at_amazon()) == ([("ended", "restored")], [])


def test_a_worker_that_outlived_the_restore_does_not_create_its_feed(rig: Rig) -> None:
    refund_id = rig.chosen()

    class Restored(FeedsApi):
        def upload(self, *args: Any) -> None:
            super().upload(*args)
            restored(rig)

    rig.go(rig.api(Restored))
    assert (rig.feeds(), rig.at_amazon()) == ([("uploaded", None)], [])
    rig.go()
    assert rig.row(refund_id).state == RefundState.UNKNOWN


def test_a_feed_that_amazon_has_is_read_to_its_end(rig: Rig) -> None:
    refund_id = rig.chosen()
    rig.go()
    restored(rig)
    rig.clock.on(WORKED_ON)
    rig.go()
    assert (rig.row(refund_id).state, rig.paid()) == (RefundState.ACCEPTED, ["29.99"])


def test_a_feed_that_amazon_never_began_is_no_reason_to_send_again_after_a_restore(
    rig: Rig,
) -> None:
    """The lost writes may have read that as well, and sent the refund in the next feed."""
    refund_id = rig.chosen()
    rig.give("CANCELLED")
    rig.go()
    restored(rig)
    for _ in range(4):
        rig.clock.on(WORKED_ON)
        rig.look_again()
        rig.go()
    row = rig.row(refund_id)
    assert (row.state, row.reason) == (RefundState.ASKED, AFTER_RESTORE)
    assert rig.paid() == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"state": RefundState.ASKED}, AFTER_RESTORE),
        (
            {"state": RefundState.ASKED, "reason": "it is more than refund_at_most"},
            f"it is more than refund_at_most; {AFTER_RESTORE}",
        ),
        ({"state": RefundState.REFUSED, "reason": "no"}, f"no; {AFTER_RESTORE}"),
        ({"state": RefundState.UNKNOWN, "reason": "no"}, f"no; {AFTER_RESTORE}"),
        ({"state": RefundState.HELD, "reason": "no", "body": None}, "no"),
    ],
)
def test_whoever_could_press_is_warned(rig: Rig, changes: dict[str, Any], why: str) -> None:
    refund_id = rig.chosen(**{"due_at": None, "needs_person": True, **changes})
    shown = by_id(rig.sessions, refund_id)
    assert shown is not None
    assert shown.reason == changes.get("reason")
    restored(rig)
    shown = by_id(rig.sessions, refund_id)
    assert shown is not None
    assert shown.reason == why
    assert [one.reason for one in waiting(rig.sessions)] == [why]
    later = rig.chosen(state=RefundState.ASKED, due_at=None, needs_person=True)
    shown = by_id(rig.sessions, later)
    assert shown is not None
    assert shown.reason is None


@pytest.mark.parametrize("reason", [None, AFTER_RESTORE])
def test_whoever_takes_back_a_dismissal_is_told_of_the_message_before(
    rig: Rig, reason: str | None
) -> None:
    with_keys(rig.sessions)
    refund_id = rig.chosen(
        state=RefundState.UNKNOWN, sent_at=NOW, due_at=None, needs_person=True, reason="no result"
    )
    if reason is not None:
        restored(rig)
    order_id = rig.row(refund_id).order_id
    hand = RefundDecisions(rig.sessions, a_vault(), Signature("otto", "", rig.clock()))
    hand.dismiss(order_id, refund_id)
    hand.take_back(order_id, refund_id)
    shown = by_id(rig.sessions, refund_id)
    assert shown is not None
    assert shown.may_send
    assert shown.reason == "; ".join(each for each in (reason, SENT_BEFORE) if each)


def test_the_other_kinds_of_feeds_go_on_after_a_restore(rig: Rig) -> None:
    with rig.sessions() as session, session.begin():
        session.add(
            Feed(
                account="uk",
                kind="confirmations",
                state="uploaded",
                marketplace_ids=[],
                due_at=NOW,
                created_at=NOW,
            )
        )
    rig.chosen()
    restored(rig)
    RefundFeeds(rig.sessions, a_vault()).collect("uk", "refunds", rig.clock())  # type: ignore[arg-type]
    with rig.sessions() as session:
        assert session.scalars(select(Feed.state)).all() == ["uploaded"]
