"""The account that the tests of invoices work with."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.base.db import Sessions
from sandbox.amazon.app import create_app
from sandbox.amazon.state import open_store
from sandbox.core import make
from tests.invoices.rig import Rig

CREDENTIALS = {
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
    "refresh_token": "Atzr|sandbox-main",
}
PDF = b"%PDF-1.7 for Erika Mustermann \xff"
MINUTES = timedelta(minutes=3)
FEED = "UPLOAD_VAT_INVOICE"


@pytest.fixture
def rig(sessions: Sessions, tmp_path: Path) -> Iterator[Rig]:
    folder = tmp_path / "invoices"
    folder.mkdir()
    store = open_store(tmp_path / "amazon.sqlite")
    rig = Rig(sessions, store, "", folder)
    server = make(create_app(store, clock=rig.now), 0)
    rig.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield rig
    server.shutdown()
    thread.join()
    store.close()
