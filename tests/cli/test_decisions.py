"""`orders cancel`, `transparency` and `release --confirm-anyway`, on real PostgreSQL."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.cli.common import system_user
from pipeline.orders.tables import Note, Order, Status
from tests.builders import (
    NOW,
    a_raw_order,
    a_shipment,
    an_item,
    an_order,
    loaded,
    stored,
    with_keys,
)
from tests.cli.conftest import Run
from tests.security_log import logged


def waiting(sessions: Sessions, **changes: Any) -> int:
    facts = {"status": Status.WAITING, "items": [an_item()], "due_at": None, **changes}
    return stored(sessions, an_order(**facts))


def notes(sessions: Sessions) -> list[tuple[int, str, str]]:
    with sessions() as session:
        notes = session.scalars(select(Note).order_by(Note.id))
        return [(note.order_id, note.author, note.text) for note in notes]


def test_cancel_asks_amazon_and_wakes_the_order(sessions: Sessions, orderbridge: Run) -> None:
    order_id = waiting(sessions)
    result = orderbridge("orders", "cancel", str(order_id), "--reason", "BuyerCanceled")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{order_id}: cancellation requested; the order is retried now\n"
    order = loaded(sessions, order_id)
    assert (order.cancel_reason, order.cancellation) == ("BuyerCanceled", "asked")
    assert order.due_at is not None
    # A step that runs right now keeps its claim.
    assert (order.news, order.version) == (1, 1)
    assert notes(sessions) == [
        (order_id, system_user(), "asked Amazon to cancel it: BuyerCanceled")
    ]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"shipments": [{}]}, "the warehouse has shipped some of it"),
        ({"remote_status": "SHIPPED"}, "it is SHIPPED on Amazon"),
        ({"remote_status": "PARTIALLY_SHIPPED"}, "it is PARTIALLY_SHIPPED on Amazon"),
        ({"fulfilled_by": "FBA"}, "Amazon fulfils it: only the buyer and Amazon can cancel it"),
        ({"status": Status.DONE}, "it is done here"),
        (
            {"cancellation": "sent", "cancel_reason": "NoInventory"},
            "its cancellation has been sent to Amazon already",
        ),
    ],
)
def test_cancel_of_what_cannot_be_cancelled_changes_nothing(
    sessions: Sessions, orderbridge: Run, changes: dict[str, Any], why: str
) -> None:
    shipments = [a_shipment(**columns) for columns in changes.get("shipments", [])]
    order_id = waiting(sessions, **{**changes, "shipments": shipments})
    result = orderbridge("orders", "cancel", str(order_id), "--reason", "NoInventory")
    assert (result.exit_code, result.stderr) == (1, f"Error: {order_id}: {why}\n")
    assert loaded(sessions, order_id).cancel_reason == changes.get("cancel_reason")
    assert notes(sessions) == []


def test_cancel_wants_one_of_amazons_reasons(sessions: Sessions, orderbridge: Run) -> None:
    order_id = str(waiting(sessions))
    for words in (["--reason", "Whatever"], [], ["--reason", "NoInventory", "--withdraw"]):
        assert orderbridge("orders", "cancel", order_id, *words).exit_code == 2


def test_a_cancellation_is_taken_back_until_amazon_is_told(
    sessions: Sessions, orderbridge: Run
) -> None:
    asked = waiting(sessions, cancel_reason="NoInventory", cancellation="asked")
    sent = waiting(sessions, cancel_reason="NoInventory", cancellation="sent")
    result = orderbridge("orders", "cancel", str(asked), "--withdraw", "--json")
    assert json.loads(result.stdout) == {"order": str(asked), "done": "withdrawn"}
    order = loaded(sessions, asked)
    assert (order.cancel_reason, order.cancellation) == (None, None)
    assert orderbridge("orders", "cancel", str(sent), "--withdraw").exit_code == 1
    assert loaded(sessions, sent).cancellation == "sent"


def test_confirm_anyway_is_noted(sessions: Sessions, orderbridge: Run) -> None:
    held = waiting(sessions, status=Status.HELD, hold_code="buyer_wants_to_cancel")
    done = waiting(sessions, status=Status.DONE)
    words = ("orders", "release", str(held), str(done), "--confirm-anyway", "--json")
    assert json.loads(orderbridge(*words).stdout) == {
        "released": [str(held)],
        "not_released": {str(done): f"{done}: it is done here"},
    }
    with sessions() as session:
        orders = {order.id: order.confirm_anyway for order in session.scalars(select(Order))}
    assert orders == {held: True, done: False}
    assert notes(sessions) == [
        (held, system_user(), "to be confirmed although the buyer asked to cancel")
    ]
    assert orderbridge("orders", "release", "--held", "--confirm-anyway").exit_code == 2


def test_transparency_codes_are_entered_one_per_unit(sessions: Sessions, orderbridge: Run) -> None:
    order_id = waiting(sessions, status=Status.HELD, hold_code="transparency_codes", due_at=NOW)
    good = orderbridge("orders", "transparency", str(order_id), "I1", "AZ:1", "AZ:2")
    assert (good.exit_code, good.stderr) == (0, "")
    for words, why in (
        (["I1", "AZ:1"], "item I1 needs 2 different codes"),
        (["I1", "AZ:1", "AZ:1"], "item I1 needs 2 different codes"),
        (["I9", "AZ:1"], "it has no item I9"),
    ):
        bad = orderbridge("orders", "transparency", str(order_id), *words)
        assert (bad.exit_code, bad.stderr) == (1, f"Error: {order_id}: {why}\n")
    (item,) = loaded(sessions, order_id).items
    assert item.transparency_codes == ["AZ:1", "AZ:2"]
    assert notes(sessions) == [(order_id, system_user(), "entered 2 Transparency codes of I1")]


def test_an_order_is_dismissed_with_a_reason_and_taken_up_again(
    sessions: Sessions, orderbridge: Run
) -> None:
    order_id = waiting(sessions, status=Status.HELD, hold_code="currency")
    with_keys(sessions)
    number = str(order_id)
    assert orderbridge("orders", "dismiss", number).exit_code == 2
    done = orderbridge("orders", "dismiss", number, "--why", "sold twice")
    assert (done.exit_code, done.stdout) == (
        0,
        f"{number}: ignored; Orderbridge does nothing more with it\n",
    )
    assert loaded(sessions, order_id).status == Status.DONE
    again = orderbridge("orders", "dismiss", number, "--why", "sold twice")
    assert (again.exit_code, again.stderr) == (1, f"Error: {number}: it is done here\n")
    back = orderbridge("orders", "dismiss", number, "--undo", "--json")
    assert json.loads(back.stdout) == {"order": number, "done": "taken up again"}
    assert loaded(sessions, order_id).status == Status.WAITING
    assert notes(sessions) == [
        (order_id, system_user(), "dismissed it"),
        (order_id, system_user(), "resumed it"),
    ]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"remote_status": "PENDING"}, "Amazon has not verified its payment yet"),
        ({"cancellation": "asked"}, "Amazon is being asked to cancel it"),
        ({"status": Status.RUNNING}, "a step is running right now: try again in a moment"),
    ],
)
def test_what_is_still_in_somebodys_hands_is_not_dismissed(
    sessions: Sessions, orderbridge: Run, changes: dict[str, Any], why: str
) -> None:
    order_id = waiting(sessions, **changes)
    result = orderbridge("orders", "dismiss", str(order_id), "--why", "sold twice")
    assert (result.exit_code, result.stderr) == (1, f"Error: {order_id}: {why}\n")
    assert notes(sessions) == []


def test_an_order_is_held_until_it_is_retried(sessions: Sessions, orderbridge: Run) -> None:
    order_id = waiting(sessions)
    with_keys(sessions)
    assert orderbridge("orders", "hold", str(order_id)).exit_code == 2
    done = orderbridge("orders", "hold", str(order_id), "--why", "wrong price", "--json")
    assert json.loads(done.stdout) == {"order": str(order_id), "done": "held"}
    assert loaded(sessions, order_id).kept_back == system_user()
    for why in (" ", "x" * 301):
        assert orderbridge("orders", "hold", str(order_id), "--why", why).exit_code == 1
    assert orderbridge("orders", "retry", str(order_id)).exit_code == 0
    assert loaded(sessions, order_id).kept_back is None
    assert notes(sessions) == [
        (order_id, system_user(), "held it"),
        (order_id, system_user(), "released"),
    ]


def test_a_note_is_kept_and_nothing_else_happens(sessions: Sessions, orderbridge: Run) -> None:
    order_id = waiting(sessions, raw=a_raw_order())
    done = orderbridge("orders", "note", str(order_id), input="the carrier called\n")
    assert (done.exit_code, done.stdout) == (0, f"{order_id}: note saved; nothing else changes\n")
    assert loaded(sessions, order_id).due_at is None
    assert notes(sessions) == [(order_id, system_user(), "wrote a note")]
    plain = orderbridge("orders", "show", str(order_id))
    assert "the carrier called" not in plain.stdout
    assert logged(sessions, Action.DISCLOSED) == []
    words = orderbridge("orders", "show", str(order_id), "--words")
    assert "the carrier called" in words.stdout
    assert "viewed the words about it" in words.stdout
    [said] = json.loads(orderbridge("orders", "show", str(order_id), "--words", "--json").stdout)[
        "words"
    ]
    assert said["words"] == "the carrier called"
    assert said["about"].endswith(f" by {system_user()}")
    assert len(logged(sessions, Action.DISCLOSED)) == 2


def test_a_purged_order_takes_no_note_and_has_none_to_show(
    sessions: Sessions, orderbridge: Run
) -> None:
    order_id = waiting(sessions, purged_at=NOW)
    why = f"Error: {order_id}: its personal data was purged"
    note = orderbridge("orders", "note", str(order_id), input="the carrier called\n")
    assert (note.exit_code, note.stderr) == (1, f"{why}, and notes are kept with it\n")
    shown = orderbridge("orders", "show", str(order_id), "--words")
    assert (shown.exit_code, shown.stderr) == (1, f"{why}\n")


def test_a_note_is_no_argument(sessions: Sessions, orderbridge: Run) -> None:
    """All users of the machine can read arguments, and clerks write names into notes."""
    order_id = waiting(sessions)
    for words, typed, why in (
        (("Karla called",), "", "a note is not taken from the command line"),
        ((), "", "standard input has no line for: Note"),
    ):
        result = orderbridge("orders", "note", str(order_id), *words, input=typed)
        assert result.exit_code == 2
        assert why in " ".join(result.stderr.split())
        assert "Karla" not in result.output
    assert notes(sessions) == []
