"""What was said about an order is sealed under its key, the newest of each; without it, dropped."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import select, text

from pipeline.base.db import Sessions
from pipeline.base.vault import Vault
from pipeline.monitoring.purging import Purging
from pipeline.operations.acts.one_order import Decisions, NotPossible
from pipeline.orders.order_words import NOT_KEPT, Said, Shown, WordKeeper, keep, note, shown
from pipeline.orders.tables import Note, Order, OrderPrivate, Status
from pipeline.orders.words_table import OrderWords
from tests.attack import read_back
from tests.builders import NOW, a_raw_order, a_vault, an_order, stored

LATER = NOW + timedelta(minutes=1)
SAID = "Zacharias Quandt, Nebelgasse"


def a_kept_order(sessions: Sessions, vault: Vault | None = None) -> int:
    return stored(sessions, an_order(raw=a_raw_order()), vault=vault)


def read(sessions: Sessions, order_id: int) -> list[Shown]:
    with sessions() as session:
        order = session.get_one(Order, order_id)
        key = session.get_one(OrderPrivate, order_id).wrapped_key
        return shown(session, a_vault(), order, key or b"")


def test_words_are_sealed_and_the_newest_of_each_are_kept(sessions: Sessions) -> None:
    order_id = a_kept_order(sessions)
    keeper = WordKeeper(sessions, a_vault())
    assert keeper.keep(order_id, "order (write 1)", SecretStr("an earlier one"), NOW)
    assert keeper.keep(order_id, "order (write 1)", SecretStr(SAID), LATER)
    assert keeper.keep(order_id, "step create_order", SecretStr("other"), NOW)
    assert read(sessions, order_id) == [
        Shown(LATER, "order (write 1)", SAID),
        Shown(NOW, "step create_order", "other"),
    ]
    assert "Quandt" not in read_back(sessions, Vault(bytes(32)))
    assert "Quandt" in read_back(sessions, a_vault())


def test_what_a_person_typed_is_not_lost_where_a_key_is_missing(sessions: Sessions) -> None:
    order_id, other = a_kept_order(sessions), Vault(bytes(32))
    with pytest.raises(NotPossible, match="which this process lacks"):
        Decisions(sessions, other, "anna", NOW, {}).note(order_id, SAID)
    with pytest.raises(NotPossible, match="which this process lacks"):
        Decisions(sessions, other, "anna", NOW, {}).hold(order_id, SAID)
    with sessions() as session:
        assert session.scalars(select(Note)).all() == []
        assert session.get_one(Order, order_id).kept_back is None
    # A remote's words are: what is noted of the failure itself is worth more.
    assert not WordKeeper(sessions, other).keep(order_id, "step", SecretStr(SAID), NOW)


def test_no_words_cost_no_statement(sessions: Sessions) -> None:
    def no_database() -> None:
        raise AssertionError("the database was asked")

    assert not WordKeeper(no_database, a_vault()).keep(1, "step", SecretStr(""), NOW)  # type: ignore[arg-type]


def test_words_without_a_key_are_dropped(sessions: Sessions) -> None:
    keeper = WordKeeper(sessions, a_vault())
    without, foreign = stored(sessions, an_order()), a_kept_order(sessions, Vault(bytes(32)))
    purged = a_kept_order(sessions)
    with sessions() as session, session.begin():
        session.get_one(Order, purged).purged_at = NOW
    for order_id in (without, foreign, purged, 10**9):
        assert not keeper.keep(order_id, "step", SecretStr(SAID), NOW)
    with sessions() as session:
        assert session.scalars(select(OrderWords)).all() == []


def test_words_of_many_orders_are_kept_in_two_statements(sessions: Sessions) -> None:
    ids = [a_kept_order(sessions) for _ in range(3)]
    with sessions() as session, session.begin():
        note(session, a_vault(), ids, "dismissed it", SAID, author="anna", at=NOW)
        assert keep(session, a_vault(), [Said(ids[0], "x", SecretStr(""))], NOW) == frozenset()
    for order_id in ids:
        [said] = read(sessions, order_id)
        assert said.words == SAID
        assert said.about.endswith(" by anna")
    with sessions() as session:
        assert {each.text for each in session.scalars(select(Note))} == {"dismissed it"}


def test_words_that_come_during_the_purge_are_not_left_behind(sessions: Sessions) -> None:
    order_id = a_kept_order(sessions)
    with sessions() as session, session.begin():
        order = session.get_one(Order, order_id)
        order.status, order.due_at = Status.DONE, None
        order.deliver_by_at = NOW - timedelta(days=30)
    kept: list[bool] = []
    keeper = WordKeeper(sessions, a_vault())
    late = threading.Thread(
        target=lambda: kept.append(keeper.keep(order_id, "step", SecretStr(SAID), NOW))
    )
    with sessions() as session, session.begin():
        # As the purge does: the order is locked, and its data destroyed, before the commit.
        order = session.get_one(Order, order_id, with_for_update=True)
        late.start()
        late.join(timeout=1)
        assert late.is_alive()
        session.execute(text("UPDATE order_private SET wrapped_key = NULL"))
        order.purged_at = NOW
    late.join()
    assert kept == [False]
    with sessions() as session:
        assert session.scalars(select(OrderWords)).all() == []


def test_the_purge_takes_the_words_away(sessions: Sessions) -> None:
    order_id, other = a_kept_order(sessions), a_kept_order(sessions)
    keeper = WordKeeper(sessions, a_vault())
    for each in (order_id, other):
        assert keeper.keep(each, "step", SecretStr(SAID), NOW)
    with sessions() as session, session.begin():
        order = session.get_one(Order, order_id)
        order.status, order.due_at = Status.DONE, None
        order.deliver_by_at = NOW - timedelta(days=30)
    assert Purging(sessions, NOW, 30).run() == 1
    with sessions() as session:
        assert session.scalars(select(OrderWords.order_id)).all() == [other]


def test_who_types_where_nothing_can_be_kept_is_told(sessions: Sessions) -> None:
    without, kept = stored(sessions, an_order()), a_kept_order(sessions)
    decisions = Decisions(sessions, a_vault(), "anna", NOW, {})
    with pytest.raises(NotPossible, match="it has no key to seal a note with"):
        decisions.note(without, SAID)
    with sessions() as session:
        assert session.scalars(select(Note)).all() == []
    decisions.note(kept, SAID)
    for order_id in (without, kept):
        decisions.hold(order_id, SAID)
    with sessions() as session:
        told = {
            note.order_id: note.text
            for note in session.scalars(select(Note).where(Note.text.startswith("held")))
        }
    assert told[without] == told[kept] + NOT_KEPT
