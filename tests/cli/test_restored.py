"""`orderbridge restored`: from now on the remotes are asked first."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.tables import DatabaseLife
from tests.cli.conftest import Run


def test_it_begins_a_life(sessions: Sessions, orderbridge: Run) -> None:
    result = orderbridge("restored", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    told = datetime.fromisoformat(json.loads(result.stdout)["looks_first_for_orders_placed_before"])
    with sessions() as session:
        life = session.scalars(select(DatabaseLife).order_by(DatabaseLife.id.desc())).first()
    assert life is not None
    assert (life.identity, life.began_at) == ("", told)
    assert datetime.now(UTC) - told < timedelta(minutes=1)


def test_it_says_what_it_did(orderbridge: Run) -> None:
    result = orderbridge("restored")
    assert result.exit_code == 0
    assert "are searched before each write" in result.stdout
