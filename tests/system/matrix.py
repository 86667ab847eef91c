"""Where a worker may die, and what the next one does about it: a table in docs/reliability.md.

`make docs` plays every case and writes the table anew; the tests compare each case with it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import pytest

from pipeline.orders.machine import STEPS
from pipeline.orders.tables import EffectState
from tests.system.matrix_dying import AT_A_STEP, AT_A_WRITE, Death
from tests.system.matrix_kept import Moment, differences, go_back, keep, outcome
from tests.system.matrix_refunds import AT_A_CALL, CALLS, COMMITS, DEATHS
from tests.system.matrix_stories import FULFILLED, NUMBER, PLACES, SHIPPING, Place, Story
from tests.system.matrix_watched import states
from tests.system.matrix_world import World

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
_BEGIN, _END = "<!-- matrix: {} -->", "<!-- end of matrix -->"
_TABLES: Mapping[str, Sequence[str]] = {
    "writes": AT_A_WRITE,
    "steps": AT_A_STEP,
    "refund calls": AT_A_CALL,
    "refund commits": DEATHS,
}
_ROWS: Mapping[str, Sequence[str]] = {
    "writes": [place.words for place in PLACES],
    "steps": [f"`{step}`" for step in STEPS],
    "refund calls": list(CALLS),
    "refund commits": list(COMMITS),
}
_TESTS = ("tests/system/test_matrix.py", "tests/system/test_matrix_refunds.py")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the next run did, in words, and in which tables the end differs from an undisturbed
    one."""

    cell: str
    differences: Sequence[str]


@dataclass(frozen=True, slots=True)
class Writes:
    """The writes of an undisturbed story: their kinds, and the routes of those in no ledger."""

    kinds: set[str]
    unbooked: Sequence[str]


@dataclass
class Matrix:
    """Plays the cases. Of each story, what it comes to undisturbed is played once."""

    world: World
    _before: dict[tuple[str, int], Moment] = field(default_factory=dict)
    _after: dict[tuple[str, int], Mapping[str, list[str]]] = field(default_factory=dict)
    _writes: dict[str, Writes] = field(default_factory=dict)

    def at_a_write(self, place: Place, point: str) -> Seen:
        """A worker dies at a point of a write."""
        is_repeated = (PLACES.index(place) + AT_A_WRITE.index(point)) % 2 == 0
        death = Death(place.kind, point, self.world.armed, place.key_end)
        self._die(place.story, place.act, death, place.route)
        was_done = self._write(place)[1] == EffectState.DONE
        self._go_on(is_repeated=is_repeated)
        key, _ = self._write(place)
        words = ", ".join(what for what, _ in groupby(self._noted(key)))
        if not words:
            words = "nothing: done" if was_done else "finds it, goes on"
        return Seen(words, self._against(place.story, place.act))

    def at_a_step(self, step: str, point: str) -> Seen:
        """A worker dies at a point of a step's run."""
        is_repeated = (STEPS.index(step) + AT_A_STEP.index(point)) % 2 == 0
        act = 1 if step in SHIPPING else 0
        self._die(FULFILLED, act, Death(step, point, self.world.armed))
        before = self.world.attempts(step)
        self._go_on(is_repeated=is_repeated)
        runs = len(self.world.attempts(step)) - len(before)
        assert runs in (0, 1)
        if runs:
            words = "runs again" if before[-1:] == ["crash"] else "runs"
        else:
            words = "goes on with the next" if step != STEPS[-1] else "nothing: done"
        return Seen(words, self._against(FULFILLED, act))

    def undisturbed(self, story: Story) -> Writes:
        """Play a story without a crash, the first time it is asked for; keep each moment of it."""
        if story.name in self._writes:
            return self._writes[story.name]
        self.world.begin(NUMBER, **story.settings)
        for number, act in enumerate(story.acts):
            self._before[story.name, number] = keep(self.world)
            act(self.world)
            self.world.work()
            self._after[story.name, number] = outcome(self.world)
        order = self.world.order()
        assert (order.step, order.status) == story.ends
        self._writes[story.name] = Writes(self.world.kinds(), list(self.world.unbooked))
        return self._writes[story.name]

    def _die(self, story: Story, act: int, death: Death, route: str = "") -> None:
        self.undisturbed(story)
        self.world.begin(NUMBER, route, **story.settings)
        go_back(self.world, self._before[story.name, act])
        story.acts[act](self.world)
        self.world.die(death)

    def _go_on(self, *, is_repeated: bool) -> None:
        """Let others take the order up: by the message that comes again, or only by the sweep."""
        if is_repeated:
            self.world.redeliver()
        self.world.outlive_leases()
        self.world.settle()

    def _write(self, place: Place) -> tuple[str, str]:
        """Key and state of a write; empty as long as nothing was intended."""
        found = states(self.world.sessions, place.kind).items()
        return next((one for one in found if one[0].endswith(place.key_end)), ("", ""))

    def _noted(self, key: str) -> list[str]:
        return [what for one, what in self.world.noted if one == key]

    def _against(self, story: Story, act: int) -> list[str]:
        return differences(self._after[story.name, act], outcome(self.world))


def documented() -> dict[tuple[str, str], str]:
    """The cells of the tables in the docs, by row and column."""
    page = PAGE.read_text(encoding="utf-8")
    cells: dict[tuple[str, str], str] = {}
    for name in _TABLES:
        columns: list[str] = []
        for row, *found in (_cells(line) for line in _part(page, name).splitlines()):
            if not columns:
                columns = found
            elif row != "---":
                cells |= {(row, one): cell for one, cell in zip(columns, found, strict=True)}
    return cells


def expected_cells() -> set[tuple[str, str]]:
    """Row and column of every case there is."""
    return {(row, column) for name in _TABLES for row in _ROWS[name] for column in _TABLES[name]}


def document(cells: Mapping[tuple[str, str], str]) -> None:
    """Write the tables anew."""
    page = PAGE.read_text(encoding="utf-8")
    for name, columns in _TABLES.items():
        corner = "the feed of a refund, at" if name.startswith("refund") else "a worker dies at"
        lines = [[corner, *columns], ["---"] * (len(columns) + 1)]
        lines += [[row, *(cells[row, column] for column in columns)] for row in _ROWS[name]]
        table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
        begin = _BEGIN.format(name) + "\n"
        page = page.replace(begin + _part(page, name), begin + table)
    PAGE.write_text(page, encoding="utf-8")


def _part(page: str, name: str) -> str:
    _, _, rest = page.partition(_BEGIN.format(name) + "\n")
    table, end, _ = rest.partition(_END)
    assert end, f"docs/reliability.md has no place for the table of {name}"
    return table


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


class _Collector:
    """Takes what each case was seen to do out of its report."""

    def __init__(self) -> None:
        self.cells: dict[tuple[str, str], str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, seen in report.user_properties:
            if name == "cell" and report.when == "call":
                row, column, words = str(seen).split("|")
                self.cells[row, column] = words


def main() -> None:
    """Play every case and write the tables."""
    collector = _Collector()
    pytest.main(["-q", "-n", "0", *_TESTS], plugins=[collector])
    if missing := expected_cells() - collector.cells.keys():
        sys.exit(f"{len(missing)} cases came to no end; the tables are as they were")
    document(collector.cells)


if __name__ == "__main__":
    main()
