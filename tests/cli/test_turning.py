"""`orderbridge settings`: what counts and why, what would change, and turning it."""

from __future__ import annotations

import json

from sqlalchemy import update

from pipeline.base.clock import utc_now
from pipeline.base.db import Sessions
from pipeline.cli.common import system_user
from pipeline.orders.tables import Order
from pipeline.settings.tables import SettingOverrideRow
from tests.cli.conftest import Run
from tests.console.builders import FRANCE, GERMANY, a_held_order, store

HERE = ("--account", "eu", "--marketplace", "FR")


def out_of_stock(sessions: Sessions) -> int:
    """An order of today that is held so, in France."""
    [order_id] = store(sessions, a_held_order(1, hold_code="out_of_stock", marketplace_id=FRANCE))
    with sessions() as session, session.begin():
        session.execute(update(Order).values(purchased_at=utc_now()))
    return order_id


def kept(sessions: Sessions) -> int:
    with sessions() as session:
        return session.query(SettingOverrideRow).count()


def test_what_would_change_is_told_and_nothing_saved(orderbridge: Run, sessions: Sessions) -> None:
    out_of_stock(sessions)
    result = orderbridge(
        "settings", "turn", "out_of_stock", "backorder", *HERE, "--dry-run", "--json"
    )
    answer = json.loads(result.stdout)
    assert result.exit_code == 0
    assert answer.pop("since")[:4].isdigit()
    assert answer == {
        "account": "eu",
        "marketplace": FRANCE,
        "name": "out_of_stock",
        "before": "block",
        "after": "backorder",
        "orders": 1,
        "changes": [
            {
                "what": "held as out of stock: would go on to Magento",
                "orders": 1,
                "under_way": 1,
                "totals": {"EUR": 41.97},
                "examples": ["303-0000000-0000001"],
            }
        ],
        "rests_on": "The orders that are held for this reason now.",
        "unknown": "Orders that were held and went on since are not counted.",
        "saved": False,
    }
    assert kept(sessions) == 0


def test_a_turn_is_saved_shown_and_taken_back(orderbridge: Run, sessions: Sessions) -> None:
    out_of_stock(sessions)
    words = ("settings", "turn", "out_of_stock", "backorder", *HERE, "--why", "supplier delivers")
    result = orderbridge(*words)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[:2] == [
        "out_of_stock: block -> backorder",
        f"  account eu, marketplace {FRANCE} (FR)",
    ]
    assert lines[3:] == [
        "  1, 1 of them under way: held as out of stock: would go on to Magento (41.97 EUR)",
        "    303-0000000-0000001",
        "Based on: The orders that are held for this reason now.",
        "Not shown: Orders that were held and went on since are not counted.",
        "Saved: it applies in all workers within 5 s.",
    ]
    again = orderbridge(*words)
    assert (again.exit_code, again.stdout) == (1, "")

    shown = orderbridge("settings", "show", *HERE, "--differing", "--json")
    [place] = json.loads(shown.stdout)
    assert (place["account"], place["marketplace"]) == ("eu", FRANCE)
    assert place["settings"]["invoice"] == {
        "value": "leave",
        "from": "file, [accounts.eu.settings]",
        "is_default": False,
    }
    assert place["settings"]["out_of_stock"]["value"] == "backorder"
    assert place["settings"]["out_of_stock"]["from"].startswith(
        f"overridden by {system_user()} on "
    )

    back = orderbridge("settings", "turn-back", "out_of_stock", *HERE, "--why", "all sold")
    assert back.exit_code == 0
    assert back.stdout.splitlines()[0] == "out_of_stock: backorder -> block"
    past = json.loads(orderbridge("settings", "turned", "--json").stdout)
    assert [(one["before"], one["after"], one["why"]) for one in past] == [
        ("backorder", None, "all sold"),
        (None, "backorder", "supplier delivers"),
    ]
    text = orderbridge("settings", "turned").stdout
    assert "out_of_stock: as in the file -> backorder  supplier delivers" in text


def test_each_place_is_shown_with_where_it_comes_from(orderbridge: Run, sessions: Sessions) -> None:
    result = orderbridge("settings", "show", "--differing")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "account eu, every other marketplace",
        "  invoice  leave  file, [accounts.eu.settings]",
        "",
        f"account eu, marketplace {GERMANY} (DE)",
        "  magento_store  german  file, [accounts.eu.marketplaces.DE]",
        "  invoice        leave   file, [accounts.eu.settings]",
    ]


def test_what_cannot_be_turned_may_be_tried(orderbridge: Run, sessions: Sessions) -> None:
    words = ("settings", "turn", "import_orders", "false", "--account", "eu")
    assert orderbridge(*words, "--dry-run").exit_code == 0
    refused = orderbridge(*words, "--why", "holidays")
    assert refused.exit_code == 2
    assert "import_orders cannot be overridden while orders are under way" in refused.stderr
    assert kept(sessions) == 0


def test_mistakes_are_answered(orderbridge: Run, sessions: Sessions) -> None:
    turn = ("settings", "turn", "out_of_stock")
    for words, sentence in (
        ((*turn, "never", "--account", "eu"), "out_of_stock may be block, backorder"),
        ((*turn, "backorder", "--account", "us"), "there is no account us"),
        ((*turn, "backorder", "--account", "eu"), "give a reason"),
        (
            (*turn, "backorder", "--account", "eu", "--marketplace", "US"),
            "account eu has no marketplace US",
        ),
        (
            ("settings", "turn", "tax", "none", "--account", "eu"),
            "the stored data does not show what tax would change",
        ),
    ):
        result = orderbridge(*words)
        assert (result.exit_code, result.stdout) == (2, "")
        assert sentence in result.stderr
    nothing = orderbridge("settings", "turned")
    assert (nothing.exit_code, nothing.stdout) == (1, "There has been no override yet.\n")


def test_check_tells_everything_as_json_and_no_secret(without_database: Run) -> None:
    result = without_database("settings", "check", "--json")
    answer = json.loads(result.stdout)
    assert list(answer) == [
        "shops.main",
        "accounts.eu",
        "timing",
        "accounts.eu.settings",
        f"accounts.eu.marketplaces.{GERMANY}",
    ]
    assert answer["shops.main"]["base_url"]["value"] == "https://shop.example"
    assert answer["accounts.eu"]["refresh_token"] == {
        "value": "set",
        "from": "environment variable ORDERBRIDGE_ACCOUNT_EU_REFRESH_TOKEN",
        "is_default": False,
    }
    assert answer["timing"]["lease_s"]["from"] == "default"
    for secret in ("hidden", "secret-"):
        assert secret not in result.stdout
