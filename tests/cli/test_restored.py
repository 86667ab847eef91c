"""`orderbridge restored`: from now on the remotes are asked first."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.tables import DatabaseRestore
from tests.cli.conftest import Run


def test_it_records_a_restore(sessions: Sessions, orderbridge: Run) -> None:
    result = orderbridge("restored", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    answered_at = datetime.fromisoformat(
        json.loads(result.stdout)["looks_first_for_orders_placed_before"]
    )
    with sessions() as session:
        restore = session.scalars(
            select(DatabaseRestore).order_by(DatabaseRestore.id.desc())
        ).first()
    assert restore is not None
    assert (restore.identity, restore.noticed_at) == ("", answered_at)
    assert datetime.now(UTC) - answered_at < timedelta(minutes=1)


def test_it_says_what_it_did(orderbridge: Run) -> None:
    result = orderbridge("restored")
    assert result.exit_code == 0
    assert "are searched before each write" in result.stdout
