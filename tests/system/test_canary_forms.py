"""The canary's search finds a mark in every form, and nothing in ordinary text."""

from __future__ import annotations

import base64
import gzip
import json
import quopri
import random
import zlib
from collections.abc import Callable
from html import escape
from urllib.parse import quote, quote_plus

import pytest

from sandbox.quoting import FORMS, magento_refusal
from tests.system.canary_marks import KINDS, PHONE, found_in, mark, marked, phone, quoted

TEXT = f"to {mark('name', 'c')} and {mark('comp', 'c', ' & ')}, {phone('c')}"
MARKS = {("name", "c"), ("comp", "c"), ("phone", "c")}


@pytest.mark.parametrize(
    "written",
    [
        str.encode,
        lambda text: text.upper().encode(),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-be"),
        lambda text: base64.b64encode(text.encode()),
        lambda text: b"key_" + base64.b64encode(text.encode()) + b"=end",
        lambda text: base64.urlsafe_b64encode(text.encode()).rstrip(b"="),
        lambda text: base64.b64encode(base64.b64encode(text.encode())),
        lambda text: quopri.encodestring(text.encode()),
        lambda text: quote(text).encode(),
        lambda text: quote_plus(text).encode(),
        lambda text: json.dumps(text).encode(),
        lambda text: json.dumps(json.dumps(text)).encode(),
        lambda text: escape(text).encode(),
        lambda text: escape(escape(text)).encode(),
        lambda text: "".join(f"&#x{ord(sign):x};" for sign in text).encode(),
        lambda text: escape(quote(text)).encode(),
        lambda text: rb"\x" + text.encode().hex().encode(),
        lambda text: b"junk" + zlib.compress(text.encode()) + b"junk",
        lambda text: gzip.compress(text.encode()),
        lambda text: base64.b64encode(zlib.compress(text.encode())),
    ],
)
def test_a_mark_is_found_in(written: Callable[[str], bytes]) -> None:
    assert found_in(b"before " + written(TEXT) + b" after") == MARKS


@pytest.mark.parametrize(
    "written", [f"{PHONE}02", "99.88.77.66.55.02", "(998) 877-66 55/02", "20" + PHONE[::-1]]
)
def test_a_phone_number_is_found_as(written: str) -> None:
    assert found_in(f"call {written}, please".encode()) == {("phone", "c")}


@pytest.mark.parametrize("form", FORMS)
def test_what_a_remote_quotes_is_found(form: str) -> None:
    said = json.dumps(magento_refusal(quoted("d"), form)).encode()
    kinds = {"name", "mail", "street", "comp", "postcode", "phone", "gift", "vat"}
    assert found_in(said) == {(kind, "d") for kind in kinds}


def test_every_mark_of_an_order_is_found() -> None:
    said = json.dumps(marked("305-0000001-0000001", "e")).encode()
    entered = {"note", "wish", "user"}
    assert found_in(said) == {(kind, "e") for kind in {*KINDS, "postcode", "phone"} - entered}


def test_nothing_is_found_where_nothing_is() -> None:
    lots = random.Random(5)  # noqa: S311 - the same bytes each time
    text = " ".join(str(lots.random()) for _ in range(20_000))
    assert found_in(text.encode() + lots.randbytes(200_000)) == set()
