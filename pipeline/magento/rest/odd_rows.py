"""Rows of a shop's answer that cannot be read, set aside so that the others go on.

Only who says so reads past them: to a look for what was made, a row that is left out would mean
that it was never made. Whoever sets rows aside tells of them, and takes nothing for gone that may
be one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

_collecting: ContextVar[list[OddRow] | None] = ContextVar("odd_rows", default=None)


@dataclass(frozen=True, slots=True)
class OddRow:
    """What can be said of such a row: of which search, and its numbers as far as it has them."""

    path: str
    entity_id: int = 0
    order_id: int = 0
    number: str = ""
    sku: str = ""
    created_at: datetime | None = None

    def __str__(self) -> str:
        what = self.path.strip("/").removesuffix("s").rpartition("/")[2]
        named = str(self.entity_id or self.number or self.sku or "without a number")
        return f"{what} {named}" + (f" of order {self.order_id}" if self.order_id else "")


@contextmanager
def set_aside() -> Iterator[list[OddRow]]:
    """Within, searches leave out the rows that they cannot read, and list them here."""
    found: list[OddRow] = []
    token = _collecting.set(found)
    try:
        yield found
    finally:
        _collecting.reset(token)
        if (outer := _collecting.get()) is not None:
            outer += found


def collecting() -> list[OddRow] | None:
    """Where rows are listed now; None where a row that cannot be read is an error."""
    return _collecting.get()
