"""The people whom a note addresses, as @name. Only their ids are kept: the words are sealed."""

from __future__ import annotations

import re

from sqlalchemy import select

from pipeline.access.tables import PersonRecord
from pipeline.base.db import Sessions
from pipeline.operations.acts.one_order import NotPossible

# Not the @ within an e-mail address.
_AT = re.compile(r"(?<![\w.+-])@(?=\w)")
_WORD = re.compile(r"[\w.+'-]*\w")


def mentioned(sessions: Sessions, text: str) -> list[int]:
    """The ids of the people whom the text addresses. Raises NotPossible for a name that nobody
    has."""
    begins = [found.end() for found in _AT.finditer(text)]
    if not begins:
        return []
    with sessions() as session:
        rows = session.execute(
            select(PersonRecord.id, PersonRecord.name).where(PersonRecord.removed_at.is_(None))
        ).all()
    # The longest first: Anna Berg is not Anna.
    known = sorted(((name.casefold(), id_) for id_, name in rows), key=lambda one: -len(one[0]))
    ids: dict[int, None] = {}
    for begin in begins:
        rest = text[begin:].casefold()
        id_ = next((id_ for name, id_ in known if _begins_with(rest, name)), None)
        if id_ is None:
            word = _WORD.match(text, begin)
            raise NotPossible(f"nobody here is called {word[0] if word else text[begin:]}")
        ids[id_] = None
    return list(ids)


def _begins_with(text: str, name: str) -> bool:
    return text.startswith(name) and not re.match(r"\w", text[len(name) :])
