"""`orderbridge alerts test`, to a real webhook."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import NO_DATABASE, environment, runner
from tests.remote import Behaviour, Remote, answer


@pytest.mark.parametrize(
    ("behaviour", "status", "word"),
    [(answer(b"ok"), 0, "taken"), (answer(b"no", 403), 1, "failed: HTTP 403")],
)
def test_a_test_is_told_and_its_end_shown(
    tmp_path: Path, behaviour: Behaviour, status: int, word: str
) -> None:
    variables = environment(tmp_path, NO_DATABASE)
    path = tmp_path / "orderbridge.toml"
    path.write_text(path.read_text() + "\n[alerts]\nwebhook = true\n", encoding="utf-8")
    run = runner(variables)
    with Remote(behaviour) as remote:
        result = run("alerts", "test", "--json", ORDERBRIDGE_ALERTS_WEBHOOK_URL=remote.url)
    assert (result.exit_code, json.loads(result.stdout)) == (status, {"webhook": word})
    assert json.loads(remote.bodies[0]) == {"text": "Orderbridge: this is a test, nothing is wrong"}
    without = run("alerts", "test")
    assert without.exit_code == 2
    assert "ORDERBRIDGE_ALERTS_WEBHOOK_URL" in without.stderr


def test_without_a_way_there_is_nothing_to_test(tmp_path: Path) -> None:
    result = runner(environment(tmp_path, NO_DATABASE))("alerts", "test")
    assert (result.exit_code, "neither webhook nor mail is configured" in result.stderr) == (
        1,
        True,
    )
