"""Answers of a stand-in, kept and given again, good or spoilt, without a network in between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import requests
from requests.auth import AuthBase
from requests.structures import CaseInsensitiveDict

from pipeline.base.http import Http, Method
from tests.fuzz.spoiling import Spoil


class Kept(NamedTuple):
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    content: bytes


Tape = dict[tuple[str, str], Kept]
"""Answers by method and path."""

_NOTHING = Kept(404, {"Content-Type": "application/json"}, b'{"message": "Not found"}')


def _key(method: str, url: str) -> tuple[str, str]:
    return method, url.partition("?")[0]


@dataclass(slots=True)
class Recording(Http):
    """Asks for real, and keeps what was answered."""

    tape: Tape = field(default_factory=dict)

    def _exchange(
        self, method: Method, url: str, *args: Any, **kwargs: Any
    ) -> tuple[requests.Response, bytes]:
        response, content = Http._exchange(self, method, url, *args, **kwargs)
        self.tape[_key(method, url)] = Kept(response.status_code, dict(response.headers), content)
        return response, content


@dataclass(slots=True)
class Replaying(Http):
    """Answers what is on the tape; `plan` says call by call how, and its last goes on for ever."""

    tape: Tape = field(default_factory=dict)
    plan: tuple[Spoil | None, ...] = ()
    calls: int = 0

    def _exchange(
        self,
        method: str,
        url: str,
        data: bytes | Mapping[str, str] | None,
        headers: Mapping[str, str],
        auth: AuthBase | None,
        *,
        may_repeat: bool,
    ) -> tuple[requests.Response, bytes]:
        kept = self.tape.get(_key(method, url), _NOTHING)
        spoil = self.plan[min(self.calls, len(self.plan) - 1)] if self.plan else None
        self.calls += 1
        response = requests.Response()
        response.status_code = kept.status if spoil is None else spoil.status or kept.status
        response.headers = CaseInsensitiveDict({**kept.headers, **(spoil.headers if spoil else {})})
        return response, kept.content if spoil is None else spoil.body(kept.content)
