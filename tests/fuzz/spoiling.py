"""Good answers made bad: keys dropped, other types, numbers beyond reason, bytes that are no JSON.

A `Spoil` says what happens to an answer, so that Hypothesis can draw and shrink it; `Spoiler`
stands between a stand-in and its server and does it to what the stand-in answers.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from pipeline.base.errors import CannotMap, RemoteError

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

LONGER = int(os.environ.get("ORDERBRIDGE_FUZZ", "1"))
"""How many times longer than usual to look; more than once also looks somewhere else each time."""


def looked_for(examples: int) -> settings:
    """So many examples, always the same ones unless somebody asks for more."""
    return settings(
        max_examples=examples * LONGER,
        derandomize=LONGER == 1,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def can_be_kept(error: RemoteError | CannotMap) -> None:
    """What a remote said ends on the timeline: short enough, and nothing the database refuses."""
    for text in (str(error), error.code, getattr(error, "request_id", "")):
        assert len(text) < 1500
        assert "\x00" not in text
        text.encode()


class Raw(str):
    """Written into the JSON as it is."""


# Long, and not to be packed any smaller: what an index of the database has no room for.
LONG = "".join(random.Random(1).choices(string.ascii_letters, k=5000))  # noqa: S311

DROPPED, TWICE, WRAPPED, DEEP = Raw("dropped"), Raw("twice"), Raw("wrapped"), Raw("deep")
JUNK: Sequence[Any] = (
    *(DROPPED, TWICE, WRAPPED, DEEP),
    *(None, True, False, 0, 1, -1, 2, 7, 0.5, 2**31, 2**63, 10**25),
    *(Raw("1e400"), Raw("1e999999999"), Raw("-1E-999999999"), Raw("1e99999999999999999999")),
    *(Raw("9" * 4000), Raw("0." + "1" * 500), Raw("999999999999999.9999"), Raw("0e999999")),
    *("", " ", "0", "-1", "2.0", "1e999999999", "NaN", "Infinity", "19.99999", "９", "²"),
    *("999999999999999.99", "-0", LONG, "a\x00b", "\ud800", "😀", "<script>", "%1 %s {0}"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z"),
    *("1970-01-01", "9999-12-31 23:59:59", "\u202e\u2028", "../../etc", "http://[::1"),
    *("PENDING", "SHIPPED", "CANCELLED", "closed", "holded", "configurable", "EUR", "XXX", "JPY"),
    *([], {}, [None], [[]], [{}], {"": ""}, {"a\x00": "\ud800"}, [1, "1", {}, []], {"id": "x"}),
)


@dataclass(frozen=True)
class Spoil:
    """What happens to an answer: edits of its JSON, then one thing to its bytes, and its status."""

    edits: tuple[tuple[int, int], ...] = ()
    damage: str = "none"
    at: int = 0
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, content: bytes) -> bytes:
        """The bytes that go out in place of these."""
        try:
            value = json.loads(content)
        except ValueError:
            return DAMAGES[self.damage](content, self.at)
        return DAMAGES[self.damage](written(self.edited(value)), self.at)

    def edited(self, value: Any) -> Any:
        """The JSON value with the edits made, one after the other; the given one stays."""
        for where, which in self.edits:
            places = list(_places(value))
            path, junk = places[where % len(places)], JUNK[which % len(JUNK)]
            value = _with(value, path, junk)
        return value


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for name in value:
            yield from _places(value[name], (*path, name))
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from _places(one, (*path, place))


def _with(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return _spoilt(value, junk)
    first, rest = path[0], path[1:]
    result = dict(value) if isinstance(value, dict) else list(value)
    if not rest and junk is DROPPED:
        del result[first]
    elif not rest and junk is TWICE and isinstance(result, list):
        result.insert(first, result[first])
    else:
        result[first] = _with(result[first], rest, junk)
    return result


def _spoilt(value: Any, junk: Any) -> Any:
    if junk is WRAPPED:
        return {"0": value} if isinstance(value, list) else [value]
    if junk is DEEP:
        deep: Any = value
        for _ in range(300):
            deep = [deep]
        return deep
    if junk is TWICE:
        return str(value) if isinstance(value, int | float) else [value, value]
    return None if junk is DROPPED else junk


def written(value: Any) -> bytes:
    """As JSON; `Raw` without quotes, so also what Python would never write."""
    if isinstance(value, Raw | Decimal):
        return str(value).encode()
    if isinstance(value, dict):
        pairs = (json.dumps(name).encode() + b":" + written(value) for name, value in value.items())
        return b"{" + b",".join(pairs) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(written, value)) + b"]"
    return json.dumps(value).encode()


def _doubled_keys(content: bytes, at: int) -> bytes:
    """The object's keys once more, with other values: the last one counts, if any."""
    if not content.startswith(b"{"):
        return content
    names = list(json.loads(content))
    extra = b"".join(b"," + json.dumps(one).encode() + b":" + b"[7]" for one in names[: at % 4])
    return content[:-1] + extra + b"}"


def _scrambled(content: bytes, at: int) -> bytes:
    rng, result = random.Random(at), bytearray(content)  # noqa: S311 - the same for the same `at`
    for _ in range(rng.randint(1, 8)):
        if result:
            result[rng.randrange(len(result))] = rng.randrange(256)
    return bytes(result)


DAMAGES: Mapping[str, Callable[[bytes, int], bytes]] = {
    "none": lambda content, _: content,
    "cut": lambda content, at: content[: at % (len(content) + 1)],
    "empty": lambda _, __: b"",
    "page": lambda _, __: b"<!doctype html><html><body>Just a moment...</body></html>",
    "byte order mark": lambda content, _: b"\xef\xbb\xbf" + content,
    "UTF-16": lambda content, _: content.decode(errors="replace").encode("utf-16"),
    "Latin-1": lambda content, _: content + "ü".encode("latin-1"),
    "endless nesting": lambda _, __: b'{"items":' * 10_000,
    "deep": lambda content, _: b"[" * 10_000 + content + b"]" * 10_000,
    "not a number": lambda content, _: content.replace(b":", b":NaN,", 1),
    "zeros": lambda content, _: b"\x00" * len(content),
    "keys twice": _doubled_keys,
    "scrambled": _scrambled,
    "packed": lambda content, _: gzip.compress(content),
    "packed and damaged": lambda content, at: _scrambled(gzip.compress(content), at),
}

HEADERS: Sequence[Mapping[str, str]] = (
    {},
    {"Content-Type": "text/plain"},
    {"Content-Type": "text/html; charset=x-unknown"},
    {"Content-Type": ""},
    {"Content-Encoding": "gzip"},
    {"Content-Encoding": "br, zstd, nonsense"},
    {"Date": "Fri, 31 Dec 9999 23:59:59 -2359"},
    {"Date": "Mon, 01 Jan 0001 00:00:00 +0000"},
    {"Date": "yesterday"},
    {"Retry-After": "9" * 400},
    {"Retry-After": "-5"},
    {"Retry-After": "Mon, 01 Jan 2399 00:00:00 GMT"},
    {"x-amzn-RateLimit-Limit": "nan"},
    {"x-amzn-RateLimit-Limit": "1e-400"},
    {"x-amzn-RateLimit-Limit": "1e308"},
    {"x-amzn-RequestId": "\x01" + "r" * 3000},
    {"x-amzn-ErrorType": "é\x02"},
    {"Location": "http://[::1"},
)
STATUSES = (200, 201, 202, 204, 206, 302, 400, 401, 403, 404, 409, 422, 429, 500, 503, 599)


EDITS = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, len(JUNK) - 1)), min_size=1, max_size=3
).map(tuple)
SPOILS: st.SearchStrategy[Spoil] = st.one_of(
    st.builds(Spoil, edits=EDITS),
    st.builds(Spoil, edits=EDITS, headers=st.sampled_from(HEADERS)),
    st.builds(Spoil, damage=st.sampled_from(tuple(DAMAGES)), at=st.integers(0, 5000)),
    st.builds(Spoil, edits=EDITS, status=st.sampled_from(STATUSES)),
)
"""Answers whose JSON is odd, or which are no JSON, or other answers altogether."""

PLANS = st.tuples(st.integers(0, 2), st.lists(SPOILS, min_size=1, max_size=2)).map(
    lambda drawn: (*(None,) * drawn[0], *drawn[1])
)
"""None or a few good answers, then spoilt ones."""


class Spoiler:
    """Answers what a stand-in answers, but for the answers that a test has spoilt.

    `plan` says by the count of calls since `begin` which ones; the last goes on for ever.
    """

    def __init__(self, inner: WSGI) -> None:
        self._inner = inner
        self.begin()

    def begin(self, *plan: Spoil | None, only: str = "") -> None:
        """From now on these happen to the answers of paths that hold `only`."""
        self._plan, self._only = plan, only
        self.calls = 0

    def _next(self, path: str) -> Spoil | None:
        if "/_control" in path or self._only not in path or not self._plan:
            return None
        place = min(self.calls, len(self._plan) - 1)
        self.calls += 1
        return self._plan[place]

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        spoil = self._next(environ["PATH_INFO"])
        if spoil is None:
            return self._inner(environ, start)
        told: list[Any] = []
        content = b"".join(self._inner(environ, lambda *args: told.extend(args)))
        status, headers = told[0], dict(told[1])
        body = spoil.body(content)
        status = f"{spoil.status} Whatever" if spoil.status else status
        headers = {**headers, **spoil.headers, "Content-Length": str(len(body))}
        start(status, list(headers.items()))
        return [body]
