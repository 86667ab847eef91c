"""docs/cli-json.md as a schema: which keys and types each command may print with --json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_PAGE = Path(__file__).parents[2] / "docs/cli-json.md"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_FORMATTED = re.compile(
    r"-?(\d+|\d{1,3}([,. ]\d{3})+)[.,]\d+( ?[A-Z]{3})?"
    r"|-?\d[\d.,]* (s|ms|min|h|d|days?|hours?|seconds?)"
    r"|(\d+ days?, )?\d+:\d\d:\d\d(\.\d+)?"
)
"""An amount, or a duration, that is written for people."""


@dataclass(frozen=True, slots=True)
class Key:
    """A row of a table: the key with its path, its types, and whether it may be missing."""

    path: tuple[str, ...]
    types: tuple[str, ...]
    may_be_missing: bool


@cache
def documented() -> Mapping[str, Sequence[Key]]:
    """The keys of each command."""
    keys: dict[str, Sequence[Key]] = {}
    for section in _PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        head, _, rest = section.partition("\n")
        rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", rest, flags=re.MULTILINE)
        own = [
            Key(
                _path(path),
                tuple(types.removesuffix(", may be missing").split(" or ")),
                types.endswith(", may be missing"),
            )
            for path, types in rows
        ]
        keys |= dict.fromkeys(re.findall(r"`([^`]+)`", head), own)
    return keys


def mistakes(command: str, printed: Any) -> list[str]:
    """How a document differs from what the page says of its command; empty when it does not."""
    return list(_mistakes(documented()[command], (), printed))


def documents(printed: str) -> Iterator[Any]:
    """The JSON documents, one after another; what follows them is left out."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(printed) and printed[at] in "[{":
        document, at = decoder.raw_decode(printed, at)
        yield document
        at += len(printed[at:]) - len(printed[at:].lstrip())


def _path(written: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\[\]|<[^>]+>|[^.\[\]<>]+", written))


def _mistakes(keys: Sequence[Key], at: tuple[str, ...], value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for entry in value:
            yield from _described(keys, (*at, "[]"), entry)
            yield from _mistakes(keys, (*at, "[]"), entry)
    if not isinstance(value, dict):
        return
    if any(key.path == at and "any" in key.types for key in keys):
        return
    below = [key for key in keys if key.path[:-1] == at and key.path[-1] != "[]"]
    for name, inner in value.items():
        segment = next((key.path[-1] for key in below if key.path[-1] == name), None)
        segment = segment or next(
            (key.path[-1] for key in below if key.path[-1].startswith("<")), None
        )
        if segment is None:
            yield f"{_written((*at, name))} is not documented"
            continue
        yield from _described(keys, (*at, segment), inner)
        yield from _mistakes(keys, (*at, segment), inner)
    for key in below:
        is_free = key.path[-1].startswith("<")
        if not is_free and not key.may_be_missing and key.path[-1] not in value:
            yield f"{_written(key.path)} is missing"


def _described(keys: Sequence[Key], at: tuple[str, ...], value: Any) -> Iterator[str]:
    """Whether a value has a type that its key may have."""
    for key in keys:
        if key.path == at and not any(_is(kind, value) for kind in key.types):
            yield f"{_written(at)} is no {' or '.join(key.types)}: {value!r}"
    is_text = isinstance(value, str) and any(key.path == at and "text" in key.types for key in keys)
    if is_text and _FORMATTED.fullmatch(value):
        yield f"{_written(at)} is a number for people: {value!r}"


def _is(kind: str, value: Any) -> bool:
    match kind:
        case "any":
            return True
        case "null":
            return value is None
        case "yes/no":
            return isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "list":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
        case "text":
            return isinstance(value, str)
        case "time":
            return isinstance(value, str) and _TIME.fullmatch(value) is not None
        case "day":
            return isinstance(value, str) and _DAY.fullmatch(value) is not None
    raise AssertionError(f"docs/cli-json.md has an unknown type: {kind}")


def _written(path: tuple[str, ...]) -> str:
    return ".".join(path).replace(".[]", "[]") or "(the document)"
