"""`orderbridge audit`: the security log."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from pipeline.access.audit import verify
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action, record
from pipeline.cli.common import system_user
from tests.cli.conftest import Run
from tests.security_log import rows

PASSWORD = "four words of mine"
NOW = datetime.now(UTC)


def note(sessions: Sessions, *days_ago: int) -> None:
    for days in days_ago:
        with sessions() as session, session.begin():
            record(
                session,
                at=NOW - timedelta(days=days),
                person="anna",
                address="192.0.2.1",
                action=Action.DISCLOSED,
                object="order 7",
                facts={"orders": 1},
            )


def test_what_a_command_does_to_people_is_in_it(orderbridge: Run, sessions: Sessions) -> None:
    for words, typed in (
        (("add", "Bert", "--role", "viewer"), PASSWORD),
        (("role", "bert", "operator"), ""),
        (("password", "bert"), "four other words of mine"),
        (("lock", "bert"), ""),
        (("unlock", "bert"), ""),
        (("remove", "bert"), ""),
        (("remove", "nobody"), ""),
    ):
        orderbridge("people", *words, input=typed)
    assert [(row.person, row.address, row.action, row.object) for row in rows(sessions)] == [
        (system_user(), "", action, "person Bert")
        for action in (
            *("person added", "role changed", "password changed"),
            *("locked", "unlocked", "person removed"),
        )
    ]
    assert rows(sessions)[1].facts == {"before": "viewer", "role": "operator"}
    assert PASSWORD not in orderbridge("audit", "list", "--json").stdout


def test_settings_and_restores_are_in_it(orderbridge: Run, sessions: Sessions) -> None:
    turn = ("settings", "turn", "out_of_stock", "backorder", "--account", "eu", "--why", "Karla K.")
    assert orderbridge(*turn).exit_code == 0
    assert orderbridge("restored").exit_code == 0
    assert [(row.action, row.object, row.facts) for row in rows(sessions)] == [
        ("setting changed", "out_of_stock of eu", {"before": None, "value": "backorder"}),
        ("restore reported", "", {}),
    ]


def test_it_is_listed_newest_first(orderbridge: Run, sessions: Sessions) -> None:
    assert orderbridge("audit", "list").exit_code == 1
    note(sessions, 3, 2, 1)
    listed = orderbridge("audit", "list", "--limit", "2").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["NUMBER", "3", "2"]
    assert listed[1].endswith("  192.0.2.1  personal data shown  order 7  orders 1")
    since = (NOW - timedelta(days=2, hours=1)).isoformat()
    found = orderbridge(
        *("audit", "list", "--action", "personal data shown", "--object", "order 7"),
        *("--person", "Anna", "--since", since, "--json"),
    )
    assert [row["id"] for row in json.loads(found.stdout)] == [3, 2]
    assert orderbridge("audit", "list", "--action", "seen").exit_code == 2


def test_it_is_exported_as_json_lines(orderbridge: Run, sessions: Sessions) -> None:
    note(sessions, *range(1001, 0, -1))
    lines = [json.loads(line) for line in orderbridge("audit", "export").stdout.splitlines()]
    assert [line["id"] for line in lines] == list(range(1, 1002))
    first = rows(sessions)[0]
    assert lines[0] == {
        "id": 1,
        "at": first.at.isoformat(),
        "person": "anna",
        "address": "192.0.2.1",
        "action": "personal data shown",
        "object": "order 7",
        "facts": {"orders": 1},
        "previous_hash": "00" * 32,
        "hash": first.hash.hex(),
    }
    since = (NOW - timedelta(days=1, hours=1)).isoformat()
    assert len(orderbridge("audit", "export", "--since", since).stdout.splitlines()) == 1


def test_it_is_verified(orderbridge: Run, sessions: Sessions) -> None:
    note(sessions, 2, 1)
    whole = orderbridge("audit", "verify")
    head = whole.stdout.splitlines()[-1]
    assert (whole.exit_code, head) == (0, str(verify(sessions).head))
    assert orderbridge("audit", "verify", "--head", head).exit_code == 0
    with sessions() as session, session.begin():
        for statement in (
            "ALTER TABLE security_log DISABLE TRIGGER security_log_is_append_only",
            "DELETE FROM security_log WHERE id = 2",
            "ALTER TABLE security_log ENABLE ALWAYS TRIGGER security_log_is_append_only",
        ):
            session.execute(text(statement))
    assert orderbridge("audit", "verify").exit_code == 0
    broken = orderbridge("audit", "verify", "--head", head)
    assert (broken.exit_code, broken.stdout) == (1, "")
    assert "Broken: rows 2 to 2 are missing at the end." in broken.stderr
    assert json.loads(orderbridge("audit", "verify", "--head", head, "--json").stdout) == {
        "rows": 1,
        "head": str(verify(sessions).head),
        "is_unbroken": False,
        "broken": "rows 2 to 2 are missing at the end",
    }


@pytest.mark.parametrize("head", ["1", "x:00", "1:00", f"-1:{'00' * 32}"])
def test_what_is_no_head_is_refused(orderbridge: Run, head: str) -> None:
    assert orderbridge("audit", "verify", f"--head={head}").exit_code == 2


def test_old_rows_are_pruned_and_the_rest_stays_whole(orderbridge: Run, sessions: Sessions) -> None:
    note(sessions, 402, 401, 399)
    dry = orderbridge("audit", "prune", "--dry-run")
    assert dry.stdout == "2 rows older than 400 days would be deleted.\n"
    assert orderbridge("audit", "prune").stdout == "2 rows older than 400 days deleted.\n"
    assert [row.id for row in rows(sessions)] == [3, 4]
    assert rows(sessions)[-1].person == system_user()
    assert orderbridge("audit", "verify").exit_code == 0
