"""The scripted server, for every test that needs Amazon on a socket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.amazon.scripted import Server, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running
