"""Where a page of the list begins, as a text that only this list can read.

It is bound to the sorting and the filters: with others the page would leave orders out.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from pipeline.api.problems import Refused
from pipeline.operations.lists.sorting import Place, Sort


def written(place: Place, sort: Sort, filters: str) -> str:
    """The cursor of a place in the list with this sorting and these filters."""
    plain = f"{_mark(sort, filters)}{place}".encode()
    return base64.urlsafe_b64encode(plain).decode().rstrip("=")


def read(cursor: str, sort: Sort, filters: str) -> Place:
    """The place that `written` wrote. Raises Refused."""
    mark = _mark(sort, filters)
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        plain = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
        if plain.startswith(mark):
            return Place.parse(plain.removeprefix(mark), sort)
    except (ValueError, binascii.Error):
        pass
    raise Refused(
        400,
        "cursor_unusable",
        "The cursor is none of this list with this sorting and these filters.",
        "Begin again without `cursor`, and then follow `next` with the same parameters.",
    )


def _mark(sort: Sort, filters: str) -> str:
    return hashlib.sha256(f"{sort}|{filters}".encode()).hexdigest()[:12]
