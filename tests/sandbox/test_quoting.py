"""The stand-ins' refusals quote what they are told to quote, in each form."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from html import unescape
from urllib.parse import unquote_plus

import pytest

from sandbox.quoting import FORMS, amazon_refusal, magento_refusal
from tests.sandbox.test_magento_auth import Caller, magento, one_shop
from tests.sandbox.test_magento_orders import place

__all__ = ["magento", "one_shop"]
WORDS = "Zoë & Söhne <zoe+1@mail.example>"
READ: Mapping[str, Callable[[str], str]] = {
    "plain": str,
    "html": unescape,
    "entities": unescape,
    "url": unquote_plus,
    "unicode": lambda text: json.loads(f'"{text}"'),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_refusal_quotes_in_its_form(form: str) -> None:
    said, (error,) = magento_refusal(WORDS, form), amazon_refusal(WORDS, form)["errors"]
    if form == "parameters":
        assert said["parameters"] == {"fieldName": "lastname", "value": WORDS}
        assert (error["message"], error["details"]) == ("Invalid input.", WORDS)
    else:
        written = said["message"].removeprefix('"').removesuffix('" is not valid.')
        assert READ[form](written) == READ[form](error["details"]) == WORDS
        assert (written == WORDS) == (form == "plain")


def test_a_shop_quotes_and_a_page_shows(magento: Caller) -> None:
    route = {"route": "create_order"}
    magento.control("POST", "faults", {**route, "kind": "quote", "status": 400, "body": WORDS})
    magento.control("POST", "faults", {**route, "kind": "html", "status": 502, "body": WORDS})
    refused, page = (magento.call("POST", "orders", {"entity": {}}) for _ in range(2))
    assert (refused.status_code, refused.json()) == (400, magento_refusal(WORDS, "plain"))
    assert page.status_code == 502
    assert WORDS in unescape(page.text)
    assert place(magento)
