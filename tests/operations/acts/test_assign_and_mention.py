"""Assigning orders, and the people whom a note addresses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from pipeline.access.people import People
from pipeline.access.work_tables import Mention
from pipeline.base.db import Sessions
from pipeline.operations.acts.assign import assign, assignee
from pipeline.operations.acts.mentions import mentioned
from pipeline.operations.acts.one_order import Decisions, NotPossible
from pipeline.operations.lists.filter_values import MINE, NOBODYS
from pipeline.operations.lists.filters import Filters
from pipeline.operations.lists.mine import end_mentions, open_mentions
from pipeline.operations.lists.orders import Listing
from pipeline.orders.tables import Note, Order, Status
from pipeline.settings.roles import Role
from tests.builders import a_vault, signed, with_keys
from tests.console.builders import NOW, a_held_order, an_order, store
from tests.console.signing_in import PASSWORD


def _person(sessions: Sessions, name: str) -> int:
    people = People(sessions)
    people.add(name, Role.ADMIN, PASSWORD, signed(at=NOW), is_own=True)
    return people.named(name).id


def _notes(sessions: Sessions) -> list[tuple[int, str, str]]:
    with sessions() as session:
        rows = session.execute(select(Note.order_id, Note.author, Note.text).order_by(Note.id))
        return [(order_id, author, text) for order_id, author, text in rows]


def test_orders_are_assigned_noted_and_listed(sessions: Sessions) -> None:
    anna, otto = _person(sessions, "anna"), _person(sessions, "otto")
    first, second, third = store(sessions, a_held_order(1), an_order(2), an_order(3))
    assert assign(sessions, [first, second, 999], anna, author="otto", now=NOW) == 2
    assert assign(sessions, [second, third], anna, author="otto", now=NOW) == 1
    assert assign(sessions, [second], otto, author="anna", now=NOW) == 1
    assert assign(sessions, [first, third, first], None, author="anna", now=NOW) == 2
    assert [assignee(sessions, order) for order in (first, second, third)] == [None, otto, None]
    assert sorted(_notes(sessions)) == sorted(
        [
            (first, "otto", "assigned it to anna"),
            (second, "otto", "assigned it to anna"),
            (third, "otto", "assigned it to anna"),
            (second, "anna", "assigned it to otto"),
            (first, "anna", "took it from anna"),
            (third, "anna", "took it from anna"),
        ]
    )
    listing = Listing(sessions)
    mine = listing.page(Filters(assigned=MINE._replace(person_id=otto))).orders
    assert [(order.id, order.assignee) for order in mine] == [(second, "otto")]
    nobodys = listing.page(Filters(assigned=NOBODYS)).orders
    assert {order.id for order in nobodys} == {first, third}
    with sessions() as session, session.begin():
        session.get_one(Order, second).status = Status.DONE
    yours = Filters(assigned=MINE._replace(person_id=otto))
    assert listing.page(yours).orders == []
    assert [order.id for order in listing.page(replace(yours, status=Status.DONE)).orders] == [
        second
    ]
    # Without a reader nobody's orders are mine.
    assert listing.page(Filters(assigned=MINE)).orders == []


def test_nothing_is_assigned_to_who_is_not_here(sessions: Sessions) -> None:
    _person(sessions, "anna")
    gone = _person(sessions, "otto")
    People(sessions).remove("otto", signed(at=NOW))
    (order_id,) = store(sessions, a_held_order(1))
    for person_id in (gone, 999):
        with pytest.raises(NotPossible, match="not here any more"):
            assign(sessions, [order_id], person_id, author="anna", now=NOW)
    assert _notes(sessions) == []


def test_a_note_addresses_people_by_their_whole_names(sessions: Sessions) -> None:
    anna, berg, gone = (_person(sessions, name) for name in ("Anna", "Anna Berg", "Otto"))
    People(sessions).remove("Otto", signed(at=NOW))
    assert gone
    assert mentioned(sessions, "nobody, and mail to shop@example.com") == []
    assert mentioned(sessions, "@anna berg, and (@ANNA) and @Anna.") == [berg, anna]
    assert mentioned(sessions, "@Anna Bergmann") == [anna]
    for text, name in (("ask @Annabel", "Annabel"), ("@otto please", "otto"), ("@x", "x")):
        with pytest.raises(NotPossible, match=f"nobody here is called {name}$"):
            mentioned(sessions, text)


def test_a_mention_waits_for_its_person_until_it_is_done(sessions: Sessions) -> None:
    anna, otto = _person(sessions, "anna"), _person(sessions, "otto")
    (order_id,) = store(sessions, a_held_order(1))
    with_keys(sessions)
    decisions = Decisions(sessions, a_vault(), "otto", NOW)
    decisions.note(order_id, "see @anna", [anna])
    decisions.note(order_id, "see @anna again", [anna])
    newest, oldest = open_mentions(sessions, anna)
    assert (newest.order_id, newest.author, newest.is_purged) == (order_id, "otto", False)
    assert open_mentions(sessions, otto) == []
    end_mentions(sessions, otto, newest.note_id, NOW)
    end_mentions(sessions, anna, newest.note_id, NOW)
    assert open_mentions(sessions, anna) == [oldest]
    end_mentions(sessions, anna, None, NOW)
    assert open_mentions(sessions, anna) == []
    # The table has ids alone.
    assert {column.name for column in Mention.__table__.c} == {"note_id", "person_id", "done_at"}
