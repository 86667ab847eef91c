"""The operations page has a row for every incident that a person is told of."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.monitoring.shop_reads import Job

_PAGE = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
_FIRST_CELLS = [line.split(" | ")[0] for line in _PAGE.splitlines() if line.startswith("| `")]
_KINDS = (
    *("account", "secret", "search", "stalled", "unreadable", "notifications", "reconcile"),
    *("stock", "orders", "ship_by", "confirmations", "feeds", "read_only", "poll", "set_aside"),
    *Job,
)


@pytest.mark.parametrize("kind", _KINDS)
def test_each_kind_of_incident_has_a_row(kind: str) -> None:
    assert any(f"`{kind}:" in cell for cell in _FIRST_CELLS)
