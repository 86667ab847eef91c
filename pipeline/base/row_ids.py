"""The ids of our rows, as people and browsers write them."""

from __future__ import annotations

import re

LARGEST_ID = 2**63 - 1
"""What a column of ids holds; PostgreSQL refuses to compare it with a larger number."""
DIGITS = "[0-9]{1,19}"


def row_id(text: str) -> int | None:
    """The id that a text writes; None where no row could have it."""
    if not re.fullmatch(DIGITS, text):
        return None
    found = int(text)
    return found if found <= LARGEST_ID else None
