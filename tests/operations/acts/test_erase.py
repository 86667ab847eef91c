"""Personal data is destroyed on demand, with proof, and a live order is not stranded unasked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import ColumnElement, select, text

from pipeline.base.db import Sessions
from pipeline.base.tables import SecurityLogRow
from pipeline.operations.acts.erase import (
    Erased,
    Erasure,
    NoBuyer,
    of_account,
    of_buyer,
    of_orders,
)
from pipeline.orders.tables import Note, Order, Status
from tests.attack import read_back
from tests.builders import ACCOUNT, NOW, a_vault, loaded, signed
from tests.buyers_orders import HELD, MAIL, NAME, PHONE, STREET, kept, taken_in

WHY = "request 17"
NOTHING = Erased([], [], [])


def numbers(sessions: Sessions, *order_ids: int) -> list[str]:
    return [loaded(sessions, order_id).external_id for order_id in order_ids]


Way = Callable[[int], ColumnElement[bool]]
WAYS: dict[str, Way] = {
    "order": lambda order_id: of_orders([order_id]),
    "account": lambda _: of_account("us"),
    "mail": lambda _: of_buyer(a_vault(), f"  {MAIL.upper()}\n"),
    "names in any order": lambda _: of_buyer(a_vault(), "QUANDT zacharias"),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_nothing_is_left_of_the_order_and_all_of_the_others(sessions: Sessions, way: Way) -> None:
    order_id = taken_in(sessions, account="us")
    others = [
        taken_in(sessions, "Zacharias Other", "zo@market.example"),
        taken_in(sessions, "Erna Quandt", "eq@market.example"),
    ]
    with sessions() as session:
        session.connection(execution_options={"isolation_level": "AUTOCOMMIT"}).execute(
            text("ANALYZE")
        )
    assert all(word in read_back(sessions, a_vault()) for word in (NAME, MAIL, STREET, PHONE))
    erasure = Erasure(sessions, way(order_id))
    assert erasure.preview() == Erased(numbers(sessions, order_id), [], [])
    assert kept(sessions) == [order_id, *others]

    erased, proof = erasure.run(signed(), WHY), erasure.prove()

    assert erased == Erased(numbers(sessions, order_id), [], [])
    assert (proof.checked, proof.left, proof.sampled) == (1, [], [])
    assert proof.is_complete
    assert kept(sessions) == others
    assert loaded(sessions, order_id).purged_at == NOW
    told = read_back(sessions, a_vault())
    assert [word for word in (NAME, MAIL) if word in told] == []
    with sessions() as session:
        [note] = session.scalars(select(Note))
        [line] = session.scalars(select(SecurityLogRow).where(SecurityLogRow.action == "purged"))
    assert (line.person, line.address, line.at) == ("anna", "192.0.2.1", NOW)
    assert (line.object, line.facts) == (f"order {order_id}", {"orders": 1, "ids": str(order_id)})
    assert (note.order_id, note.at, note.author) == (order_id, NOW, "anna")
    assert note.text == "destroyed the buyer's data on demand: request 17"
    # A second time there is nothing to do.
    assert Erasure(sessions, way(order_id)).run(signed(at=NOW + timedelta(days=1)), WHY) == NOTHING
    assert loaded(sessions, order_id).purged_at == NOW


def test_an_order_that_needs_its_data_is_left_unless_it_is_asked_for(sessions: Sessions) -> None:
    ended, held = taken_in(sessions), taken_in(sessions, **HELD)
    fresh = taken_in(sessions, status=Status.READY)
    everything = of_buyer(a_vault(), MAIL)
    expected = Erased(numbers(sessions, ended), numbers(sessions, held, fresh), [])
    assert Erasure(sessions, everything).preview() == expected
    assert Erasure(sessions, everything).run(signed(), WHY) == expected
    assert kept(sessions) == [held, fresh]

    erased = Erasure(sessions, everything, also_live=True).run(signed(), WHY)
    assert erased == Erased(numbers(sessions, held, fresh), [], [])
    assert kept(sessions) == []
    order = loaded(sessions, held)
    assert (order.status, order.dismissed_at) == (Status.DONE, NOW)
    assert order.last_note.endswith("it was held for currency")


@pytest.mark.parametrize("step", ["ship_order", "sync_tracking"])
def test_an_order_in_the_shop_is_purged_and_goes_on(sessions: Sessions, step: str) -> None:
    order_id = taken_in(sessions, status=Status.WAITING, step=step)
    erased = Erasure(sessions, of_account(ACCOUNT)).run(signed(), WHY)
    assert (erased.kept, kept(sessions)) == ([], [])
    assert loaded(sessions, order_id).status == Status.WAITING


@pytest.mark.parametrize("also_live", [False, True])
def test_a_running_step_is_not_disturbed(sessions: Sessions, also_live: bool) -> None:
    order_id = taken_in(sessions, status=Status.RUNNING, step="ship_order")
    erasure = Erasure(sessions, of_account(ACCOUNT), also_live=also_live)
    expected = Erased([], [], numbers(sessions, order_id))
    assert erasure.preview() == expected
    assert erasure.run(signed(), WHY) == expected
    assert kept(sessions) == [order_id]


def test_an_order_that_is_locked_is_named(sessions: Sessions) -> None:
    locked, free = taken_in(sessions), taken_in(sessions)
    erasure = Erasure(sessions, of_account(ACCOUNT))
    with sessions() as session, session.begin():
        session.get_one(Order, locked, with_for_update=True)
        erased = erasure.run(signed(), WHY)
    assert erased == Erased(numbers(sessions, free), [], numbers(sessions, locked))


@pytest.mark.parametrize("text_", ["", "  \n", "-,."])
def test_no_word_is_no_buyer(text_: str) -> None:
    with pytest.raises(NoBuyer):
        of_buyer(a_vault(), text_)


def test_the_proof_names_what_is_left(sessions: Sessions) -> None:
    """As if a report wrote a hash anew at the same moment."""
    order_id = taken_in(sessions)
    erasure = Erasure(sessions, of_orders([order_id]))
    erasure.run(signed(), WHY)
    assert erasure.prove().is_complete
    with sessions() as session, session.begin():
        session.execute(text("UPDATE order_private SET buyer_words = '{a}'"))
    proof = erasure.prove()
    assert (proof.left, proof.is_complete) == (numbers(sessions, order_id), False)
