"""What cannot be stored costs its own order alone; what the database lacks costs the page."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from pipeline.amazon.client import Amazon
from pipeline.base.db import Sessions
from pipeline.intake.store import Intake, Stored
from pipeline.orders.channel import Raw
from pipeline.orders.channel_order import Identity
from pipeline.orders.tables import Order
from tests.builders import ACCOUNT, NOW, a_raw_order, a_vault, settings

A, B, C = (f"028-0000000-900000{one}" for one in (1, 2, 3))


class Odd(Amazon):
    """Believes a status that no database can keep."""

    def identify(self, raw: Raw) -> Identity:
        return super().identify(raw)._replace(status=raw["fulfillment"]["fulfillmentStatus"])


def taken_in(sessions: Sessions, *raws: Raw) -> Stored:
    given = settings()
    account = given.accounts[ACCOUNT]
    channel = Odd(ACCOUNT, account, now=lambda: NOW)
    return Intake(sessions, a_vault(), given.timing).store(ACCOUNT, account, channel, raws, NOW)


def test_one_that_cannot_be_stored_costs_the_others_nothing(sessions: Sessions) -> None:
    answer = taken_in(
        sessions, a_raw_order(A), a_raw_order(B, status="UNSHIPPED\0"), a_raw_order(C)
    )
    with sessions() as session:
        assert sorted(session.scalars(select(Order.external_id))) == [A, C]
        assert sorted(answer.new) == sorted(session.scalars(select(Order.id)))
    assert (answer.unreadable, answer.set_aside, answer.nameless) == (1, [B], 0)
    assert set(answer.seen) == {A, C}


def test_one_told_twice_badly_and_once_well_is_no_trouble(sessions: Sessions) -> None:
    bad = {**a_raw_order(A), "lastUpdatedTime": 7}
    answer = taken_in(sessions, bad, bad, a_raw_order(A))
    assert (answer.unreadable, answer.set_aside, answer.nameless) == (2, [], 0)
    assert set(answer.seen) == {A}


def test_a_database_that_is_not_as_it_should_be_is_no_fault_of_an_order(sessions: Sessions) -> None:
    with sessions() as session, session.begin():
        session.execute(text("ALTER TABLE orders RENAME COLUMN remote_status TO elsewhere"))
    try:
        with pytest.raises(DBAPIError):
            taken_in(sessions, a_raw_order(A))
    finally:
        with sessions() as session, session.begin():
            session.execute(text("ALTER TABLE orders RENAME COLUMN elsewhere TO remote_status"))
