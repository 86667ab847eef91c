"""What a search asked for, and a page of an answer."""

from __future__ import annotations

from typing import Any

from tests.magento.conftest import Asked


def filters(asked: Asked) -> list[tuple[str, str, str]]:
    """Field, condition and value of every filter, in order."""
    stem = "searchCriteria[filterGroups]"
    names = [name for name in asked.query if name.startswith(stem) and name.endswith("[field]")]
    return [
        (
            asked.query[name],
            asked.query[name.replace("[field]", "[conditionType]")],
            asked.query[name.replace("[field]", "[value]")],
        )
        for name in names
    ]


def page_of(asked: Asked) -> tuple[str, str, str]:
    return (
        asked.query["searchCriteria[sortOrders][0][field]"],
        asked.query["searchCriteria[currentPage]"],
        asked.query["searchCriteria[pageSize]"],
    )


def a_page(*items: dict[str, Any], total: int | None = None) -> dict[str, Any]:
    return {"items": list(items) or None, "total_count": len(items) if total is None else total}
