"""The steps are tested on the real ledger."""

from __future__ import annotations

import pytest

from pipeline.db import Sessions
from tests.tasks import ledgers


@pytest.fixture(autouse=True)
def _ledger_database(sessions: Sessions) -> None:
    ledgers.use(sessions)
