"""Answers that a browser saves as a file.

Each holds a thread of the console until its browser has it, so few are saved at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from threading import BoundedSemaphore

from flask import Response, abort

from pipeline.console.languages import gettext as _
from pipeline.console.sheets import FileKind

AT_ONCE = 2
"""How many files are saved at once, whatever they are of."""


class SavedFiles:
    """The places for files; all pages of a console share them."""

    def __init__(self) -> None:
        self._places = BoundedSemaphore(AT_ONCE)

    def answer(self, kind: FileKind, parts: Iterator[bytes], name: str) -> Response:
        """The file with this name, without its ending; 503 while no place is free.

        `parts` must keep no transaction open between two of them: a browser may take minutes.
        """
        if not self._places.acquire(blocking=False):
            abort(
                503,
                _(
                    "%(number)s files are being saved already. Try again when one is ready.",
                    number=AT_ONCE,
                ),
            )
        place = ExitStack()
        place.callback(self._places.release)

        def in_its_place() -> Iterator[bytes]:
            with place:
                yield from parts

        response = Response(
            in_its_place(),
            mimetype=kind.mimetype,
            headers={"Content-Disposition": f'attachment; filename="{name}.{kind.extension}"'},
        )
        response.call_on_close(place.close)
        return response
