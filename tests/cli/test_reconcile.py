"""`orderbridge reconcile`, `explain` and `replay`, against both stand-ins and what is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.cli import main
from pipeline.monitoring.reconcile.tables import Difference, Reconciliation
from pipeline.orders.tables import Note, Order
from sandbox.amazon.app import create_app as create_amazon
from sandbox.amazon.builders import a_line
from sandbox.amazon.builders import an_order as amazons_order
from sandbox.amazon.state import open_store
from sandbox.core import Store
from sandbox.magento.app import create_app as create_magento
from sandbox.magento.schema import SCHEMA
from tasks.command import steps
from tests.cli.conftest import MASTER_KEY, Run, checked
from tests.console.builders import a_held_order, store
from tests.tasks.cancelling.test_cancelled_by_seller import served

NUMBER = "028-0000001-0000001"
HELD = "303-0000000-0000001"
CONFIGURATION = """
[shops.main]
base_url = "{magento}"
auth = "oauth"

[accounts.eu]
region = "EU"
shop = "main"
start_from = 2020-01-01T00:00:00Z
base_url = "{amazon}"
token_url = "{amazon}"
"""
SECRETS = {
    "ORDERBRIDGE_SHOP_MAIN_ACCESS_TOKEN": "sandbox-at",
    "ORDERBRIDGE_SHOP_MAIN_ACCESS_TOKEN_SECRET": "sandbox-ats",
    "ORDERBRIDGE_SHOP_MAIN_CONSUMER_KEY": "sandbox-ck",
    "ORDERBRIDGE_SHOP_MAIN_CONSUMER_SECRET": "sandbox-cs",
    "ORDERBRIDGE_ACCOUNT_EU_CLIENT_ID": "sandbox-client",
    "ORDERBRIDGE_ACCOUNT_EU_CLIENT_SECRET": "sandbox-secret",
    "ORDERBRIDGE_ACCOUNT_EU_REFRESH_TOKEN": "Atzr|sandbox-main",
    "ORDERBRIDGE_MASTER_KEY": MASTER_KEY,
}


@pytest.fixture
def connected(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Run]:
    """Runs `orderbridge WORD...` where both remotes answer; an order has been placed two hours ago
    that nobody has read."""
    amazon, shop = open_store(tmp_path / "amazon.sqlite"), Store(tmp_path / "shop.sqlite", SCHEMA)
    with (
        served(create_amazon(amazon)) as amazon_url,
        served(create_magento(shop, bearer=False)) as magento_url,
    ):
        for what, body in (
            ("clock", {"offset_s": -7200}),
            ("orders", {"order": amazons_order(NUMBER, lines=[a_line("MUG-BLUE")])}),
            ("clock", {"offset_s": 0}),
        ):
            url = f"{amazon_url}/_control/{what}"
            requests.post(url, json=body, timeout=10).raise_for_status()
        config = tmp_path / "orderbridge.toml"
        config.write_text(
            CONFIGURATION.format(amazon=amazon_url, magento=magento_url), encoding="utf-8"
        )
        environment = {
            **SECRETS,
            "ORDERBRIDGE_CONFIG": str(config),
            "ORDERBRIDGE_DATABASE_URL": database_url,
            "ORDERBRIDGE_REDIS_URL": redis_url,
        }

        def run(*words: str, input: str = "", **changed: str | None) -> Result:
            result = CliRunner().invoke(main, words, env={**environment, **changed}, obj=steps)
            return checked(words, result)

        yield run
    amazon.close()
    shop.close()


def known(sessions: Sessions) -> list[str]:
    with sessions() as session:
        return list(session.scalars(select(Order.external_id)))


def a_difference(sessions: Sessions) -> None:
    """A comparison that found the held order's total to differ."""
    with sessions() as session, session.begin():
        order = session.scalars(select(Order)).one()
        run = Reconciliation(
            **{"account": "eu", "author": "anna", "state": "done", "orders_seen": 7},
            **{"after_at": order.created_at, "before_at": order.created_at},
            **{"due_at": order.created_at, "created_at": order.created_at},
        )
        session.add(run)
        session.flush()
        session.add(
            Difference(
                **{"account": "eu", "external_id": order.external_id, "kind": "different totals"},
                **{"detail": "19 for 20", "treatment": "held", "reconciliation_id": run.id},
                found_at=order.created_at,
            )
        )


def test_a_dry_run_tells_and_a_real_one_takes_in(connected: Run, sessions: Sessions) -> None:
    told = connected("reconcile", "--dry-run")
    assert (told.exit_code, told.stderr) == (0, "")
    first, *rest = told.stdout.splitlines()
    assert first.endswith("1 orders compared, 1 differences, 0 resolved")
    assert rest == [
        "  missing here: 1",
        f"    {NUMBER}  to be taken in  UNSHIPPED on Amazon",
        "Nothing was changed.",
    ]
    assert known(sessions) == []
    [result] = json.loads(connected("reconcile", "--account", "eu", "--json").stdout)
    assert (result["state"], result["orders_compared"], result["dry_run"]) == ("done", 1, False)
    [difference] = result["differences"]["missing here"]
    assert (difference["order"], difference["treatment"]) == (NUMBER, "taken in")
    assert known(sessions) == [NUMBER]
    assert json.loads(connected("reconcile", "last", "--json").stdout) == [result]


def test_a_replay_is_told_without_a_change_and_done_on_request(
    connected: Run, sessions: Sessions
) -> None:
    connected("reconcile")
    result = connected("replay", NUMBER, "--from", "import_order", "--dry-run")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "import_order: goes on",
        "verify_order: goes on",
        "enrich_order: goes on",
        "create_customer: goes on: guest order",
        "create_order: the rest depends on that write",
        "  order  would be made",
        "Nothing was changed.",
    ]
    done = connected("replay", NUMBER, "--from", "import_order")
    assert done.stdout == f"{NUMBER} runs again from import_order\n"
    with sessions() as session:
        assert session.scalars(select(Note.text)).all() == ["to be run again from import_order"]
    refused = connected("replay", NUMBER, "--from", "ship_order")
    assert (refused.exit_code, refused.stderr) == (
        1,
        f"Error: {NUMBER}: it has only reached import_order\n",
    )
    assert "choose one of import_order" in connected("replay", NUMBER, "--from", "x").stderr


def test_an_accepted_difference_is_shown_as_such(orderbridge: Run, sessions: Sessions) -> None:
    assert orderbridge("reconcile", "last").stdout == "Nothing has been compared yet.\n"
    store(sessions, a_held_order(1))
    assert orderbridge("reconcile", "accept", HELD).exit_code == 1
    a_difference(sessions)
    shown = orderbridge("reconcile", "last").stdout.splitlines()
    assert shown[1:] == ["  different totals: 1", f"    {HELD}  held  19 for 20"]
    accepted = orderbridge("reconcile", "accept", HELD)
    assert accepted.stdout == f"{HELD}: accepted different totals\n"
    assert f"    {HELD}  accepted  19 for 20" in orderbridge("reconcile", "last").stdout


def test_an_explanation_in_words_and_as_json(orderbridge: Run, sessions: Sessions) -> None:
    store(sessions, a_held_order(1))
    result = orderbridge("explain", HELD)
    assert result.exit_code == 0
    paragraphs = result.stdout.split("\n\n")
    assert paragraphs[0] == (
        f"Order {HELD} is held in enrich_order as sku_not_found: MUG-1 is not in Magento's "
        "catalogue"
    )
    assert paragraphs[2] == (
        'The row "FBM UNSHIPPED" of the decision table applies; it goes on to Magento, or is there '
        "already."
    )
    assert paragraphs[3].splitlines()[:2] == [
        "Settings that applied",
        "  import_orders         True    default",
    ]
    data = json.loads(orderbridge("explain", HELD, "--json").stdout)
    assert data["order"] == HELD
    assert data["settings"][0] == {"name": "import_orders", "value": True, "origin": "default"}
    assert orderbridge("explain", "028-1").stderr == "Error: there is no order 028-1\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--account", "us"), "there is no [accounts.us]"),
        (("--since", "2026-01-02", "--until", "2026-01-01"), "later than --since"),
        (("--since", "2026-01-01", "--until", "2026-02-01"), "at most 30 days"),
        (("--until", "2999-01-01"), "half an hour ago"),
        (("--since", "yesterday"), "write it as 2026-01-31"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(
    orderbridge: Run, words: tuple[str, ...], sentence: str
) -> None:
    result = orderbridge("reconcile", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr


def test_a_broker_that_is_away_is_one_sentence(connected: Run) -> None:
    nowhere: dict[str, Any] = {"ORDERBRIDGE_REDIS_URL": "redis://127.0.0.1:1/0"}
    result = connected("reconcile", **nowhere)
    assert result.exit_code == 1
    assert "the broker of ORDERBRIDGE_REDIS_URL does not answer" in result.stderr
