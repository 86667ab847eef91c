"""`orders address`, on real PostgreSQL."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.cli.common import system_user
from pipeline.orders.tables import Note, Status
from tests.builders import a_raw_order, an_order, loaded, stored
from tests.cli.conftest import Run
from tests.security_log import logged


def waiting(sessions: Sessions, **changes: object) -> str:
    facts = {"status": Status.WAITING, "due_at": None, **changes}
    return str(stored(sessions, an_order(raw=a_raw_order(), **facts)))


def notes(sessions: Sessions) -> list[tuple[str, str]]:
    with sessions() as session:
        return [
            (note.author, note.text) for note in session.scalars(select(Note).order_by(Note.id))
        ]


def test_correct_then_show_then_withdraw(sessions: Sessions, orderbridge: Run) -> None:
    number = waiting(sessions)
    done = orderbridge("orders", "address", number, "--phone", "--line1", input="Lieferweg 77\n\n")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"{number}: address corrected (line1, phone); the order is retried now\n"
    assert loaded(sessions, int(number)).due_at is not None
    shown = orderbridge("orders", "address", number, "--show")
    assert shown.stdout.splitlines() == [
        "Corrected address:",
        "  name      Karla Kühn",
        "  line1     Lieferweg 77",
        "  city      Hamburg",
        "  postcode  20095",
        "  country   DE",
        "Amazon's address:",
        "  name      Karla Kühn",
        "  line1     Lieferweg 7",
        "  city      Hamburg",
        "  postcode  20095",
        "  country   DE",
        "  phone     +49 40 123456",
    ]
    back = orderbridge("orders", "address", number, "--withdraw", "--show", "--json")
    assert json.loads(back.stdout)["done"] == "withdrawn"
    assert json.loads(back.stdout)["corrected"] is None
    assert notes(sessions) == [
        (system_user(), "corrected the shipping address: line1, phone"),
        (system_user(), "withdrew the corrected shipping address"),
    ]
    assert logged(sessions) == [
        (system_user(), "personal data shown", f"order {number}"),
        (system_user(), "personal data shown", f"order {number}"),
    ]
    assert "viewed the shipping address" in orderbridge("orders", "show", number).stdout


def test_without_show_no_address_is_printed(sessions: Sessions, orderbridge: Run) -> None:
    number = waiting(sessions)
    done = orderbridge("orders", "address", number, "--city", "--json", input="Altona\n")
    assert json.loads(done.stdout) == {
        "order": number,
        "done": "corrected",
        "corrected_fields": ["city"],
    }
    assert "Altona" not in orderbridge("orders", "show", number).output


def test_what_is_in_magento_is_changed_there(sessions: Sessions, orderbridge: Run) -> None:
    number = waiting(sessions, magento_order_id=7, magento_increment_id="000000007")
    for words in (["--city"], ["--withdraw"]):
        result = orderbridge("orders", "address", number, *words, input="Altona\n")
        assert (result.exit_code, result.stderr) == (
            1,
            f"Error: {number}: it is Magento order 000000007 already: change its address there\n",
        )
    assert notes(sessions) == []


def test_wrong_usage(sessions: Sessions, orderbridge: Run) -> None:
    number = waiting(sessions)
    for words in ([], ["--withdraw", "--city"]):
        assert orderbridge("orders", "address", number, *words).exit_code == 2
    assert orderbridge("orders", "address", "999", "--show").exit_code == 1


@pytest.mark.parametrize(
    ("words", "typed", "why"),
    [
        (["--line1", "Lieferweg 77"], "", "an address is not taken from the command line"),
        (["--line1=Lieferweg 77"], "", "does not take a value"),
        (["--line1", "--city"], "Lieferweg 77\n", "standard input has no line for: city"),
    ],
)
def test_an_address_is_no_argument_and_a_missing_line_empties_no_field(
    sessions: Sessions, orderbridge: Run, words: list[str], typed: str, why: str
) -> None:
    """All users of the machine can read arguments."""
    number = waiting(sessions)
    result = orderbridge("orders", "address", number, *words, input=typed)
    assert (result.exit_code, result.stdout) == (2, "")
    assert why in " ".join(result.stderr.split())
    assert "Lieferweg" not in result.stderr
    assert notes(sessions) == []
