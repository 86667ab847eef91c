"""Split a buyer's name into Magento's first and last name."""

from __future__ import annotations

import re
import unicodedata

from pipeline.magento.order.plain_text import label

# Length of Magento's narrowest name column: customer_firstname of an order.
_LONGEST = 128
# Replaces a withheld name, as most orders fulfilled by Amazon have.
NOBODY = ("Amazon", "Customer")
NO_LAST_NAME = "-"
_ALLOWED_MARKS = frozenset(" ,-_.'")


def split(name: str, longest: int = _LONGEST) -> tuple[str, str]:
    """First and last name of at most `longest` characters each, neither ever empty.

    The first word is the first name and the rest is the last name, so both together read as given.
    A single word gets the last name "-"; an empty name or "n/a" becomes NOBODY.
    """
    whole = label(name)
    if says_nothing(whole):
        return NOBODY
    first, _, last = whole.partition(" ")
    return first[:longest], last[:longest].strip() or NO_LAST_NAME


def says_nothing(text: str) -> bool:
    """Whether a text is empty in meaning: it is "n/a", or has neither letter nor digit."""
    return text.casefold() in ("n/a", "n.a.") or not any(map(str.isalnum, text))


def for_customer(name: str) -> tuple[str, str]:
    """As `split`, within what customer accounts allow: letters, digits, spaces and , - _ . '

    Source: Magento\\Customer\\Model\\Validator\\Name, its narrowest version.
    """
    straight = re.sub("[’‘`´]", "'", label(name))
    return split("".join(char if is_allowed(char) else " " for char in straight))


def is_allowed(char: str) -> bool:
    """Whether every version of Magento accepts this character in a name or a street."""
    return char in _ALLOWED_MARKS or unicodedata.category(char)[0] in "LM" or char.isdecimal()
