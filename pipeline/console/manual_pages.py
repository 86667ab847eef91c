"""The manual: the Markdown pages of docs/, as HTML with an anchor for each heading and each row.

A row of a table whose first cell begins with code (a setting, a column, a variable) can be linked
to by that code. Below a heading or a paragraph that begins with the name of a table of the
settings, such as `[shops.NAME]`, that name stands before it: `shops.NAME.base_url`; and it is an
anchor itself.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup, escape

FOLDER = Path(__file__).parent / "manual"
_TABLE_OF_SETTINGS = re.compile(r"\[([A-Za-z_.]+)\]")
_MOST_FOUND = 50
_LISTS = ("commands", "cli-json")
"""Pages that name everything, and so explain the least: what they have is found last."""


class Place(NamedTuple):
    """What can be linked to: a heading, or the row of a table."""

    page: str
    anchor: str
    words: str
    level: int
    """1 to 6 for a heading, 0 for a row."""


@dataclass(frozen=True, slots=True)
class ManualPage:
    """A page; `places` are in the order in which they stand on it, its title first."""

    name: str
    title: str
    body: Markup
    places: Sequence[Place]

    @property
    def headings(self) -> list[Place]:
        """The headings of its parts and their parts."""
        return [place for place in self.places if place.level in (2, 3)]

    @property
    def anchors(self) -> frozenset[str]:
        """All anchors of the page."""
        return frozenset(place.anchor for place in self.places)


@cache
def names(folder: Path = FOLDER) -> frozenset[str]:
    """The names of all pages: their paths without `.md`."""
    return frozenset(
        str(path.relative_to(folder).with_suffix(""))
        for pattern in ("*.md", "decisions/*.md")
        for path in folder.glob(pattern)
    )


@cache
def read(name: str, folder: Path = FOLDER) -> ManualPage:
    """A page by one of the names."""
    text = (folder / f"{name}.md").read_text(encoding="utf-8")
    parser = MarkdownIt("commonmark", {"html": True}, renderer_cls=_Renderer).enable("table")
    tokens = parser.parse(text)
    anchors = _Anchors(name)
    anchors.set(tokens)
    for token in tokens:
        if token.children is not None:
            token.children = list(_linked(token.children, name, names(folder)))
    html = parser.renderer.render(tokens, parser.options, {})
    # Of our own files, and without HTML of theirs.
    return ManualPage(name, anchors.places[0].words, Markup(html), tuple(anchors.places))  # noqa: S704


def pages(folder: Path = FOLDER) -> Mapping[str, ManualPage]:
    """All pages by their name."""
    return {name: read(name, folder) for name in sorted(names(folder))}


def search(sought: str, folder: Path = FOLDER) -> Sequence[Place]:
    """The places that have all the words, by themselves or with their page's title."""
    words = sought.lower().replace("_", " ").split()
    if not words:
        return ()
    found: tuple[list[Place], list[Place]] = ([], [])
    for page in sorted(pages(folder).values(), key=lambda page: page.name in _LISTS):
        for place in page.places:
            own = place.words.lower().replace("_", " ")
            with_title = f"{page.title.lower()} {own}"
            if all(word in own for word in words):
                found[0].append(place)
            elif all(word in with_title for word in words):
                found[1].append(place)
    return [*found[0], *found[1]][:_MOST_FOUND]


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def address(page: str, anchor: str = "") -> str:
    """The address of a page, or of a place on it, in the console."""
    return f"/help/{page}" + (f"#{anchor}" if anchor else "")


@dataclass
class _Anchors:
    """Gives each heading, and each row that begins with code, an anchor."""

    page: str
    places: list[Place] = field(default_factory=list)
    _taken: set[str] = field(default_factory=set)
    _table: str = ""

    def set(self, tokens: Sequence[Token]) -> None:
        """Go through a page from its top."""
        row = ""
        for before, token in pairwise(tokens):
            if before.type == "tr_open":
                row = token.type
            if token.type != "inline":
                continue
            if before.type == "heading_open":
                words = _words(token)
                self._table = ""
                before.attrSet("id", self._add(slug(words), words, int(before.tag[1])))
            if before.type in ("heading_open", "paragraph_open"):
                self._look_for_table(token)
            elif row == "td_open":
                self._mark_row(token)
            row = ""

    def _look_for_table(self, inline: Token) -> None:
        first = (inline.children or [])[:1]
        if first and first[0].type == "code_inline":
            found = _TABLE_OF_SETTINGS.fullmatch(first[0].content)
            if found:
                self._table = f"{found[1]}."
                first[0].attrSet("id", self._add(found[1], found[0], 0))

    def _mark_row(self, inline: Token) -> None:
        children = inline.children or []
        if not children or children[0].type != "code_inline":
            return
        for child in children:
            anchor = self._table + "-".join(child.content.split())
            if child.type == "code_inline" and anchor not in self._taken:
                child.attrSet("id", self._add(anchor, child.content, 0))

    def _add(self, anchor: str, words: str, level: int) -> str:
        number, free = 0, anchor
        while free in self._taken:
            number += 1
            free = f"{anchor}-{number}"
        self._taken.add(free)
        self.places.append(Place(self.page, free, words, level))
        return free


def _words(inline: Token) -> str:
    return "".join(
        child.content for child in inline.children or () if child.type in ("text", "code_inline")
    )


def _linked(children: Sequence[Token], page: str, known: frozenset[str]) -> Iterator[Token]:
    """The text with links that lead somewhere in the console; what is not in it is no link."""
    kept: list[bool] = []
    for token in children:
        if token.type == "link_open":
            href = _href(str(token.attrGet("href") or ""), page, known)
            kept.append(href is not None)
            if href is not None:
                token.attrSet("href", href)
                yield token
        elif token.type == "link_close":
            if kept.pop():
                yield token
        elif token.type == "image":
            token.attrSet("src", "/help/" + _path(str(token.attrGet("src") or ""), page))
            yield token
        else:
            yield token


def _href(href: str, page: str, known: frozenset[str]) -> str | None:
    target = urlsplit(href)
    if target.scheme in ("https", "http"):
        return href
    if target.scheme or target.netloc:
        return None
    name = _path(target.path, page).removesuffix(".md") if target.path else page
    return address(name, target.fragment) if name in known else None


def _path(path: str, page: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), path))


class _Renderer(RendererHTML):
    """HTML that the console's pages may have: no HTML of the Markdown's own, and no styles."""

    def html_block(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        """A comment is left out; anything else shows as text."""
        html = tokens[idx].content
        is_comment = html.lstrip().startswith("<!--") and html.rstrip().endswith("-->")
        return "" if is_comment else str(escape(html))

    html_inline = html_block

    def td_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """An alignment is a class."""
        token = tokens[idx]
        if token.attrs.pop("style", None) == "text-align:right":
            token.attrSet("class", "number")
        return self.renderToken(tokens, idx, options, env)

    th_open = td_open

    def table_open(self, tokens: Sequence[Token], idx: int, *_: Any) -> str:
        """A wide table scrolls by itself, also by keyboard."""
        number = sum(token.type == "table_open" for token in tokens[: idx + 1])
        return f'<div class="wide" role="region" aria-label="Table {number}" tabindex="0"><table>\n'

    def table_close(self, *_: Any) -> str:
        """The end of both."""
        return "</table></div>\n"
