"""A buyer's one name as Magento's two."""

from __future__ import annotations

import re
import unicodedata

from pipeline.magento.order.plain_text import label

# The narrowest of Magento's name columns: customer_firstname of an order.
_LONGEST = 128
# What stands for a name that was withheld, as it is for most orders fulfilled by Amazon.
NOBODY = ("Amazon", "Customer")
NO_LAST_NAME = "-"
_ALLOWED_MARKS = frozenset(" ,-_.'")


def split(name: str, longest: int = _LONGEST) -> tuple[str, str]:
    """First and last name of at most `longest` characters each, neither ever empty.

    The first word is the first name and the rest the last one, so both together read as given. One
    word gets the last name "-"; no word at all, or "n/a", is the customer of Amazon.
    """
    whole = label(name)
    if says_nothing(whole):
        return NOBODY
    first, _, last = whole.partition(" ")
    return first[:longest], last[:longest].strip() or NO_LAST_NAME


def says_nothing(text: str) -> bool:
    """Whether a text stands for none: it is "n/a", or has neither letter nor digit."""
    return text.casefold() in ("n/a", "n.a.") or not any(map(str.isalnum, text))


def for_customer(name: str) -> tuple[str, str]:
    """As `split`, within what customer accounts allow: letters, digits, spaces and , - _ . '

    Source: Magento\\Customer\\Model\\Validator\\Name, its narrowest version.
    """
    straight = re.sub("[’‘`´]", "'", label(name))
    return split("".join(char if is_allowed(char) else " " for char in straight))


def is_allowed(char: str) -> bool:
    """Whether every version of Magento takes this character in a name or a street."""
    return char in _ALLOWED_MARKS or unicodedata.category(char)[0] in "LM" or char.isdecimal()
