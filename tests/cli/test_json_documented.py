"""docs/cli-json.md: every command has its keys there, and what is printed is compared with them.

The runners of conftest.py compare each document that any test of a command makes it print.
"""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.base.db import Sessions
from tests.cli.conftest import Run
from tests.cli.documented import documented, documents, mistakes
from tests.cli.test_json_everywhere import LEAVES, WITHOUT_JSON
from tests.console.builders import a_held_order, a_shipped_order, store

_BACKFILL = {
    **{"id": 1, "account": "eu", "author": "x", "state": "running", "from": None, "to": None},
    **{"asked": 3, "left": 1, "orders_read": 2, "orders_new": 2, "calls": 2, "trouble": None},
    **{"created_at": "2026-03-31T09:30:00+00:00", "ended_at": None},
}


@pytest.mark.parametrize("command", sorted(LEAVES.keys() - WITHOUT_JSON.keys()))
def test_each_command_has_its_keys_on_the_page(command: str) -> None:
    assert documented()[command]


def test_the_page_has_no_command_that_is_gone() -> None:
    assert documented().keys() <= LEAVES.keys() - WITHOUT_JSON.keys()


@pytest.mark.parametrize(
    ("changed", "mistake"),
    [
        ({}, []),
        ({"more": 1}, ["[].more is not documented"]),
        ({"calls": "2"}, ["[].calls is no number: '2'"]),
        ({"calls": True}, ["[].calls is no number: True"]),
        ({"created_at": "2026-03-31 09:30"}, ["[].created_at is no time: '2026-03-31 09:30'"]),
        ({"trouble": "41.97 EUR"}, ["[].trouble is a number for people: '41.97 EUR'"]),
        ({"trouble": "1:02:03"}, ["[].trouble is a number for people: '1:02:03'"]),
        ({"trouble": "2.5 s"}, ["[].trouble is a number for people: '2.5 s'"]),
        ({"trouble": "1,234.50"}, ["[].trouble is a number for people: '1,234.50'"]),
    ],
)
def test_what_differs_from_the_page_is_seen(changed: dict[str, Any], mistake: list[str]) -> None:
    assert mistakes("backfill status", [{**_BACKFILL, **changed}]) == mistake


def test_a_key_that_is_gone_is_seen() -> None:
    less = {name: value for name, value in _BACKFILL.items() if name != "calls"}
    assert mistakes("backfill status", [less]) == ["[].calls is missing"]
    assert mistakes("backfill", {}) == []


def test_each_of_several_documents_is_read() -> None:
    assert list(documents('[1]\n{"a": 2}\n')) == [[1], {"a": 2}]
    assert list(documents("nothing\n")) == []


def test_amounts_and_durations_are_numbers(orderbridge: Run, sessions: Sessions) -> None:
    store(sessions, a_held_order(1), a_shipped_order(2))
    [shown] = documents(orderbridge("orders", "show", "2", "--json").stdout)
    assert shown["grand_total"] == 41.97
    assert shown["total_proof"]["grand_total"] == 41.97
    assert {type(event["lasted_s"]) for event in shown["timeline"]} <= {float, type(None)}
    [well] = documents(orderbridge("health", "--json").stdout)
    assert {"lag_s"} <= well["accounts"][0].keys()
    assert "oldest_personal_data_s" in well
