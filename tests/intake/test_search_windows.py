"""What is left to the next search under pressure, what is passed over, and the gaps of it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.quota import Lane
from pipeline.intake.fetch_list import Fetching
from pipeline.intake.search_windows import LEFT_TO_THE_SEARCH, SearchWindows
from pipeline.intake.tables import Gap, ToFetch, Watermark
from pipeline.intake.watermark import Search, Watermarks
from pipeline.orders.channel import OrderPage
from tests.builders import ACCOUNT, NOW

CURSOR = "amazon:eu"
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def named(sessions: Sessions, count: int, since: datetime = NOW) -> list[datetime]:
    """Orders named by notifications, one that changed each second; when each did."""
    changed = {f"302-{number:07}-0000000": since + number * SECOND for number in range(count)}
    Fetching(sessions).notified(
        ACCOUNT, {f"n{number}": number for number in changed}, NOW + HOUR, changed
    )
    return list(changed.values())


def standing_at(sessions: Sessions, position: datetime) -> None:
    with sessions() as session, session.begin():
        session.add(Watermark(name=CURSOR, position=position, read_at=NOW))


def position(sessions: Sessions) -> datetime:
    with sessions() as session:
        return session.get_one(Watermark, CURSOR).position


def gaps(sessions: Sessions) -> list[tuple[datetime, datetime]]:
    with sessions() as session:
        return [
            (gap.from_at, gap.until_at) for gap in session.scalars(select(Gap).order_by(Gap.id))
        ]


@pytest.mark.parametrize("count", [0, 1, LEFT_TO_THE_SEARCH])
def test_without_pressure_a_search_has_no_end(sessions: Sessions, count: int) -> None:
    named(sessions, count)
    assert SearchWindows(sessions).end(ACCOUNT) is None


def test_under_pressure_a_search_ends_where_a_page_of_named_orders_does(
    sessions: Sessions,
) -> None:
    changed = named(sessions, 300)
    windows = SearchWindows(sessions)
    assert windows.end(ACCOUNT) == changed[LEFT_TO_THE_SEARCH - 1]
    # What changed up to there is left to the search; the next ones are read one by one.
    left_before = windows.left_before(ACCOUNT)
    taken = Fetching(sessions).take(ACCOUNT, NOW + HOUR, 2, not_before=left_before)
    assert [one.external_id for one in taken] == [
        f"302-{LEFT_TO_THE_SEARCH + place:07}-0000000" for place in (0, 1)
    ]


def test_changes_within_one_second_still_have_a_window(sessions: Sessions) -> None:
    changed = {f"302-{number:07}-0000000": NOW for number in range(300)}
    Fetching(sessions).notified(ACCOUNT, {f"n{number}": number for number in changed}, NOW, changed)
    assert SearchWindows(sessions).end(ACCOUNT) == NOW


def test_another_accounts_orders_are_no_pressure(sessions: Sessions) -> None:
    named(sessions, 300)
    assert SearchWindows(sessions).end("other") is None


def test_what_a_search_brought_is_not_read_one_by_one(sessions: Sessions) -> None:
    first, second, third = named(sessions, 3)
    numbers = [f"302-{number:07}-0000000" for number in range(3)]
    # The search saw the second one before it changed again.
    Fetching(sessions).satisfied(
        ACCOUNT, dict(zip(numbers, (first, second - SECOND, third + SECOND), strict=True))
    )
    with sessions() as session:
        assert list(session.scalars(select(ToFetch.external_id))) == [numbers[1]]


def test_what_was_read_one_by_one_is_passed_over_and_kept_as_a_gap(sessions: Sessions) -> None:
    standing_at(sessions, NOW + 100 * SECOND)
    named(sessions, 5, since=NOW + 400 * SECOND)
    SearchWindows(sessions).pass_over(ACCOUNT, CURSOR, since=NOW)
    assert position(sessions) == NOW + 400 * SECOND
    assert gaps(sessions) == [(NOW, NOW + 400 * SECOND)]


def test_gaps_close_to_each_other_are_one(sessions: Sessions) -> None:
    windows = SearchWindows(sessions)
    standing_at(sessions, NOW)
    named(sessions, 1, since=NOW + 400 * SECOND)
    windows.pass_over(ACCOUNT, CURSOR, since=NOW - SECOND)
    named(sessions, 2, since=NOW + 400 * SECOND)
    windows.pass_over(ACCOUNT, CURSOR, since=NOW + 400 * SECOND)
    assert gaps(sessions) == [(NOW - SECOND, NOW + 400 * SECOND)]
    with sessions() as session, session.begin():
        session.get_one(Watermark, CURSOR).position = NOW + 3 * HOUR
    windows.pass_over(ACCOUNT, CURSOR, since=NOW + 2 * HOUR)
    assert gaps(sessions)[1:] == [(NOW + 2 * HOUR, NOW + 3 * HOUR)]


def test_nothing_is_passed_over_where_an_order_still_waits_to_be_read(sessions: Sessions) -> None:
    standing_at(sessions, NOW + 100 * SECOND)
    named(sessions, 1, since=NOW + 10 * SECOND)
    SearchWindows(sessions).pass_over(ACCOUNT, CURSOR, since=NOW)
    assert position(sessions) == NOW + 100 * SECOND


def test_a_gap_is_searched_page_by_page_and_closed_after_the_last(sessions: Sessions) -> None:
    windows = SearchWindows(sessions)
    standing_at(sessions, NOW)
    windows.pass_over(ACCOUNT, CURSOR, since=NOW - HOUR)
    gap = windows.gap(ACCOUNT, NOW)
    assert gap is not None
    assert (gap.since, gap.until, gap.token) == (NOW - HOUR, NOW, None)
    windows.searched(gap, OrderPage([], "page 2", NOW), NOW)
    further = windows.gap(ACCOUNT, NOW)
    assert further is not None
    assert further.token == "page 2"
    windows.restart(further)
    again = windows.gap(ACCOUNT, NOW)
    assert again == gap
    windows.searched(further, OrderPage([], None, NOW), NOW)
    assert windows.gap(ACCOUNT, NOW) is None


def test_a_search_under_pressure_keeps_its_end_over_its_pages(sessions: Sessions) -> None:
    cursors = Watermarks(sessions, overlap=timedelta(minutes=5))
    standing_at(sessions, NOW)
    end = NOW + 90 * SECOND
    search = cursors.search(CURSOR, NOW - HOUR, end)
    assert search == Search(NOW, None, None, end)  # nothing is read twice under pressure
    cursors.advance(CURSOR, search, OrderPage([], "page 2", end), NOW + HOUR)
    going_on = cursors.search(CURSOR, NOW - HOUR)
    assert going_on == Search(NOW, end, "page 2", end)
    cursors.advance(CURSOR, going_on, OrderPage([], None, end), NOW + HOUR)
    assert position(sessions) == end


def test_after_a_search_of_many_pages_the_next_one_reads_nothing_twice(sessions: Sessions) -> None:
    cursors = Watermarks(sessions, overlap=timedelta(minutes=5))
    standing_at(sessions, NOW)
    cursors.advance(CURSOR, Search(NOW, NOW, "page 2"), OrderPage([], None, NOW), NOW)
    assert cursors.search(CURSOR, NOW - HOUR) == Search(NOW, None, None)
    cursors.advance(CURSOR, Search(NOW, NOW, None), OrderPage([], None, NOW), NOW)
    assert cursors.search(CURSOR, NOW - HOUR) == Search(NOW - timedelta(minutes=5), None, None)


def test_a_backfills_orders_are_no_pressure(sessions: Sessions) -> None:
    Fetching(sessions).ask(ACCOUNT, [f"{number}" for number in range(300)], Lane.BACKFILL, NOW)
    assert SearchWindows(sessions).end(ACCOUNT) is None


def test_what_was_read_one_by_one_is_passed_over_before_the_search_too(sessions: Sessions) -> None:
    standing_at(sessions, NOW)
    named(sessions, 100, since=NOW + 60 * SECOND)
    SearchWindows(sessions).pass_over(ACCOUNT, CURSOR)
    assert position(sessions) == NOW + 60 * SECOND
    assert gaps(sessions) == [(NOW, NOW + 60 * SECOND)]


def test_a_search_that_is_under_way_keeps_its_place(sessions: Sessions) -> None:
    cursors = Watermarks(sessions, overlap=timedelta(0))
    standing_at(sessions, NOW)
    search = cursors.search(CURSOR, NOW - HOUR)
    cursors.advance(CURSOR, search, OrderPage([], "page 2", NOW), NOW)
    named(sessions, 1, since=NOW + 60 * SECOND)
    SearchWindows(sessions).pass_over(ACCOUNT, CURSOR)
    assert (position(sessions), gaps(sessions)) == (NOW, [])


@pytest.mark.parametrize(
    ("read_ago", "trouble", "waits"),
    [
        (timedelta(minutes=14), None, True),
        (timedelta(minutes=16), None, False),
        (timedelta(minutes=1), "503: busy", False),
    ],
)
def test_beside_notifications_a_search_may_wait_for_a_while(
    sessions: Sessions, read_ago: timedelta, trouble: str | None, waits: bool
) -> None:
    with sessions() as session, session.begin():
        session.add(
            Watermark(name=CURSOR, position=NOW, read_at=NOW, checked_at=NOW, trouble=trouble)
        )
    assert SearchWindows(sessions).may_wait(CURSOR, NOW + read_ago) is waits


def test_the_first_search_never_waits(sessions: Sessions) -> None:
    windows = SearchWindows(sessions)
    assert windows.may_wait(CURSOR, NOW) is False
    standing_at(sessions, NOW)
    assert windows.may_wait(CURSOR, NOW) is False


def test_reading_on_does_not_move_the_end_of_the_window(sessions: Sessions) -> None:
    named(sessions, 300)
    windows, fetching = SearchWindows(sessions), Fetching(sessions)
    end = windows.end(ACCOUNT)
    for _ in range(50):
        left_before = windows.left_before(ACCOUNT)
        [wanted] = fetching.take(ACCOUNT, NOW + HOUR, 1, not_before=left_before)
        fetching.done(wanted)
    assert windows.end(ACCOUNT) == end
