"""A buyer's one name as Magento's two."""

from __future__ import annotations

import re
import unicodedata

from pipeline.magento.wording import plain

# The narrowest of Magento's name columns; customer_firstname of an order.
_LONGEST = 128
# What stands for a name that was withheld, as it is for most orders fulfilled by Amazon.
NOBODY = ("Amazon", "Customer")
NO_LAST_NAME = "-"
_ALLOWED_MARKS = frozenset(" ,-_.'")


def split(name: str) -> tuple[str, str]:
    """First and last name, neither ever empty.

    The first word is the first name and the rest the last one, so both together read as given. One
    word gets the last name "-", no word at all is the customer of Amazon.
    """
    first, _, last = plain(name, 2 * _LONGEST).partition(" ")
    if not first:
        return NOBODY
    return first[:_LONGEST], last[:_LONGEST].strip() or NO_LAST_NAME


def for_customer(name: str) -> tuple[str, str]:
    """As `split`, within what customer accounts allow: letters, digits, spaces and , - _ . '

    Source: Magento\\Customer\\Model\\Validator\\Name, its narrowest version.
    """
    straight = re.sub("[’‘`´]", "'", plain(name, 2 * _LONGEST))
    return split("".join(char if _is_allowed(char) else " " for char in straight))


def _is_allowed(char: str) -> bool:
    return char in _ALLOWED_MARKS or unicodedata.category(char)[0] in "LM" or char.isdecimal()
