"""`orderbridge purge --order`, `--account`, `--buyer`: what it says, asks and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.db import Sessions
from pipeline.orders.tables import Order, Status
from tests.builders import ACCOUNT, loaded
from tests.buyers_orders import HELD, MAIL, kept, taken_in
from tests.cli.conftest import Run


def number(sessions: Sessions, order_id: int) -> str:
    return loaded(sessions, order_id).external_id


def test_a_dry_run_tells_the_orders(sessions: Sessions, orderbridge: Run) -> None:
    ended, held = taken_in(sessions), taken_in(sessions, **HELD)
    result = orderbridge("purge", "--account", ACCOUNT, "--dry-run")
    assert (result.exit_code, result.stdout) == (
        0,
        f"1 order would be purged:\n  {number(sessions, ended)}\n"
        "1 order left, not in Magento yet (--also-live ends and purges them):\n"
        f"  {number(sessions, held)}\n",
    )
    assert kept(sessions) == [ended, held]


def test_it_purges_an_order_and_proves_it(sessions: Sessions, orderbridge: Run) -> None:
    wanted, other = taken_in(sessions), taken_in(sessions)
    name = number(sessions, wanted)
    result = orderbridge("purge", "--order", name, "--why", "request 17", "--yes")
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            "1 order purged:",
            f"  {name}",
            "Read back: no key, sealed data or hash is left of 1 order.",
            "PostgreSQL's statistics hold none of it.",
            "The old versions of the rows were vacuumed.",
        ],
    )
    assert kept(sessions) == [other]
    shown = orderbridge("orders", "show", name)
    assert "destroyed the buyer's data on demand: request 17" in shown.stdout


@pytest.mark.parametrize("way", ["standard input", "file", "file on standard input"])
def test_a_buyer_is_not_named_in_an_argument(
    sessions: Sessions, orderbridge: Run, tmp_path: Path, way: str
) -> None:
    order_id = taken_in(sessions)
    (tmp_path / "buyer").write_text(f"{MAIL}\n")
    words, given = {
        "standard input": (["--buyer"], MAIL),
        "file": (["--buyer-file", str(tmp_path / "buyer")], ""),
        "file on standard input": (["--buyer-file", "-"], MAIL),
    }[way]
    result = orderbridge("purge", *words, "--yes", "--json", input=given)
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "purged": [number(sessions, order_id)],
        "left_live": [],
        "left_busy": [],
        "proof": {
            "orders_checked": 1,
            "orders_with_data": [],
            "columns_in_statistics": [],
            "old_rows_vacuumed": True,
            "nothing_left": True,
        },
    }


def test_a_buyers_file_is_text_in_utf_8(
    sessions: Sessions, orderbridge: Run, tmp_path: Path
) -> None:
    order_id, path = taken_in(sessions), tmp_path / "buyer"
    path.write_text(MAIL, encoding="utf-16")
    refused = orderbridge("purge", "--buyer-file", str(path), "--yes")
    assert (refused.exit_code, kept(sessions)) == (2, [order_id])
    assert "no text in UTF-8" in refused.stderr
    path.write_text(MAIL, encoding="utf-8-sig")  # as some editors save it
    assert orderbridge("purge", "--buyer-file", str(path), "--yes").exit_code == 0
    assert kept(sessions) == []


def test_what_is_left_is_told_by_the_exit_status(sessions: Sessions, orderbridge: Run) -> None:
    held = taken_in(sessions, **HELD)
    left = orderbridge("purge", "--account", ACCOUNT, "--yes")
    assert (left.exit_code, kept(sessions)) == (1, [held])
    gone = orderbridge("purge", "--account", ACCOUNT, "--yes", "--also-live")
    assert (gone.exit_code, kept(sessions)) == (0, [])
    again = orderbridge("purge", "--account", ACCOUNT, "--yes")
    assert (again.exit_code, again.stderr) == (1, "Error: no order with personal data matches\n")


def test_it_is_not_done_without_a_yes(sessions: Sessions, orderbridge: Run) -> None:
    order_id = taken_in(sessions)
    result = orderbridge("purge", "--account", ACCOUNT, input="y\n")
    assert (result.exit_code, kept(sessions)) == (2, [order_id])
    assert "give --yes" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--order", "1", "--account", "eu"],
        ["--buyer", "--account", "eu"],
        ["--also-live"],
        ["--yes"],
        ["--why", "so"],
        ["--buyer", "--yes"],
    ],
)
def test_what_makes_no_sense_is_refused(
    sessions: Sessions, orderbridge: Run, words: list[str]
) -> None:
    taken_in(sessions)
    result = orderbridge("purge", *words, input="\n")
    assert (result.exit_code, len(kept(sessions))) == (2, 1)


def test_a_reason_that_is_no_text_is_refused(sessions: Sessions, orderbridge: Run) -> None:
    order_id = taken_in(sessions)
    result = orderbridge("purge", "--account", ACCOUNT, "--yes", "--why", "a\udcff")
    assert (result.exit_code, kept(sessions)) == (2, [order_id])
    assert "the reason is the number of a request" in result.stderr


def test_an_unknown_order_is_not_found(orderbridge: Run) -> None:
    assert orderbridge("purge", "--order", "028-0000000-9999999", "--yes").exit_code == 1


def facts(order: Order) -> dict[str, Any]:
    return {"status": order.status, "hold_code": order.hold_code}


def test_an_order_keeps_its_own_state(sessions: Sessions, orderbridge: Run) -> None:
    order_id = taken_in(sessions, status=Status.CANCELLED, step="create_order")
    before = facts(loaded(sessions, order_id))
    assert orderbridge("purge", "--account", ACCOUNT, "--yes").exit_code == 0
    assert facts(loaded(sessions, order_id)) == before
