"""Rows in a shop's reply that cannot be read, set aside so that the other rows are still used.

Only callers that ask for it skip such rows: in a look-up of our own write a skipped row would mean
that the write never happened. A caller that sets rows aside reports them, and treats nothing as
deleted that may be among them.
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
    """The known fields of such a row: the path of its search, and its numbers if it has them."""

    path: str
    entity_id: int = 0
    order_id: int = 0
    number: str = ""
    sku: str = ""
    created_at: datetime | None = None

    def __str__(self) -> str:
        what = self.path.strip("/").removesuffix("s").rpartition("/")[2]
        named = str(self.entity_id or self.number or self.sku or "")
        of_order = f"of order {self.order_id}" if self.order_id else ""
        if not named and not of_order:
            named = "without a number"
        return " ".join(filter(None, (what, named, of_order)))


@contextmanager
def set_aside() -> Iterator[list[OddRow]]:
    """Let searches in this context leave out rows that they cannot read, and collect them here."""
    odd: list[OddRow] = []
    token = _collecting.set(odd)
    try:
        yield odd
    finally:
        _collecting.reset(token)
        if (outer := _collecting.get()) is not None:
            outer += odd


def collecting() -> list[OddRow] | None:
    """The list that collects rows now; None when a row that cannot be read is an error."""
    return _collecting.get()
