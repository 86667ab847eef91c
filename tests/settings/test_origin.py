"""Where each setting comes from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.base.db import Sessions
from pipeline.operations.lists.marketplaces_met import met_in_orders
from pipeline.settings.marketplace import MarketplaceSettings
from pipeline.settings.origin import (
    Valued,
    connections,
    marketplace_named,
    origin,
    place,
    places,
    table,
    written,
)
from pipeline.settings.overrides import NotChangeable
from pipeline.settings.tables import SettingOverrideRow
from tests.builders import ACCOUNT, GERMANY, NOW, an_order, settings, stored

FRANCE = "A13V1IB3VIYZZH"
OUTSIDE = "A0-OUTSIDE"
FILE = settings(
    marketplace={"invoice": "leave", "stock": "seed"},
    account={
        "marketplaces": {
            "DE": {"invoice": "create", "tax": "none"},
            OUTSIDE: {"tax": "none"},
        }
    },
)


def turned(name: str, value: object, marketplace_id: str | None = None) -> SettingOverrideRow:
    return SettingOverrideRow(
        account=ACCOUNT,
        marketplace_id=marketplace_id,
        name=name,
        value=value,
        author="anna",
        at=NOW,
        why="so",
    )


ALL = turned("order_comments", False)
GERMAN = turned("out_of_stock", "backorder", GERMANY)
BY_ANNA = "overridden by anna on 2026-11-22 12:00 UTC"


@pytest.mark.parametrize(
    ("marketplace_id", "name", "source"),
    [
        (None, "tax", "default"),
        (None, "invoice", "file, [accounts.eu.settings]"),
        # What says the same as the default was said all the same.
        (None, "stock", "file, [accounts.eu.settings]"),
        (FRANCE, "invoice", "file, [accounts.eu.settings]"),
        (FRANCE, "gift_wrap", "default"),
        (GERMANY, "invoice", "file, [accounts.eu.marketplaces.DE]"),
        (GERMANY, "tax", "file, [accounts.eu.marketplaces.DE]"),
        (GERMANY, "stock", "file, [accounts.eu.settings]"),
        (OUTSIDE, "tax", f"file, [accounts.eu.marketplaces.{OUTSIDE}]"),
        (None, "order_comments", BY_ANNA),
        (FRANCE, "order_comments", f"{BY_ANNA} for the whole account"),
        (GERMANY, "out_of_stock", BY_ANNA),
        (FRANCE, "out_of_stock", "default"),
    ],
)
def test_each_setting_names_where_it_comes_from(
    marketplace_id: str | None, name: str, source: str
) -> None:
    assert origin(FILE, [ALL, GERMAN], ACCOUNT, marketplace_id, name) == source


def test_a_place_has_every_setting_with_its_value(sessions: Sessions) -> None:
    places_shown = place(FILE, [GERMAN], ACCOUNT, GERMANY)
    assert [value.name for value in places_shown.values] == list(MarketplaceSettings.model_fields)
    values = {value.name: value for value in places_shown.values}
    assert values["out_of_stock"] == Valued("out_of_stock", "backorder", BY_ANNA, False)
    assert values["stock"] == Valued("stock", "seed", "file, [accounts.eu.settings]", True)


def test_marketplaces_are_those_configured_turned_or_met(sessions: Sessions) -> None:
    stored(sessions, an_order(marketplace_id=FRANCE))
    stored(sessions, an_order(marketplace_id="OLD", purchased_at=NOW.replace(year=2025)))
    with sessions() as session:
        met = met_in_orders(session, NOW.replace(month=10))
    assert met == {ACCOUNT: [FRANCE]}
    places_shown = places(FILE, [turned("out_of_stock", "backorder", "TURNED")], met)
    assert [(one.account, one.marketplace_id) for one in places_shown] == [
        (ACCOUNT, None),
        (ACCOUNT, OUTSIDE),
        (ACCOUNT, "TURNED"),
        (ACCOUNT, GERMANY),
        (ACCOUNT, FRANCE),
    ]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("DE", GERMANY),
        ("de", GERMANY),
        (FRANCE, FRANCE),
        (OUTSIDE, OUTSIDE),
        ("A0-MET", "A0-MET"),
        ("US", None),
        ("A0-TYPO", None),
    ],
)
def test_a_marketplace_is_named_by_country_or_id(name: str, found: str | None) -> None:
    met = {ACCOUNT: ["A0-MET"]}
    if found is None:
        with pytest.raises(NotChangeable, match=f"account eu has no marketplace {name}"):
            marketplace_named(FILE, met, ACCOUNT, name)
    else:
        assert marketplace_named(FILE, met, ACCOUNT, name) == found


def test_of_a_secret_only_its_variable_is_told() -> None:
    tables = connections(
        settings(
            shop={"base_url": "https://user:hidden-password@shop.example"},
            account={
                "notifications": {
                    "queue_url": "https://sqs.eu-west-1.amazonaws.com/1/orders",
                    "aws_region": "eu-west-1",
                }
            },
        )
    )
    shop = {value.name: value for value in tables["shops.main"]}
    account = {value.name: value for value in tables["accounts.eu"]}
    token = "environment variable ORDERBRIDGE_SHOP_MAIN_ACCESS_TOKEN"
    assert shop["access_token"] == Valued("access_token", "set", token, False)
    assert shop["consumer_key"] == Valued("consumer_key", None, "default", True)
    assert shop["base_url"].value == "https://shop.example"
    assert shop["request_limit_s"] == Valued("request_limit_s", 60, "default", True)
    assert account["region"] == Valued("region", "EU", "file, [accounts.eu]", False)
    assert account["client_id"].origin == "environment variable ORDERBRIDGE_ACCOUNT_EU_CLIENT_ID"
    assert account["notifications.aws_region"].origin == "file, [accounts.eu.notifications]"
    for secret in ("hidden-password", "shop-token", "client-secret", "refresh-token"):
        assert secret not in repr(tables)


def test_another_table_tells_the_same(sessions: Sessions) -> None:
    timing = {
        value.name: value for value in table(settings(timing={"lease_s": 20}).timing, "timing")
    }
    assert timing["lease_s"] == Valued("lease_s", 20.0, "file, [timing]", False)
    assert timing["sweep_every_s"] == Valued("sweep_every_s", 5, "default", True)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), ("", "-"), (True, "true"), (False, "false"), (7, "7"), (2.0, "2"), ("a", "a")],
)
def test_values_read_as_in_the_file(value: object, text: str) -> None:
    assert written(value) == text


def test_the_documentation_names_every_setting() -> None:
    text = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    part = text.split("## `[accounts.NAME.settings]`")[1].split("\n## ")[0]
    named = [
        name
        for row in part.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`(\w+)`", row.split("|")[1])
    ]
    assert sorted(named) == sorted(MarketplaceSettings.model_fields)
