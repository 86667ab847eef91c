"""`/`: Today, the first page."""

from __future__ import annotations

import pytest

from tests.console.conftest import SignedIn


@pytest.mark.parametrize(
    "query", ["status=held&sort=ship_by", "_external=1&_scheme=ftp", "sku=MUG+%26+CO&fragment=1"]
)
def test_an_old_bookmark_of_the_list_leads_to_the_list(viewer: SignedIn, query: str) -> None:
    reply = viewer.get(f"/?{query}")
    assert (reply.status_code, reply.headers["Location"]) == (302, f"/orders?{query}")
