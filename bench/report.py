"""What a scenario found: tables for people, figures for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Cell = str | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """A heading, the names of the columns and the rows; the first column is text."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def __str__(self) -> str:
        told = [list(self.columns), *([_text(value) for value in row] for row in self.rows)]
        widths = [max(len(row[place]) for row in told) for place in range(len(self.columns))]
        lines = [
            "  ".join(
                text.ljust(width) if place == 0 else text.rjust(width)
                for place, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in told
        ]
        return "\n".join([self.title, lines[0], "-" * sum(widths, 2 * len(widths) - 2), *lines[1:]])


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and what it is to be at least or at most."""

    name: str
    figure: float
    limit: float
    is_least: bool = True

    @property
    def is_met(self) -> bool:
        return self.figure >= self.limit if self.is_least else self.figure <= self.limit

    def __str__(self) -> str:
        sign = "≥" if self.is_least else "≤"
        told = "met" if self.is_met else "MISSED"
        return f"  {self.name}: {_text(self.figure)} (goal {sign} {_text(self.limit)}) {told}"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a scenario; `figures` become its part of the JSON file."""

    tables: Sequence[Table]
    figures: dict[str, Any]
    goals: Sequence[Goal] = field(default=())


def _text(value: Cell) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    return str(value)
