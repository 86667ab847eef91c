"""How a tracking number is written. It is kept in clear, and is no place for words."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(?=.*[0-9])[0-9A-Za-z #/._-]{1,60}")


def looks_like_a_number(text: str) -> bool:
    """Whether a text is letters, digits and the signs of a tracking number, with a digit."""
    return _NUMBER.fullmatch(" ".join(text.split())) is not None
