"""The steps are tested on the real ledger, and with a shop over HTTP where a test asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.base.db import Sessions
from tests.magento.standing_in import StandIn, standing_in
from tests.tasks import ledgers


@pytest.fixture(autouse=True)
def _ledger_database(sessions: Sessions) -> None:
    ledgers.use(sessions)


@pytest.fixture(scope="session")
def one_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """The Magento stand-in of this process; whoever uses it resets it first."""
    with standing_in(tmp_path_factory.mktemp("shop")) as shop:
        yield shop
