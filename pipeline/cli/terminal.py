"""Colour and progress for a person at a terminal; on a pipe, and with NO_COLOR, there is none.

Colour is on standard output, progress on standard error, so that what is redirected stays plain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import click

GOOD, BAD, BUSY = "green", "bold red", "yellow"
STATES: Mapping[str, str] = {
    **dict.fromkeys(("done", "ended", "works", "all is well"), GOOD),
    **dict.fromkeys(("held", "stopped", "failed", "refused", "attention"), BAD),
    **dict.fromkeys(("waiting", "running"), BUSY),
}
"""The colours of states, wherever one is all that a cell says."""

Show = Callable[[str, int, int | None, str], None]
"""Shows how far something is: its name, what is done, of how much if that is known, and a word."""


def print_lines(lines: Iterable[str], colours: Mapping[str, str] = STATES) -> None:
    """Print lines; on a terminal each cell that is one of these words has its colour."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        click.echo("\n".join(lines))
        return
    words = "|".join(map(re.escape, colours))
    for line in lines:
        text = Text(line)
        for found in re.finditer(rf"(?:^|(?<=  ))(?:{words})(?=  |$)", line):
            text.stylize(colours[found[0]], *found.span())
        console.print(text)


@contextmanager
def progress() -> Iterator[Show | None]:
    """Bars on standard error; None where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    count = TextColumn("{task.completed}{task.fields[of]}")
    parts = (TextColumn("{task.description}"), BarColumn(), count, TimeElapsedColumn())
    with Progress(*parts, TextColumn("{task.fields[word]}"), console=console) as bars:
        known: dict[str, TaskID] = {}

        def show(name: str, done: int, total: int | None, word: str) -> None:
            of = "" if total is None else f"/{total}"
            if name not in known:
                known[name] = bars.add_task(name, total=total, of=of, word=word)
            bars.update(known[name], completed=done, total=total, of=of, word=word)

        yield show
