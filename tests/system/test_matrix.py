"""A worker is killed at every named point of every write and every step: nothing is lost, nothing
doubled, and the tables in docs/reliability.md say what the next one does. `make docs` writes them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

import tasks
from pipeline.orders.machine import STEPS
from pipeline.orders.states import EffectKind
from tests.system.matrix import Matrix, Seen, documented, expected_cells
from tests.system.matrix_dying import AT_A_STEP, AT_A_WRITE
from tests.system.matrix_stories import PLACES, STORIES, Place, Story
from tests.system.matrix_world import World

Check = Callable[[str, str, Seen], None]


@pytest.fixture(scope="module")
def matrix(world: World) -> Matrix:
    return Matrix(world)


@pytest.fixture
def check(record_property: Callable[[str, object], None]) -> Check:
    """Hold a case against an undisturbed run, and against the docs."""

    def check(row: str, column: str, seen: Seen) -> None:
        record_property("cell", f"{row}|{column}|{seen.cell}")
        assert seen.differences == []
        assert seen.cell == documented()[row, column], "`make docs` writes the table anew"

    return check


@pytest.mark.parametrize("point", AT_A_WRITE)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.words)
def test_killed_at_a_write(matrix: Matrix, check: Check, place: Place, point: str) -> None:
    check(place.words, point, matrix.at_a_write(place, point))


@pytest.mark.parametrize("point", AT_A_STEP)
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step(matrix: Matrix, check: Check, step: str, point: str) -> None:
    check(f"`{step}`", point, matrix.at_a_step(step, point))


def test_the_docs_have_every_case_and_no_other() -> None:
    assert documented().keys() == expected_cells()


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_every_write_of_a_story_is_in_the_matrix(matrix: Matrix, story: Story) -> None:
    made = matrix.undisturbed(story)
    assert made.kinds <= {place.kind for place in PLACES}
    assert made.kinds >= {place.kind for place in PLACES if place.story is story}
    assert made.unbooked == [], "written outside the ledger"


def test_every_write_of_the_steps_is_in_the_matrix() -> None:
    """Wherever a step names a kind of write, by a word or by what a word is put into."""
    folder = Path(tasks.__file__).parent
    found = {
        kind
        for path in sorted(folder.rglob("*.py"))
        for kind in kinds(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == {place.kind for place in PLACES}


TRACES = ("trace", "shop_trace")


def kinds(module: ast.Module) -> set[str]:
    """The kinds of writes that a module names where it asks a ledger for a write's trace."""
    found: set[str] = set()
    for call in ast.walk(module):
        if not isinstance(call, ast.Call):
            continue
        assert ast.unparse(call.func) not in ("Write", "Trace"), "made past the order's ledger"
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in TRACES:
            continue
        (kind,) = [one.value for one in call.keywords if one.arg == "kind"]
        match kind:
            case ast.Attribute(value=ast.Name(id="EffectKind"), attr=name):
                found.add(EffectKind[name])
            case ast.JoinedStr(values=[ast.Constant(value=str(start)), ast.FormattedValue()]):
                found |= {start + word for word in _words(module)}
            case _:
                raise AssertionError(ast.unparse(kind))
    return found


def _words(module: ast.Module) -> set[str]:
    return {
        call.args[1].value
        for call in ast.walk(module)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "_trace"
        and isinstance(call.args[1], ast.Constant)
        and isinstance(call.args[1].value, str)
    }
