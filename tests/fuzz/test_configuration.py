"""Configurations, SKU maps and command lines with anything at all in them.

Each ends in settings, or in a sentence that names the place; never in a traceback, and no secret is
in what is said.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.products import sku_map
from pipeline.settings.file import ConfigError, load
from pipeline.settings.model import Settings
from tests.cli.conftest import NO_DATABASE, environment, runner
from tests.fuzz.spoiling import EDITS, Raw, Spoil, looked_for
from tests.settings.test_model import ENVIRONMENT

GOOD = """
[shops.main]
base_url = "https://shop.example/"
auth = "oauth"
version = "2.4.7"
request_limit_s = 60

[accounts.eu]
region = "EU"
shop = "main"
seller_id = "A1SELLER"
start_from = 2026-11-01T00:00:00Z
client_secret_expires = 2027-01-01

[accounts.eu.notifications]
queue_url = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"
aws_region = "eu-west-1"

[accounts.eu.settings]
invoice = "leave"
unknown_sku = "map"
sku_map = "skus.csv"
pending_reserve_days = 3
confirm_without_tracking = true

[accounts.eu.marketplaces.DE]
magento_store = "german"

[timing]
poll_every_s = 180
"""
# What a person may have pasted where it does not belong; no answer may repeat it.
PASTED = "canary-pasted"
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)


def toml(value: Any) -> str:
    """A value on one line; what TOML cannot say comes out as something that is no TOML."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(str(name))} = {toml(value)}" for name, value in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return value.isoformat() if hasattr(value, "isoformat") else json.dumps(value)


def document(value: Any) -> str:
    if not isinstance(value, Mapping):
        return toml(value)
    return "\n".join(f"{json.dumps(str(name))} = {toml(value)}" for name, value in value.items())


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "orderbridge.toml"


def loaded(config: Path, **variables: str) -> Settings | None:
    """The settings; None when they were refused as they should be."""
    given = {**ENVIRONMENT, "ORDERBRIDGE_CONFIG": str(config), **variables}
    try:
        return load(given)
    except ConfigError as error:
        message = str(error)
        assert message.startswith(str(config)) or "ORDERBRIDGE_" in message
        assert "canary" not in message
        message.encode()
        return None


def test_the_good_one_is_good(config: Path) -> None:
    config.write_text(document(tomllib.loads(GOOD)), encoding="utf-8")
    settings = loaded(config)
    assert settings is not None
    assert settings.accounts["eu"].start_from == datetime.fromisoformat("2026-11-01T00:00:00Z")


@looked_for(150)
@given(edits=EDITS, key=st.sampled_from(["client_secret", "access_token", "unknown", "region"]))
def test_a_table_with_odd_values_loads_or_is_told_so(edits: Any, key: str, config: Path) -> None:
    odd = Spoil(edits=edits).edited({**tomllib.loads(GOOD)})
    if isinstance(odd, dict) and isinstance(accounts := odd.get("accounts"), dict):
        odd = {**odd, "accounts": {**accounts, "eu": _pasted(accounts.get("eu"), key, edits)}}
    config.write_text(document(odd), encoding="utf-8", errors="surrogatepass")
    loaded(config)


def _pasted(account: Any, key: str, edits: Any) -> Any:
    is_pasted = isinstance(account, dict) and len(edits) == 1
    return {**account, key: PASTED} if is_pasted else account


@looked_for(100)
@given(content=st.binary(max_size=200) | TEXTS.map(str.encode), cut=st.integers(0, len(GOOD)))
def test_a_file_of_any_bytes_loads_or_is_told_so(content: bytes, cut: int, config: Path) -> None:
    config.write_bytes(GOOD[:cut].encode() + content)
    loaded(config)


@looked_for(100)
@given(name=st.sampled_from(sorted(ENVIRONMENT)), value=TEXTS)
def test_a_variable_of_any_text_loads_or_is_told_so(name: str, value: str, config: Path) -> None:
    config.write_text(GOOD, encoding="utf-8")
    loaded(config, **{name: value})


@looked_for(50)
@given(name=TEXTS)
def test_a_file_of_any_name_is_told_not_to_be_there(name: str, config: Path) -> None:
    with pytest.raises(ConfigError, match="ORDERBRIDGE_CONFIG"):
        load({**ENVIRONMENT, "ORDERBRIDGE_CONFIG": str(config.parent / "none" / name)})


CELLS = st.sampled_from(["amazon_sku", "magento_sku", '"', ",", ";", "\n", "\r", "A", "B", "\x00"])


@looked_for(200)
@given(parts=st.lists(CELLS | TEXTS, max_size=30), header=st.booleans(), junk=st.binary(max_size=9))
def test_a_sku_map_is_read_or_told_what_is_wrong(
    parts: list[str], header: bool, junk: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "skus.csv"
    start = "amazon_sku,magento_sku\n" if header else ""
    path.write_bytes((start + "".join(parts)).encode() + junk)
    message = ""
    found: Mapping[str, str] = {}
    try:
        found = sku_map.read(path)
    except sku_map.SkuMapError as error:
        message = str(error)
    assert not message or str(path) in message
    assert all(key and value for key, value in found.items())


@pytest.mark.parametrize("name", ["", "none", "a\x00b", "x" * 5000])
def test_a_sku_map_that_cannot_be_opened_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(sku_map.SkuMapError, match="cannot be read"):
        sku_map.read(tmp_path / name)


COMMANDS = (
    *(["orders", "list"], ["orders", "show"], ["orders", "release"], ["orders", "retry"]),
    *(["orders", "cancel"], ["orders", "address"], ["explain"], ["backfill"], ["settings"]),
    *(["sku-map"], ["reconcile"], ["replay"], ["accounts"], ["nonsense"]),
)
WORDS = st.sampled_from(
    [
        *("--json", "--help", "--since", "--status", "--account", "--limit", "--yes", "--from"),
        *("eu", "302-0000000-0000001", "0", "-1", "99999999999999999999", "2026-13-45", "--", "-"),
        *("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "*", "' OR 1=1", "held"),
    ]
)


@looked_for(30)
@given(
    command=st.sampled_from(COMMANDS),
    words=st.lists(WORDS | TEXTS, max_size=5),
    broken=st.booleans(),
)
def test_a_command_line_ends_in_an_exit_status(
    command: list[str], words: list[str], broken: bool, tmp_path: Path
) -> None:
    variables = environment(tmp_path, "canary-of-a-url" if broken else NO_DATABASE)
    result = runner(variables)(*command, *words)
    assert result.exit_code in (0, 1, 2), result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert not any(
        secret in result.output for secret in ("hidden-password", "canary-of", "secret-")
    )
