"""No id in any address is beyond what the database is asked for: such a thing is not found."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from flask import Flask

from pipeline.console.row_id_converter import RowId
from pipeline.operations.lists.sorting import NEWEST_FIRST, Place
from tests.console.conftest import SignedIn

BEYOND = [
    *("9223372036854775808", "99999999999999999999", "1" * 5000),
    *("-1", "1.5", "٣", "0x1", "1e3"),
]
PART = re.compile(r"<[^>]+>")


def test_every_number_in_a_path_is_a_rows_id(app: Flask) -> None:
    """A converter of another kind would ask the database for any number."""
    kinds = {
        type(converter).__name__
        for rule in app.url_map.iter_rules()
        for converter in rule._converters.values()
    }
    assert kinds - {"PathConverter", "UnicodeConverter"} == {RowId.__name__}


@pytest.mark.parametrize("number", BEYOND)
def test_an_id_that_no_row_can_have_is_not_found(
    app: Flask, browser: SignedIn, number: str
) -> None:
    asked = 0
    for rule in app.url_map.iter_rules():
        if any(isinstance(converter, RowId) for converter in rule._converters.values()):
            ask = browser.get if "GET" in (rule.methods or ()) else browser.post
            assert ask(PART.sub(number, rule.rule)).status_code == 404, rule.rule
            asked += 1
    assert asked > 15


@pytest.mark.parametrize("number", ["1234567", "9223372036854775807"])
def test_an_id_that_no_row_has_is_not_found_either(
    app: Flask, browser: SignedIn, number: str
) -> None:
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and "<row_id:" in rule.rule:
            assert browser.get(PART.sub(number, rule.rule)).status_code == 404, rule.rule


@pytest.mark.parametrize("name", ["after", "before"])
@pytest.mark.parametrize("number", BEYOND[:4])
def test_a_place_in_the_list_that_no_order_can_have_is_damaged(
    browser: SignedIn, name: str, number: str
) -> None:
    with pytest.raises(ValueError, match="not a place"):
        Place.parse(f"~{number}", NEWEST_FIRST)
    for value in (f"~{number}", f"2026-03-10T12:00:00+00:00~{number}"):
        assert browser.get(f"/orders?{urlencode({name: value})}").status_code == 400


@pytest.mark.parametrize("number", BEYOND)
@pytest.mark.parametrize("name", ["after", "freed"])
def test_the_sku_map_begins_at_its_start_where_a_key_is_none(
    browser: SignedIn, name: str, number: str
) -> None:
    assert browser.get(f"/sku-map?{urlencode({name: number})}").status_code == 200


@pytest.mark.parametrize("number", BEYOND)
def test_a_ticked_order_that_no_row_can_be_is_no_order(browser: SignedIn, number: str) -> None:
    query = urlencode({"act": "release", "order": number})
    assert browser.get(f"/bulk/new?{query}").status_code == 400
