"""How a tracking number is written. It is kept in clear, and is no place for words."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(?=.*[0-9])[0-9A-Za-z #/._-]{1,60}")
_MOST_LETTERS = 3
"""In a part without a digit, such as the country of an international number."""


def looks_like_a_number(text: str) -> bool:
    """Whether a text is letters, digits and the signs of a tracking number, with a digit, and none
    of its parts between blanks looks like a word: more than three letters and no digit."""
    parts = text.split()
    return _NUMBER.fullmatch(" ".join(parts)) is not None and not any(map(_is_a_word, parts))


def _is_a_word(part: str) -> bool:
    return sum(map(str.isalpha, part)) > _MOST_LETTERS and not any(map(str.isdigit, part))
