"""`orderbridge settlements`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
import redis
import requests

from pipeline.base.db import Sessions
from pipeline.base.lease import Leases
from pipeline.finances.settlement_file import REPORT_TYPE
from tests.cli.conftest import Run
from tests.cli.test_reconcile import connected as connected
from tests.console.test_settlements import settled
from tests.finances.settlement_files import ID, WITHOUT_ORDER, Line, a_file, sales


def test_there_is_none_yet(orderbridge: Run) -> None:
    assert orderbridge("settlements", "list").exit_code == 1
    assert orderbridge("settlements", "list", "--json").stdout == "[]\n"
    assert orderbridge("settlements", "show", ID).exit_code == 1


def test_lists_and_shows_what_differs(orderbridge: Run, sessions: Sessions) -> None:
    lines = sales(3)
    wrong = [Line(lines[0].amount + Decimal("0.01"), lines[0].order), *lines[1:]]
    settled(sessions, wrong, lines)
    assert "differs by 0.01" in orderbridge("settlements", "list").stdout
    (listed,) = json.loads(orderbridge("settlements", "list", "--json").stdout)
    assert (listed["settlement"], listed["state"], listed["difference"]) == (ID, "differs", 0.01)
    told = orderbridge("settlements", "show", ID).stdout
    assert f"Settlement {ID} differs by 0.01" in told
    assert "Order, OurPricePrincipal MUG-BLUE: 10.38 and 10.37 (line 3)" in told
    shown = json.loads(orderbridge("settlements", "show", ID, "--json").stdout)
    (difference,) = shown["differences"]
    assert (difference["order"], difference["why"]) == (lines[0].order, "amount")


def test_writes_every_row(orderbridge: Run, sessions: Sessions) -> None:
    lines = [*sales(20), *WITHOUT_ORDER]
    settled(sessions, lines, lines)
    for arguments in ([], ["--sums"]):
        text = orderbridge("settlements", "csv", ID, *arguments).stdout.removeprefix("\ufeff")
        rows = list(csv.DictReader(io.StringIO(text)))
        total = sum(Decimal(row["amount"]) for row in rows)
        assert total == sum(line.amount for line in lines)


OTHER = """
[accounts.na]
region = "NA"
shop = "main"
start_from = 2020-01-01T00:00:00Z
base_url = "{0}"
token_url = "{0}"
"""
SECRETS_OF_NA = {
    "ORDERBRIDGE_ACCOUNT_NA_CLIENT_ID": "sandbox-client",
    "ORDERBRIDGE_ACCOUNT_NA_CLIENT_SECRET": "sandbox-secret",
    "ORDERBRIDGE_ACCOUNT_NA_REFRESH_TOKEN": "Atzr|sandbox-main",
}


@pytest.fixture
def two_accounts(tmp_path: Path, connected: Run) -> Run:
    """Both see the same settlement at Amazon, with the same number."""
    config = tmp_path / "orderbridge.toml"
    text = config.read_text(encoding="utf-8")
    url = text.split('base_url = "')[2].partition('"')[0]
    config.write_text(text + OTHER.format(url), encoding="utf-8")
    report = {"report_type": REPORT_TYPE, "text": a_file(sales(3))}
    requests.post(f"{url}/_control/reports", json=report, timeout=10).raise_for_status()
    return lambda *words: connected(*words, **SECRETS_OF_NA)


@contextmanager
def at_work(redis_url: str, *accounts: str) -> Iterator[None]:
    """A worker is reading the settlements of these accounts."""
    with redis.Redis.from_url(redis_url) as broker, ExitStack() as held:
        for name in accounts:
            held.enter_context(Leases(broker, 30.0).hold(f"settlements:{name}", "a worker's task"))
        yield


def test_does_not_read_beside_a_worker_and_says_so(
    two_accounts: Run, sessions: Sessions, redis_url: str
) -> None:
    with at_work(redis_url, "eu"):
        result = two_accounts("settlements", "read", "--json")
        assert (result.exit_code, json.loads(result.stdout)) == (
            0,
            {"new": 1, "differing": 0, "busy": ["eu"]},
        )
        assert "account eu: a worker is reading its settlements" in result.stderr
        listed = json.loads(two_accounts("settlements", "list", "--json").stdout)
        assert [one["account"] for one in listed] == ["na"]
    with at_work(redis_url, "eu", "na"):
        result = two_accounts("settlements", "read")
        assert (result.exit_code, result.stdout) == (1, "")
    result = two_accounts("settlements", "read", "--account", "eu")
    assert (result.exit_code, "a worker" in result.stderr) == (0, False)
    assert result.stdout.startswith("1 new settlement(s)")
