"""The feed of a refund fails, or its process is killed, at every call and commit: Amazon pays once,
by its own count, and the tables in docs/reliability.md say what the next run does. `make docs`
writes them.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.system.matrix import documented
from tests.system.matrix_refunds import (
    AT_A_CALL,
    CALLS,
    COMMITS,
    DEATHS,
    ENDS,
    Refunded,
    RefundMatrix,
)
from tests.system.matrix_world import World

Check = Callable[[str, str, Refunded], None]


@pytest.fixture(scope="module")
def matrix(world: World) -> RefundMatrix:
    return RefundMatrix(world)


@pytest.fixture
def check(record_property: Callable[[str, object], None]) -> Check:
    """Hold a case against what Amazon has paid, and against the docs."""

    def check(row: str, column: str, seen: Refunded) -> None:
        record_property("cell", f"{row}|{column}|{seen.cell}")
        assert seen.paid == [seen.memo]
        assert seen.state in ENDS
        assert seen.cell == documented()[row, column], "`make docs` writes the table anew"

    return check


@pytest.mark.parametrize("column", AT_A_CALL)
@pytest.mark.parametrize("row", CALLS)
def test_a_call_of_the_feed_fails(
    matrix: RefundMatrix, check: Check, row: str, column: str
) -> None:
    check(row, column, matrix.at_a_call(row, column))


@pytest.mark.parametrize("column", DEATHS)
@pytest.mark.parametrize("row", COMMITS)
def test_killed_at_a_commit_of_the_feed(
    matrix: RefundMatrix, check: Check, row: str, column: str
) -> None:
    check(row, column, matrix.at_a_commit(row, column))
