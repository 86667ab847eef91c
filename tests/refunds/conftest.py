"""The account that the tests of refunds share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.base.db import Sessions
from sandbox.amazon.app import create_app
from sandbox.amazon.state import Options, open_store
from sandbox.core import make
from tests.refunds.rig import Clock, Rig


@pytest.fixture
def rig(sessions: Sessions, tmp_path: Path) -> Iterator[Rig]:
    clock = Clock()
    store = open_store(tmp_path / "amazon.sqlite")
    server = make(create_app(store, Options(), clock=clock), 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Rig(sessions, store, f"http://127.0.0.1:{server.server_port}", clock)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        store.close()
