"""People's names: how they are written, and that no two can be taken for each other.

A name stays taken after its person was removed: the security log and the timelines of orders have
it. Two names are alike when they look alike by Unicode's table of confusable characters, such as
Latin and Cyrillic a, or l, I and 1; with small letters or as they are written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from pipeline.access.errors import NameTaken, NotAllowed
from pipeline.access.tables import PersonRecord

_NAME = re.compile(r"\w[\w .@+'-]{0,63}")


def checked_name(name: str) -> str:
    """The name in Unicode's normal form. Raises NotAllowed."""
    name = unicodedata.normalize("NFKC", name).strip()
    if not _NAME.fullmatch(name):
        raise NotAllowed(
            "a name has up to 64 letters, digits, spaces and . _ - + ' @, and begins with a letter "
            "or digit"
        )
    return name


def refuse_taken(session: Session, name: str, but: int | None = None) -> None:
    """Refuse a name that looks like another person's, or a removed person's. Raises NameTaken.

    `but` is the id of the person who is to have it. Two that are added at once are kept apart by
    the caller, who takes the security log's turn before.
    """
    looks = _looks(name)
    others = select(PersonRecord.name, PersonRecord.removed_at).where(
        PersonRecord.id.is_distinct_from(but)
    )
    for other, removed_at in session.execute(others):
        if looks.isdisjoint(_looks(other)):
            continue
        if removed_at is not None:
            raise NameTaken(f"{other} was removed, and the name stays theirs: choose another one")
        if other.casefold() == name.casefold():
            raise NameTaken(f"there is somebody called {name} already")
        raise NameTaken(f"{name} could be taken for {other}: choose another name")


def is_named(name: str) -> ColumnElement[bool]:
    """Whose name it is, in any case."""
    return func.lower(PersonRecord.name) == func.lower(name.strip().replace("\0", ""))


def known_name(session: Session, name: str) -> str:
    """The name as it is written here; empty when nobody has or had it."""
    return session.scalar(select(PersonRecord.name).where(is_named(name))) or ""


def _looks(name: str) -> frozenset[str]:
    name = unicodedata.normalize("NFKC", name)
    return frozenset(_look(text) for text in (name, name.casefold()))


def _look(text: str) -> str:
    alike = _alike()
    return "".join(alike.get(letter, letter) for letter in " ".join(text.split())).casefold()


@cache
def _alike() -> Mapping[str, str]:
    """Each confusable character with the character, or characters, that stand for its like."""
    # Read only where a name is given.
    from confusable_homoglyphs.confusables import confusables_data

    others = {
        letter: {one["c"] for one in found}
        for letter, found in confusables_data.items()
        if len(letter) == 1
    }
    alike: dict[str, str] = {}
    for letter in others:
        if letter in alike:
            continue
        group, left = {letter}, [letter]
        while left:
            new = {one for one in others.get(left.pop(), ()) if len(one) == 1} - group
            group |= new
            left += new
        first = min(
            group, key=lambda one: (not one.isascii(), not one.isalpha(), one.isupper(), one)
        )
        # A letter that two others look like, such as m and rn, is spelt with them.
        pairs = sorted(one for one in others.get(first, ()) if len(one) > 1 and one.isalpha())
        alike |= dict.fromkeys(group, pairs[0] if pairs and pairs[0].isascii() else first)
    return alike
