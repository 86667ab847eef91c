"""Rows that an earlier release kept of notifications from a far future hold nothing back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.intake.fetch_list import Fetching
from pipeline.intake.search_windows import LEFT_TO_THE_SEARCH, SearchWindows
from pipeline.intake.tables import ToFetch, Watermark
from pipeline.intake.watermark import Watermarks
from tests.builders import ACCOUNT, NOW

NAME = "amazon:eu"
FAR = NOW + timedelta(days=45_000)


@pytest.fixture
def far(sessions: Sessions) -> Sessions:
    """More than a page of them."""
    with sessions() as session, session.begin():
        session.add_all(
            ToFetch(
                account=ACCOUNT,
                external_id=f"028-0000000-{number:07}",
                lane="new",
                asked_at=NOW,
                due_at=NOW,
                changed_at=FAR,
            )
            for number in range(LEFT_TO_THE_SEARCH + 5)
        )
    return sessions


def test_the_watermark_stays(far: Sessions) -> None:
    Watermarks(far, timedelta(0)).search(NAME, NOW - timedelta(hours=1))
    SearchWindows(far).pass_over(ACCOUNT, NAME)
    with far() as session:
        assert session.get_one(Watermark, NAME).position == NOW - timedelta(hours=1)


def test_none_is_left_to_a_search_that_never_comes(far: Sessions) -> None:
    windows = SearchWindows(far)
    assert (windows.left_before(ACCOUNT), windows.end(ACCOUNT)) == (None, None)
    assert len(Fetching(far).take(ACCOUNT, NOW, 3, not_before=windows.left_before(ACCOUNT))) == 3


def test_one_that_is_named_again_counts_as_changed_by_then(far: Sessions) -> None:
    later, number = NOW + timedelta(hours=1), "028-0000000-0000001"
    Fetching(far).notified(ACCOUNT, {"n": number}, later, {number: later})
    with far() as session:
        named = select(ToFetch.changed_at).where(ToFetch.external_id == number)
        assert session.scalars(named).one() == later
