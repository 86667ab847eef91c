"""Messages of the queue with anything at all in them: deleted, or left where a person can look."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from pipeline.amazon.sqs import Message, Queue
from tasks.jobs.notifications import take_in
from tests.amazon.test_notices import a_notification
from tests.builders import ACCOUNT
from tests.fuzz.conftest import Market, Shop
from tests.fuzz.rig import Rig, rigged
from tests.fuzz.spoiling import SPOILS, Spoil, looked_for

GOOD = json.dumps(a_notification())


class Remembering(Queue):
    """Notes what is deleted; asks no SQS."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    def delete(self, messages: Sequence[Message]) -> list[Message]:
        self.deleted += [message.message_id for message in messages]
        return []

    def has_redrive(self) -> bool:
        return False


@pytest.fixture
def rig(shop: Shop, market: Market, database_url: str, redis_url: str) -> Iterator[Rig]:
    with rigged(shop, market, database_url, redis_url) as rig:
        yield rig


@looked_for(20)
@given(spoils=st.lists(SPOILS, min_size=1, max_size=9), times=st.integers(1, 9))
def test_no_message_stops_those_beside_it(spoils: list[Spoil], times: int, rig: Rig) -> None:
    with rig.parts.sessions() as session, session.begin():
        session.execute(text("DELETE FROM to_fetch"))
        session.execute(text("DELETE FROM seen_notifications"))
    odd = [
        Message(f"m{place}", "receipt", spoil.body(GOOD.encode()).decode(errors="replace"), times)
        for place, spoil in enumerate(spoils)
    ]
    queue = Remembering()
    take_in(rig.parts, ACCOUNT, queue, [*odd, Message("good", "receipt", GOOD, 1)])
    assert "good" in queue.deleted
    with rig.parts.sessions() as session:
        wanted = session.scalars(text("SELECT external_id FROM to_fetch")).all()
    assert "903-8868176-2219830" in wanted
