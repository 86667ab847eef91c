"""`orderbridge settings accept-copy`: the database belongs to what the configuration names."""

from __future__ import annotations

import json

from pipeline.base.db import Sessions
from pipeline.monitoring.tables import Belonging
from tests.builders import NOW
from tests.cli.conftest import Run


def test_a_changed_address_is_accepted_once(orderbridge: Run, sessions: Sessions) -> None:
    with sessions() as session, session.begin():
        session.add(Belonging(name="shops.main", value="old.example", noted_at=NOW, noted_by=""))
    result = orderbridge("settings", "accept-copy", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (
        0,
        [{"name": "shops.main", "before": "old.example", "now": "shop.example"}],
    )
    again = orderbridge("settings", "accept-copy")
    assert (again.exit_code, again.stdout) == (1, "Nothing had changed.\n")
