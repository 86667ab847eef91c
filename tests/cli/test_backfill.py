"""`orderbridge backfill`: what it would take, starting, following and stopping one."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from click.testing import Result
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.intake.tables import Backfill, ToFetch
from tests.builders import an_order, stored
from tests.cli.conftest import Run

JANUARY = ("--from", "2026-01-01", "--to", "2026-02-01")
KNOWN, UNKNOWN = "028-1111111-1111111", "028-2222222-2222222"


def facts(result: Result) -> dict[str, object]:
    assert (result.exit_code, result.stderr) == (0, "")
    answer: dict[str, object] = json.loads(result.stdout)
    return answer


def test_a_dry_run_of_a_period_says_that_the_pages_are_unknown(
    sessions: Sessions, orderbridge: Run
) -> None:
    stored(sessions, an_order(purchased_at=datetime(2026, 1, 15, tzinfo=UTC)))
    facts_shown = facts(orderbridge("backfill", "--account", "eu", *JANUARY, "--dry-run", "--json"))
    assert facts_shown["orders_known"] == 1
    assert facts_shown["calls"] is None
    assert facts_shown["takes_for_1000_s"] == 0
    assert facts_shown["takes_for_10000_s"] == pytest.approx(4.5 * 3600, rel=0.02)
    words = orderbridge("backfill", "--account", "eu", *JANUARY, "--dry-run").stdout
    assert re.findall(r"hours for [\d,]+ orders +([\d.]+)", words) == ["0.0", "4.5"]
    with sessions() as session:
        assert session.scalars(select(Backfill)).all() == []


def test_a_dry_run_of_orders_by_number_counts_the_calls(
    sessions: Sessions, orderbridge: Run
) -> None:
    stored(sessions, an_order(external_id=KNOWN))
    facts_shown = facts(
        orderbridge(
            *("backfill", "--account", "eu", "--ids", "-", "--dry-run", "--json"),
            input=f"{KNOWN}\n{UNKNOWN}, {UNKNOWN}\n",
        )
    )
    assert facts_shown == {
        "account": "eu",
        "orders": 2,
        "orders_known": 1,
        "orders_to_import": 1,
        "calls": 2,
        "takes_s": 0.0,
    }


def test_a_period_is_started_once_and_can_be_stopped(sessions: Sessions, orderbridge: Run) -> None:
    begun = orderbridge("backfill", "--account", "eu", *JANUARY)
    assert (begun.exit_code, begun.stdout[:16]) == (0, "Backfill 1 runs.")
    again = orderbridge("backfill", "--account", "eu", *JANUARY)
    assert again.exit_code == 1
    assert "account eu has a backfill that still runs" in again.stderr
    [row] = json.loads(orderbridge("backfill", "status", "--json").stdout)
    assert (row["state"], row["from"]) == ("running", "2026-01-01T00:00:00+00:00")
    assert orderbridge("backfill", "stop", "1").stdout == "Backfill 1 is stopped.\n"
    assert orderbridge("backfill", "stop", "1").exit_code == 1
    assert orderbridge("backfill", "--account", "eu", *JANUARY).exit_code == 0


def test_orders_by_number_are_left_to_be_fetched_until_it_is_stopped(
    sessions: Sessions, orderbridge: Run
) -> None:
    orderbridge("backfill", "--account", "eu", "--ids", "-", input=f"{KNOWN} {UNKNOWN}")
    with sessions() as session:
        rows = session.scalars(select(ToFetch)).all()
    assert {(row.external_id, row.lane, row.backfill_id) for row in rows} == {
        (KNOWN, "backfill", 1),
        (UNKNOWN, "backfill", 1),
    }
    assert "2 orders, 2 left" in orderbridge("backfill", "status").stdout
    orderbridge("backfill", "stop", "1")
    with sessions() as session:
        assert session.scalars(select(ToFetch)).all() == []


def test_there_has_been_none(orderbridge: Run) -> None:
    assert orderbridge("backfill", "status").stdout == "There has been no backfill yet.\n"
    assert orderbridge("backfill", "status", "--json").stdout == "[]\n"


@pytest.mark.parametrize(
    ("words", "given", "sentence"),
    [
        ((), "", "--account is needed"),
        (("--account", "eu"), "", "a period needs --from and --to; or give --ids"),
        (("--account", "us", *JANUARY), "", "there is no [accounts.us]"),
        (("--account", "eu", "--from", "yesterday"), "", "write it as 2026-01-31"),
        (("--account", "eu", "--from", "2026-02-01", "--to", "2026-01-01"), "", "later than"),
        (("--account", "eu", "--from", "2026-02-01", "--to", "2999-01-01"), "", "minutes ago"),
        (("--account", "eu", "--ids", "-", *JANUARY), KNOWN, "not both"),
        (("--account", "eu", "--ids", "-"), "", "--ids holds no order number"),
        (("--account", "eu", "--ids", "-"), f"{KNOWN} berta@buyer", "entry 2 of --ids is no"),
        (("--account", "eu", *JANUARY, "--probe"), "", "--probe needs --dry-run"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(
    orderbridge: Run, words: tuple[str, ...], given: str, sentence: str
) -> None:
    result = orderbridge("backfill", *words, input=given)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr
    assert "berta" not in result.stderr
