"""How far a list has been read: forwards only, and not a step further than what is stored."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipeline.base.db import Sessions
from pipeline.intake.tables import Watermark
from pipeline.intake.watermark import Search, Watermarks
from pipeline.orders.channel import OrderPage
from tests.builders import NOW
from tests.emptied import empty

START = NOW - timedelta(days=3)
OVERLAP = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)
NAME = "amazon:eu"


def page(token: str | None = None, upper: datetime | None = None) -> OrderPage:
    return OrderPage([], token, upper)


@pytest.fixture
def cursors(sessions: Sessions) -> Watermarks:
    return Watermarks(sessions, OVERLAP)


def row(sessions: Sessions) -> Watermark:
    with sessions() as session:
        return session.get_one(Watermark, NAME)


def test_the_first_search_begins_at_the_start_of_the_account(
    sessions: Sessions, cursors: Watermarks
) -> None:
    assert cursors.search(NAME, START) == Search(START, None, None)
    assert row(sessions).position == START
    assert cursors.search(NAME, START) == Search(START, None, None)


def test_the_next_search_begins_at_the_upper_bound_less_the_overlap(
    sessions: Sessions, cursors: Watermarks
) -> None:
    search = cursors.search(NAME, START)
    assert cursors.advance(NAME, search, page(upper=NOW), NOW + MINUTE).token is None
    assert row(sessions).position == NOW
    assert (row(sessions).checked_at, row(sessions).trouble) == (NOW + MINUTE, None)
    assert cursors.search(NAME, START) == Search(NOW - OVERLAP, None, None)


def test_the_overlap_does_not_reach_before_the_start(cursors: Watermarks) -> None:
    search = cursors.search(NAME, START)
    cursors.advance(NAME, search, page(upper=START + MINUTE), NOW)
    assert cursors.search(NAME, START) == Search(START, None, None)


def test_a_start_that_was_moved_forward_counts(cursors: Watermarks) -> None:
    cursors.search(NAME, START)
    assert cursors.search(NAME, NOW) == Search(NOW, None, None)


def test_the_watermark_moves_after_the_last_page_to_the_bound_of_the_first(
    sessions: Sessions, cursors: Watermarks
) -> None:
    search = cursors.search(NAME, START)
    search = cursors.advance(NAME, search, page("page-2", NOW), NOW)
    assert search == Search(START, NOW, "page-2")
    assert row(sessions).position == START
    search = cursors.advance(NAME, search, page("page-3", NOW + MINUTE), NOW)
    assert search == Search(START, NOW, "page-3")
    assert row(sessions).position == START
    cursors.advance(NAME, search, page(None, NOW + 2 * MINUTE), NOW)
    assert row(sessions).position == NOW


def test_a_search_goes_on_where_it_stopped(sessions: Sessions, cursors: Watermarks) -> None:
    first = cursors.search(NAME, START)
    cursors.advance(NAME, first, page("page-2", NOW), NOW)
    # Another process, after a crash or when the quota allows it again.
    assert Watermarks(sessions, OVERLAP).search(NAME, START) == Search(START, NOW, "page-2")


def test_trouble_keeps_the_place_and_the_watermark(sessions: Sessions, cursors: Watermarks) -> None:
    search = cursors.advance(NAME, cursors.search(NAME, START), page("page-2", NOW), NOW)
    cursors.note_trouble(NAME, "503: busy", NOW + MINUTE, restart=False)
    assert (row(sessions).position, row(sessions).trouble) == (START, "503: busy")
    assert row(sessions).checked_at == NOW + MINUTE
    assert cursors.search(NAME, START) == search
    cursors.advance(NAME, search, page(), NOW + 2 * MINUTE)
    assert (row(sessions).position, row(sessions).trouble) == (NOW, None)


def test_a_refused_page_starts_the_search_anew_from_the_watermark(
    sessions: Sessions, cursors: Watermarks
) -> None:
    cursors.advance(NAME, cursors.search(NAME, START), page(upper=NOW), NOW)
    later = cursors.search(NAME, START)
    cursors.advance(NAME, later, page("page-2", NOW + 9 * MINUTE), NOW)
    cursors.note_trouble(NAME, "400: token expired", NOW, restart=True)
    assert cursors.search(NAME, START) == Search(NOW - OVERLAP, None, None)
    assert row(sessions).position == NOW


def test_a_long_trouble_is_cut(sessions: Sessions, cursors: Watermarks) -> None:
    cursors.search(NAME, START)
    cursors.note_trouble(NAME, "x" * 501, NOW, restart=False)
    assert row(sessions).trouble == "x" * 500


def test_a_bound_that_is_missing_or_earlier_leaves_the_watermark(
    sessions: Sessions, cursors: Watermarks
) -> None:
    for upper in (NOW, None, NOW - MINUTE):
        cursors.advance(NAME, cursors.search(NAME, START), page(upper=upper), NOW)
        assert row(sessions).position == NOW


def test_each_name_has_its_own_cursor(cursors: Watermarks) -> None:
    cursors.advance(NAME, cursors.search(NAME, START), page(upper=NOW), NOW)
    assert cursors.search("amazon:na", START) == Search(START, None, None)


bounds = st.none() | st.integers(-100, 100).map(lambda minutes: NOW + minutes * MINUTE)
events = st.tuples(st.sampled_from(["more", "last", "trouble", "refused"]), bounds)


@hypothesis_settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(events, max_size=12))
def test_the_watermark_never_moves_backwards_nor_past_what_a_whole_search_covered(
    sessions: Sessions, happening: list[tuple[str, datetime | None]]
) -> None:
    empty(sessions)
    cursors = Watermarks(sessions, OVERLAP)
    covered = START
    first: datetime | None = None  # the bound that the search in hand began with
    for what, upper in happening:
        search = cursors.search(NAME, START)
        assert search.since <= max(START, covered)
        if what in ("more", "last"):
            first = first or upper
            cursors.advance(NAME, search, page("next" if what == "more" else None, upper), NOW)
        else:
            cursors.note_trouble(NAME, what, NOW, restart=what == "refused")
        if what == "last":
            covered = max(covered, first or covered)
        if what in ("last", "refused"):
            first = None
        assert row(sessions).position == covered


def test_an_upper_bound_in_a_far_future_moves_nothing(
    sessions: Sessions, cursors: Watermarks
) -> None:
    far = NOW + timedelta(days=2)
    search = cursors.advance(NAME, cursors.search(NAME, START), page("page-2", far), NOW)
    assert search.until is None
    cursors.advance(NAME, search, page(upper=far), NOW)
    assert row(sessions).position == START
