"""The tables of the docs that are made from rows of the code.

`make tables` writes them anew; a test compares them with the rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import click
from sqlalchemy.orm import Session

from pipeline.api.app import create_api, described
from pipeline.cli import main
from pipeline.orders.decision import When
from pipeline.orders.decision_table import KNOWN, TABLE
from pipeline.settings.model import Timing
from tasks.jobs.schedule import JOBS
from tests.builders import NOW, settings

DOCS = Path(__file__).parents[2] / "docs"
_END = "<!-- end of table -->"
Rows = Iterator[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Table:
    """A table between two markers of a page; `rows` are its heading and its lines."""

    name: str
    page: str
    rows: Callable[[], Rows]

    def written(self) -> str:
        """The table as Markdown."""
        heading, *lines = self.rows()
        return "".join(
            f"| {' | '.join(cells)} |\n" for cells in (heading, ["---"] * len(heading), *lines)
        )

    def documented(self) -> str:
        """The table as the page has it."""
        return self._parts()[1]

    def document(self) -> None:
        """Write the table into the page."""
        before, _, after = self._parts()
        (DOCS / self.page).write_text(before + self.written() + after, encoding="utf-8")

    def _parts(self) -> tuple[str, str, str]:
        page = (DOCS / self.page).read_text(encoding="utf-8")
        before, begin, rest = page.partition(f"<!-- table: {self.name} -->\n")
        table, end, after = rest.partition(_END)
        assert begin, f"docs/{self.page} has no place for the table of {self.name}"
        assert end, f"the table of {self.name} in docs/{self.page} has no end"
        return before + begin, table, end + after


def _jobs() -> Rows:
    yield "job", "runs for", "every", "what it does"
    for job in JOBS:
        every = _span(job.every_s(Timing()))
        if isinstance(job.period, str):
            every = f"{every} (`{job.period}`)"
        yield f"`{job.task}`", job.scope, every, job.does


def _decisions() -> Rows:
    yield (
        *("row", "shipped by", "status", "further conditions", "then", "imported", "Orders tab"),
        *("Magento order", "its state then", "stock", "reason"),
    )
    for when, decision in TABLE:
        yield (
            decision.row,
            when.fulfilled_by or "",
            _statuses(when.statuses),
            _conditions(when),
            decision.next + (f" (`{decision.code}`)" if decision.code else ""),
            "yes" if decision.kept else "no",
            decision.tab,
            decision.magento,
            decision.state,
            decision.stock,
            decision.reason,
        )


def _commands() -> Rows:
    yield "command", "does"
    for names, command in _parts_of(main, ("orderbridge",)):
        arguments = [
            each.make_metavar(click.Context(command)).replace("|", "\\|")
            for each in command.params
            if isinstance(each, click.Argument)
        ]
        first, _, _ = (command.help or "").partition("\n\n")
        yield f"`{' '.join((*names, *filter(None, arguments)))}`", " ".join(first.split())


def _parts_of(
    group: click.Group, names: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Each command that does something by itself, by its names, in the order of --help."""
    for name, command in sorted(group.commands.items()):
        if command.hidden:
            continue
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield (*names, name), command
        if isinstance(command, click.Group):
            yield from _parts_of(command, (*names, name))


def _statuses(statuses: Set[str] | None) -> str:
    if statuses is None:
        return ""
    if statuses == KNOWN:
        return "any that is known here"
    return ", ".join(sorted(statuses))


def _conditions(when: When) -> str:
    questions = {
        "placed": when.is_ours,
        "known": when.is_known,
        "sold elsewhere": when.is_from_elsewhere,
    }
    said = [
        name if answer else f"not {name}"
        for name, answer in questions.items()
        if answer is not None
    ]
    if when.program is not None:
        said.append(f"program {when.program}")
    said += [f"`{name} = {json.dumps(value)}`" for name, value in when.settings.items()]
    return ", ".join(said)


def _span(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


TABLES = (
    Table("jobs", "operations.md", _jobs),
    Table("commands", "commands.md", _commands),
    Table("decisions", "decision-table.md", _decisions),
)


DESCRIPTION = DOCS / "openapi.json"


def description() -> str:
    """The description of the API, as the page of the same name has it."""

    def no_database() -> Session:
        raise AssertionError("the description needs no database")

    api = create_api(settings(), no_database, lambda: NOW, lambda: "")
    return json.dumps(described(api), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for table in TABLES:
        table.document()
    DESCRIPTION.write_text(description(), encoding="utf-8")
