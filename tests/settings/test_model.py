"""Configuration: its defaults, what is inherited, and that every mistake is told as one."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipeline.settings.file import ConfigError, load
from pipeline.settings.marketplace import MarketplaceSettings
from pipeline.settings.model import Settings, Timing
from tests.builders import GERMANY

FRANCE = "A13V1IB3VIYZZH"
KEY = base64.b64encode(bytes(range(32))).decode()
SHOP_SECRETS = ("ACCESS_TOKEN", "ACCESS_TOKEN_SECRET", "CONSUMER_KEY", "CONSUMER_SECRET")
ENVIRONMENT = {
    "ORDERBRIDGE_DATABASE_URL": "postgresql+psycopg://canary-database",
    "ORDERBRIDGE_REDIS_URL": "redis://canary-redis",
    "ORDERBRIDGE_ALLOW_PLAINTEXT": "database, broker",
    "ORDERBRIDGE_MASTER_KEY": KEY,
    **{f"ORDERBRIDGE_SHOP_MAIN_{name}": f"canary-{name}" for name in SHOP_SECRETS},
    "ORDERBRIDGE_ACCOUNT_EU_CLIENT_ID": "canary-client",
    "ORDERBRIDGE_ACCOUNT_EU_CLIENT_SECRET": "canary-secret",
    "ORDERBRIDGE_ACCOUNT_EU_REFRESH_TOKEN": "canary-refresh",
}
LEAST = """
[shops.main]
base_url = "https://shop.example/"

[accounts.eu]
region = "EU"
shop = "main"
start_from = 2026-11-01T00:00:00Z
"""

Load = Callable[..., Settings]


@pytest.fixture
def loading(tmp_path: Path) -> Load:
    """Loads settings from a text, with variables changed or (None) taken away."""

    def loads(text: str | bytes = LEAST, **changes: str | None) -> Settings:
        path = tmp_path / "orderbridge.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        environment: dict[str, str | None] = {
            **ENVIRONMENT,
            "ORDERBRIDGE_CONFIG": str(path),
            **{f"ORDERBRIDGE_{name}": value for name, value in changes.items()},
        }
        return load({name: value for name, value in environment.items() if value is not None})

    return loads


def test_the_defaults_are_those_of_the_product() -> None:
    assert MarketplaceSettings().model_dump() == {
        "import_orders": True,
        "magento_store": "default",
        "fba_store": None,
        "fba_orders": "create",
        "fba_lines": "detached",
        "customers": "guest",
        "customer_group": 1,
        "welcome_mail": "refuse",
        "order_number": "magento",
        "order_number_prefix": "",
        "fba_number_prefix": None,
        "prime_number_prefix": None,
        "b2b_number_prefix": None,
        "order_status": None,
        "order_comments": True,
        "stock": "seed",
        "pending_orders": "ignore",
        "pending_reserve_days": 7,
        "unknown_sku": "block",
        "sku_map": None,
        "out_of_stock": "block",
        "invoice": "create",
        "cancel_from_amazon": "cancel",
        "cancel_to_amazon": "send",
        "cancel_reason": "NoInventory",
        "refunds_to_amazon": "ask",
        "refund_reason": None,
        "refund_delay_minutes": 120,
        "refund_at_most": None,
        "refund_gross": False,
        "refund_spread_adjustments": False,
        "refund_goodwill": False,
        "refunds_from_amazon": "note",
        "confirm_without_tracking": False,
        "returns": "read",
        "unclear_totals": "hold",
        "tax": "amazon",
        "gift_wrap": "line",
        "invoices_to_amazon": "off",
        "invoice_source": None,
        "invoice_totals": False,
    }


def test_the_least_configuration_is_enough(loading: Load) -> None:
    settings = loading()
    assert settings.master_keys == (bytes(range(32)),)
    assert settings.database_url.get_secret_value() == "postgresql+psycopg://canary-database"
    assert settings.redis_url.get_secret_value() == "redis://canary-redis"
    shop, account = settings.shops["main"], settings.accounts["eu"]
    assert (shop.base_url, shop.auth, shop.request_limit_s) == ("https://shop.example", "oauth", 60)
    assert shop.access_token.get_secret_value() == "canary-ACCESS_TOKEN"
    assert shop.consumer_secret.get_secret_value() == "canary-CONSUMER_SECRET"
    assert account.start_from == datetime(2026, 11, 1, tzinfo=UTC)
    assert (account.base_url, account.token_url) == (None, None)
    assert account.refresh_token.get_secret_value() == "canary-refresh"
    assert settings.for_order("eu", GERMANY) == MarketplaceSettings()
    assert settings.timing == Timing()


def test_a_marketplace_inherits_what_it_does_not_say_itself(loading: Load) -> None:
    settings = loading(
        LEAST
        + f"""
        [accounts.eu.settings]
        invoice = "leave"
        magento_store = "eu"
        [accounts.eu.marketplaces.{FRANCE}]
        magento_store = "fr"
        """
    )
    common = MarketplaceSettings(invoice="leave", magento_store="eu")
    assert settings.for_order("eu", GERMANY) == common
    assert settings.for_order("eu", FRANCE) == common.model_copy(update={"magento_store": "fr"})


def test_a_bearer_shop_needs_one_secret_only(loading: Load) -> None:
    gone = {f"SHOP_MAIN_{name}": None for name in SHOP_SECRETS if name != "ACCESS_TOKEN"}
    settings = loading(LEAST.replace("[accounts", 'auth = "bearer"\n[accounts'), **gone)
    assert settings.shops["main"].access_token.get_secret_value() == "canary-ACCESS_TOKEN"


def test_secrets_do_not_show_when_settings_are_printed(loading: Load) -> None:
    shown = repr(loading())
    assert "canary" not in shown
    assert repr(bytes(range(32))) not in shown


def after(place: str, line: str) -> str:
    """The least configuration with a line more in one table."""
    return LEAST.replace(place, f"{place}\n{line}")


MISTAKES = [
    ("= nonsense", "is not valid TOML"),
    (b"\xff\xfe", "is not valid TOML"),
    ("", "at least one [shops.NAME] is needed"),
    ("shops = 1", "at least one [shops.NAME] is needed"),
    (LEAST[: LEAST.index("[accounts")], "at least one [accounts.NAME] is needed"),
    (after("[shops.main]", "colour = 1"), "shops.main.colour: Extra inputs are not permitted"),
    (LEAST + "\n[colours]", "colours: Extra inputs are not permitted"),
    (LEAST + "\n[timing]\nsweep = 1", "timing.sweep: Extra inputs are not permitted"),
    (LEAST + "\n[timing]\nlease_s = 1", "timing.lease_s: Input should be greater than"),
    (LEAST + "\n[timing]\nlease_s = inf", "timing.lease_s: Input should be a finite number"),
    (LEAST + "\n[timing]\nresend_s = nan", "timing.resend_s: Input should be a finite number"),
    (LEAST + "\n[timing]\nresend_s = 1e300", "timing.resend_s: Input should be less than"),
    (LEAST.replace("https://", "ftp://"), "shops.main.base_url: Value error, this must be a URL"),
    (LEAST.replace("https://", ""), "shops.main.base_url: Value error, this must be a URL"),
    (LEAST.replace('"EU"', '"MOON"'), "accounts.eu.region: Input should be 'NA', 'EU' or 'FE'"),
    (LEAST.replace("00Z", "00"), "accounts.eu.start_from: Input should have timezone info"),
    (
        LEAST.replace('shop = "main"', 'shop = "other"'),
        "accounts.eu.shop: there is no [shops.other]",
    ),
    (LEAST.replace("shops.main", "shops.Main"), "[shops.Main] must be a table whose name"),
    (LEAST.replace("accounts.eu", '"accounts"."e u"'), "[accounts.e u] must be a table"),
    (
        LEAST + '\n[accounts.eu.settings]\ncustomers = "create"',
        'accounts.eu.settings: Value error, customers = "create" makes Magento send',
    ),
    (
        LEAST + f'\n[accounts.eu.marketplaces.{GERMANY}]\ncustomers = "create"',
        f'accounts.eu.marketplaces.{GERMANY}: Value error, customers = "create" makes Magento',
    ),
    (
        LEAST + '\n[accounts.eu.settings]\nout_of_stock = "shrug"',
        "accounts.eu.settings.out_of_stock: Input should be 'block' or 'backorder'",
    ),
    (LEAST + "\n[accounts.eu]\nsettings = 1", "is not valid TOML"),
    (after("[accounts.eu]", "settings = 1"), "accounts.eu.settings: Input should be"),
    (after("[accounts.eu]", "marketplaces = 1"), "accounts.eu.marketplaces: Input should be"),
]


@pytest.mark.parametrize(("text", "told"), MISTAKES)
def test_every_mistake_in_the_file_is_one_error_that_names_the_place(
    loading: Load, text: str | bytes, told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        loading(text)
    assert told in str(caught.value)
    assert "orderbridge.toml" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_several_mistakes_are_told_at_once_a_line_each(loading: Load) -> None:
    text = LEAST.replace('"EU"', '"MOON"') + "\n[timing]\nsweep = 1\nlease_s = 1"
    with pytest.raises(ConfigError) as caught:
        loading(text)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert [re.search(r": ([a-z_.]+):", line) is not None for line in lines] == [True] * 3


def test_creating_customers_needs_the_mail_to_be_accepted(loading: Load) -> None:
    accepted = '\n[accounts.eu.settings]\ncustomers = "create"\nwelcome_mail = "accept"'
    assert loading(LEAST + accepted).for_order("eu", GERMANY).customers == "create"


def test_a_missing_file_is_named_and_how_to_name_another(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.toml"
    with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read .* ORDERBRIDGE_CONFIG"):
        load({**ENVIRONMENT, "ORDERBRIDGE_CONFIG": str(path)})


def test_the_metrics_have_no_token_unless_a_long_one_is_set(loading: Load) -> None:
    assert loading().metrics_token.get_secret_value() == ""
    long_one = "canary-of-20-letters"
    assert loading(METRICS_TOKEN=long_one).metrics_token.get_secret_value() == long_one
    for unusable in (long_one[:-1], "canary-of-twenty-lettérs", f"{long_one}\n"):
        with pytest.raises(ConfigError, match="ORDERBRIDGE_METRICS_TOKEN must have 20") as caught:
            loading(METRICS_TOKEN=unusable)
        assert "canary" not in str(caught.value)


def test_every_missing_variable_is_named_at_once(loading: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        loading(DATABASE_URL=None, MASTER_KEY="", ACCOUNT_EU_CLIENT_ID=None)
    assert str(caught.value) == (
        "these environment variables have to be set: ORDERBRIDGE_DATABASE_URL, "
        "ORDERBRIDGE_MASTER_KEY, ORDERBRIDGE_ACCOUNT_EU_CLIENT_ID"
    )


@pytest.mark.parametrize(
    ("place", "key", "variable"),
    [
        ("[shops.main]", "access_token", "ORDERBRIDGE_SHOP_MAIN_ACCESS_TOKEN"),
        ("[accounts.eu]", "refresh_token", "ORDERBRIDGE_ACCOUNT_EU_REFRESH_TOKEN"),
        ("", "database_url", "ORDERBRIDGE_DATABASE_URL"),
        ("", "redis_url", "ORDERBRIDGE_REDIS_URL"),
        ("", "metrics_token", "ORDERBRIDGE_METRICS_TOKEN"),
        ("", "master_key", "ORDERBRIDGE_MASTER_KEY"),
    ],
)
def test_a_secret_in_the_file_is_refused_without_quoting_it(
    loading: Load, place: str, key: str, variable: str
) -> None:
    line = f'{key} = "canary-in-file"'
    text = after(place, line) if place else line + LEAST
    with pytest.raises(ConfigError, match=variable) as caught:
        loading(text)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "key", ["nonsense", KEY[:-4], KEY + "AAAA", "ключ", "=" * 44, base64.b64encode(b"x").decode()]
)
def test_a_master_key_that_is_not_32_bytes_is_refused(loading: Load, key: str) -> None:
    with pytest.raises(ConfigError, match="ORDERBRIDGE_MASTER_KEY must be 32 random bytes") as told:
        loading(MASTER_KEY=key)
    assert key not in str(told.value)


def settings_or_mistake(loading: Load, text: str, **changes: str) -> Settings | str:
    try:
        return loading(text, **changes)
    except ConfigError as error:
        return str(error)


values: st.SearchStrategy[Any] = st.sampled_from(
    ["1", '""', '"x"', "true", "[]", "{}", "-1", "inf", "nan", "1e300", "2026-01-01", '["a"]']
)
lines = st.tuples(
    st.sampled_from(
        [
            *Timing.model_fields,
            *MarketplaceSettings.model_fields,
            *("base_url", "token_url", "auth", "region", "shop", "start_from", "settings"),
            *("marketplaces", "shops", "accounts", "timing", "x"),
        ]
    ),
    values,
)
places = st.sampled_from(["", "[shops.main]", "[accounts.eu]", "[timing]"])


@hypothesis_settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(places, lines)
def test_any_single_odd_value_gives_settings_or_a_config_error(
    loading: Load, place: str, line: tuple[str, str]
) -> None:
    text = LEAST if place in LEAST else f"{LEAST}\n{place}\n"
    end = text.index(place) + len(place)
    result = settings_or_mistake(loading, f"{text[:end]}\n{line[0]} = {line[1]}\n{text[end:]}")
    assert isinstance(result, Settings) or "orderbridge.toml" in result


@hypothesis_settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    st.sampled_from([name.removeprefix("ORDERBRIDGE_") for name in ENVIRONMENT]),
    st.text(st.characters(exclude_characters="\x00", codec="utf-8")),
)
def test_any_single_variable_gives_settings_or_a_config_error(
    loading: Load, name: str, value: str
) -> None:
    result = settings_or_mistake(loading, LEAST, **{name: value})
    assert isinstance(result, Settings) or f"ORDERBRIDGE_{name}" in result


@hypothesis_settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_file_gives_a_config_error(loading: Load, content: bytes) -> None:
    with pytest.raises(ConfigError, match=r"orderbridge\.toml"):
        loading(content)


def test_a_marketplace_may_be_named_by_its_country(loading: Load) -> None:
    account = loading(
        LEAST + '[accounts.eu.marketplaces.FR]\nmagento_store = "fr"\n'
        '[accounts.eu.marketplaces.UK]\nmagento_store = "gb"\n'
        '[accounts.eu.marketplaces.A0000000000000]\nmagento_store = "new"\n'
    ).accounts["eu"]
    assert {name: value.magento_store for name, value in account.marketplaces.items()} == {
        FRANCE: "fr",
        "A1F83G8C2ARO7P": "gb",
        "A0000000000000": "new",
    }
    assert account.marketplace("A9999999999999").magento_store == "default"


@pytest.mark.parametrize(
    ("blocks", "sentence"),
    [
        ("[accounts.eu.marketplaces.US]", "marketplaces.US: Amazon has no marketplace US in EU"),
        ("[accounts.eu.marketplaces.XX]", "marketplaces.XX: Amazon has no marketplace XX in EU"),
        (
            f"[accounts.eu.marketplaces.FR]\n[accounts.eu.marketplaces.{FRANCE}]",
            f"marketplaces.{FRANCE} is configured twice, by country and by id",
        ),
    ],
)
def test_a_marketplace_that_cannot_be_meant_is_a_mistake(
    loading: Load, blocks: str, sentence: str
) -> None:
    with pytest.raises(ConfigError) as error:
        loading(LEAST + blocks)
    assert sentence in str(error.value)


def test_a_second_client_secret_and_a_date_may_be_given(loading: Load) -> None:
    account = loading().accounts["eu"]
    assert (account.client_secret_new.get_secret_value(), account.client_secret_expires) == (
        "",
        None,
    )
    account = loading(
        LEAST + "client_secret_expires = 2027-03-01\n", ACCOUNT_EU_CLIENT_SECRET_NEW="canary-next"
    ).accounts["eu"]
    assert account.client_secret_new.get_secret_value() == "canary-next"
    assert account.client_secret_expires == date(2027, 3, 1)
    assert "canary" not in repr(account)
    with pytest.raises(ConfigError, match="EU_CLIENT_SECRET_NEW"):
        loading(LEAST + 'client_secret_new = "canary-next"\n')


def test_a_console_may_begin_without_shops_and_accounts(tmp_path: Path) -> None:
    path = tmp_path / "orderbridge.toml"
    path.write_text("purge_after_days = 25\n", encoding="utf-8")
    environment = {**ENVIRONMENT, "ORDERBRIDGE_CONFIG": str(path)}
    loaded = load(environment, may_be_new=True)
    assert (dict(loaded.shops), dict(loaded.accounts), loaded.purge_after_days) == ({}, {}, 25)
    with pytest.raises(ConfigError, match="at least one"):
        load(environment)
    path.write_text("shops = 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="at least one"):
        load(environment, may_be_new=True)
