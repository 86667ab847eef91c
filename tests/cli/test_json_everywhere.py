"""Every command can be read by a program, and says with its exit status what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.cli import main
from pipeline.cli.common import EXIT_STATUS
from pipeline.orders.tables import Note
from tests.cli.conftest import Run
from tests.console.builders import a_held_order, store

WITHOUT_JSON = {
    "audit export": "prints a JSON object per line",
    "completion": "prints what a shell reads",
    "console": "serves until it is stopped",
    "settlements csv": "prints a CSV",
}
HELD = "303-0000000-0000001"


def _leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """What can be run: each command, and each group that does something by itself."""
    for name, command in group.commands.items():
        is_group = isinstance(command, click.Group)
        if isinstance(command, click.Group):
            yield from _leaves(command, (*path, name))
        if not is_group or getattr(command, "invoke_without_command", False):
            yield " ".join((*path, name)), command


LEAVES = dict(_leaves(main))


@pytest.mark.parametrize("name", sorted(LEAVES.keys() - WITHOUT_JSON.keys()))
def test_every_command_has_json(name: str) -> None:
    (option,) = [parameter for parameter in LEAVES[name].params if parameter.name == "as_json"]
    assert isinstance(option, click.Option)
    assert (option.opts, option.is_flag) == (["--json"], True)
    assert option.help == "Print JSON, for programs."


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_every_command_documents_its_exit_statuses(name: str) -> None:
    assert LEAVES[name].help
    assert (LEAVES[name].epilog or "").startswith(EXIT_STATUS)


def test_the_exceptions_are_commands() -> None:
    assert WITHOUT_JSON.keys() <= LEAVES.keys()


def test_what_is_done_to_an_order_is_in_its_group_too() -> None:
    assert {name for name in LEAVES if name.startswith("orders ")} >= {
        f"orders {word}"
        for word in ("list", "show", "explain", "release", "retry", "cancel", "replay")
    }
    assert LEAVES["orders explain"] is LEAVES["explain"]
    assert LEAVES["orders replay"] is LEAVES["replay"]
    assert LEAVES["orders retry"] is LEAVES["orders release"]


def test_an_order_is_tried_again_by_either_name(orderbridge: Run, sessions: Sessions) -> None:
    store(sessions, a_held_order(1))
    result = orderbridge("orders", "retry", HELD, "--json")
    assert json.loads(result.stdout) == {"released": [HELD], "not_released": {}}
    with sessions() as session:
        assert session.scalars(select(Note.text)).all() == ["released"]
    explained = json.loads(orderbridge("orders", "explain", HELD, "--json").stdout)
    assert explained["order"] == HELD


@pytest.mark.parametrize(
    ("words", "code", "printed"),
    [
        ("migrate", 0, {"is_up_to_date": True}),
        ("accounts retry eu", 1, {"account": "eu", "is_tried": False}),
        ("backfill stop 7", 1, {"id": 7, "is_stopped": False}),
        ("bulk stop 7", 1, {"id": 7, "is_stopped": False}),
        (f"reconcile accept {HELD}", 1, {"order": HELD, "accepted": []}),
    ],
)
def test_what_was_done_is_told_to_programs(
    orderbridge: Run, words: str, code: int, printed: dict[str, object]
) -> None:
    result = orderbridge(*words.split(), "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (code, printed)


def test_people_are_told_of_to_programs(orderbridge: Run) -> None:
    done = [
        json.loads(orderbridge("people", *words, "--json", input="four words of mine\n").stdout)
        for words in (
            ("add", "anna", "--role", "viewer"),
            ("role", "anna", "operator"),
            ("password", "anna"),
            ("lock", "anna"),
            ("unlock", "anna"),
            ("remove", "anna"),
        )
    ]
    assert done == [
        {"person": "anna", "done": "added", "role": "viewer"},
        {"person": "anna", "done": "role changed", "role": "operator"},
        *(
            {"person": "anna", "done": what}
            for what in ("password changed", "locked", "unlocked", "removed")
        ),
    ]
