"""What the tests of `orderbridge simulate` share: an order, and reading what is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from click.testing import Result

from sandbox.amazon.builders import a_line, an_order

NUMBER = "302-0000001-0000001"
PLACED_AT = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
CONFIGURATION = """
[shops.main]
base_url = "https://shop.example/"

[accounts.eu]
region = "EU"
shop = "main"
start_from = 2026-01-01T00:00:00Z

[accounts.eu.settings]
{settings}
"""

Simulate = Callable[..., Result]


def a_raw(**changes: Any) -> dict[str, Any]:
    """Two blue mugs of 10.00 with shipping and tax, as Amazon sends them."""
    lines = changes.pop("lines", [a_line("MUG-BLUE", 2, shipping="4.99", tax="3.80")])
    return an_order(changes.pop("number", NUMBER), lines=lines, created_at=PLACED_AT, **changes)


def told(result: Result) -> dict[str, Any]:
    (order,) = json.loads(result.stdout)["orders"]
    assert isinstance(order, dict)
    return order


def kinds(order: dict[str, Any]) -> list[str]:
    return [request["what"] for step in order["steps"] for request in step["requests"]]


def body_of(order: dict[str, Any], what: str) -> Any:
    (body,) = [
        request["body"]
        for step in order["steps"]
        for request in step["requests"]
        if request["what"] == what
    ]
    return body


def last(order: dict[str, Any]) -> tuple[str, str, str]:
    step = order["steps"][-1]
    return step["step"], step["end"], step["code"]
