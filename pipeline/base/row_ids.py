"""The ids of our rows, as people and browsers write them."""

from __future__ import annotations

import re

LARGEST_ID = 2**63 - 1
"""The largest id of a column; PostgreSQL refuses to compare the column with a larger number."""
DIGITS = "[0-9]{1,19}"


def row_id(text: str) -> int | None:
    """The text as an id; None where no row could have that id."""
    if not re.fullmatch(DIGITS, text):
        return None
    number = int(text)
    return number if number <= LARGEST_ID else None
