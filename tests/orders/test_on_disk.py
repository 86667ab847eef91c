"""A claim, and a write before its call leaves, are on the disk; what is done again need not be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from pipeline.base.db import Sessions
from pipeline.orders.ledger import Ledger
from pipeline.orders.ledger_write import Write
from pipeline.orders.machine import STEPS, Orders
from pipeline.orders.outcome import Done, HoldCode
from tests.builders import NOW, a_vault, an_order, settings, stored

# A deferred trigger runs within the commit, just before it may wait for the disk.
_NOTE = """
CREATE TABLE noted (id serial, what text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO noted (what)
  VALUES (TG_TABLE_NAME || ' ' || TG_OP || ' ' || current_setting('synchronous_commit'));
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER note AFTER INSERT OR UPDATE ON orders DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION note();
CREATE CONSTRAINT TRIGGER note AFTER INSERT OR UPDATE ON effects DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION note();
"""
_FORGET = """
DROP TRIGGER note ON orders; DROP TRIGGER note ON effects; DROP FUNCTION note; DROP TABLE noted
"""


@pytest.fixture
def noting(sessions: Sessions) -> Iterator[Sessions]:
    with sessions() as session, session.begin():
        session.execute(text(_NOTE))
    yield sessions
    with sessions() as session, session.begin():
        session.execute(text(_FORGET))


def noted(sessions: Sessions) -> list[str]:
    """What was committed since the last look, and whether it waited for the disk."""
    with sessions() as session, session.begin():
        rows = session.execute(text("DELETE FROM noted RETURNING id, what")).all()
    return [row.what for row in sorted(rows)]


def an_order_by(send: Callable[[], str]) -> Write[str]:
    """The write of an order."""
    return Write(
        key="order:eu:1",
        kind="order",
        find=lambda: None,
        settles_after=timedelta(seconds=60),
        send=send,
        refused_as=HoldCode.ORDER_REFUSED,
    )


def test_a_claim_and_an_intent_wait_for_the_disk(noting: Sessions) -> None:
    orders = Orders(noting, a_vault(), settings().timing)
    order_id = stored(noting, an_order())
    assert noted(noting) == ["orders INSERT on"]
    claim = orders.claim(order_id, STEPS[0], task_id="t", worker="w", now=NOW)
    assert claim is not None
    assert noted(noting) == ["orders UPDATE on"]

    def send() -> str:
        assert noted(noting) == ["effects INSERT on"]
        return "7"

    Ledger(noting, lambda: NOW).once(order_id, an_order_by(send))
    assert noted(noting) == ["effects UPDATE off"]
    assert orders.record(claim, Done(), now=NOW)
    assert noted(noting) == ["orders UPDATE off"]


def test_a_second_try_waits_for_the_disk_too(noting: Sessions) -> None:
    order_id = stored(noting, an_order())
    at = [NOW]
    sent: list[str] = []

    def send() -> str:
        sent.extend(noted(noting))
        if len(sent) == 1:
            raise ConnectionResetError
        return "7"

    ledger = Ledger(noting, lambda: at[0])
    noted(noting)
    with pytest.raises(ConnectionResetError):
        ledger.once(order_id, an_order_by(send))
    at[0] += timedelta(hours=1)
    ledger.once(order_id, an_order_by(send))
    assert sent == ["effects INSERT on", "effects UPDATE on"]
