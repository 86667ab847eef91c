"""An id as an argument that no row can have is not found, by every command that takes one."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Run

BEYOND = ["9223372036854775808", "99999999999999999999", "1" * 5000]


@pytest.mark.parametrize("number", BEYOND)
@pytest.mark.parametrize(
    "command", [("bulk", "show"), ("bulk", "stop"), ("backfill", "stop")], ids=" ".join
)
def test_an_act_or_a_backfill_beyond_all_ids_is_not_found(
    orderbridge: Run, command: tuple[str, ...], number: str
) -> None:
    result = orderbridge(*command, number)
    assert result.exit_code == 1, result.output
    assert "nothing has the id" in result.stderr


@pytest.mark.parametrize("number", BEYOND)
@pytest.mark.parametrize(
    "command",
    [
        ("orders", "show"),
        ("orders", "release"),
        ("orders", "dismiss", "--why", "x"),
        ("orders", "note"),
        ("explain",),
    ],
    ids=" ".join,
)
def test_an_order_beyond_all_ids_is_not_found(
    orderbridge: Run, command: tuple[str, ...], number: str
) -> None:
    typed = "text" if command[-1] == "note" else ""
    result = orderbridge(*command, number, input=typed)
    assert result.exit_code == 1, result.output


@pytest.mark.parametrize("word", ["0", "-1", "one", "1.5"])
def test_what_is_no_id_is_wrong_usage(orderbridge: Run, word: str) -> None:
    assert orderbridge("bulk", "show", "--", word).exit_code == 2
