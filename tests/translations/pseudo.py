"""A language in which every message is itself between two marks, and what a page says outside."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from babel.messages import Catalog
from babel.messages.pofile import write_po

from tests.translations.messages import collected

NAME = "eo"
"""Esperanto's code: the library wants a language that exists, and nobody's catalogue is this."""
_OPEN, _CLOSE = "⟦", "⟧"
_ATTRIBUTES = frozenset({"title", "aria-label", "placeholder", "alt", "data-label"})
_WITHOUT_END = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "use"}
)
_NOT_SHOWN = frozenset({"script", "style", "code", "textarea", "datalist", "time"})


def write_catalogue(folder: Path) -> None:
    """Write the language's catalogue into the folder."""
    pseudo = Catalog(locale=NAME, charset="utf-8")
    for message in collected():
        if not message.id:
            continue
        plural = isinstance(message.id, tuple)
        ids = message.id if plural else (message.id,)
        marked = tuple(f"{_OPEN}{text}{_CLOSE}" for text in ids)
        pseudo.add(message.id, marked if plural else marked[0])
    with (folder / f"{NAME}.po").open("wb") as file:
        write_po(file, pseudo)


class _Page(HTMLParser):
    """What is shown and not within marks. What names another language, or is not to be translated,
    is left out."""

    def __init__(self) -> None:
        super().__init__()
        self.unmarked: list[str] = []
        self._depth = 0
        self._left_out: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_other = given.get("lang", NAME) != NAME or given.get("translate") == "no"
        if self._left_out or tag in _NOT_SHOWN or is_other:
            if tag not in _WITHOUT_END:
                self._left_out.append(tag)
            return
        for name, value in attrs:
            is_words = name in _ATTRIBUTES or (name == "value" and given.get("type") == "submit")
            if is_words and value:
                self._take(value)

    def handle_endtag(self, tag: str) -> None:
        if self._left_out and self._left_out[-1] == tag:
            self._left_out.pop()

    def handle_data(self, data: str) -> None:
        if not self._left_out:
            self._take(data)

    def _take(self, text: str) -> None:
        outside = ""
        for sign in text:
            if sign == _OPEN:
                self._depth += 1
                outside += " "
            elif sign == _CLOSE:
                self._depth -= 1
            elif not self._depth:
                outside += sign
        if outside.strip():
            self.unmarked.append(" ".join(outside.split()))


def unmarked(html: str) -> list[str]:
    """The texts and labels of a page that no catalogue has, in their order."""
    page = _Page()
    page.feed(html)
    page.close()
    return page.unmarked
