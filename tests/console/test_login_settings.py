"""What `[console]` may say, and that each mistake in it is told as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.settings.console import ConsoleSettings
from pipeline.settings.file import ConfigError, load
from pipeline.settings.roles import Role
from tests.cli.conftest import CONFIGURATION, NO_DATABASE, environment

OIDC = """
[console]
url = "https://orders.shop.example/"

[console.oidc]
issuer = "https://id.example/realm/"
client_id = "orderbridge"
roles = { warehouse = "operator" }
"""
SECRET = {"ORDERBRIDGE_CONSOLE_OIDC_SECRET": "canary-secret"}


def console(folder: Path, text: str, **variables: str) -> ConsoleSettings:
    """What counts with `text` in the file."""
    environ = environment(folder, NO_DATABASE)
    (folder / "orderbridge.toml").write_text(CONFIGURATION + text, encoding="utf-8")
    return load({**environ, **variables}).console


def test_without_a_word_there_is_no_provider_and_no_proxy(tmp_path: Path) -> None:
    assert console(tmp_path, "") == ConsoleSettings(url=None, proxies=0, oidc=None)


def test_a_provider_is_read_with_its_secret_from_the_environment(tmp_path: Path) -> None:
    settings = console(tmp_path, OIDC, **SECRET)
    assert settings.oidc is not None
    assert settings.url == "https://orders.shop.example"
    assert settings.oidc.issuer == "https://id.example/realm"
    assert settings.oidc.roles == {"warehouse": Role.OPERATOR}
    assert settings.oidc.client_secret.get_secret_value() == "canary-secret"
    assert "canary-secret" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "variables", "sentence"),
    [
        (OIDC, {}, "have to be set: ORDERBRIDGE_CONSOLE_OIDC_SECRET"),
        (OIDC + 'client_secret = "canary"', SECRET, "belongs into the environment as ORDERBRIDGE"),
        (OIDC.replace("operator", "boss"), SECRET, "console.oidc.roles.warehouse: Input should be"),
        (
            OIDC.replace('roles = { warehouse = "operator" }', ""),
            SECRET,
            "without them nobody gets a role",
        ),
        (OIDC + 'scope = "email"', SECRET, "scope must contain openid"),
        (OIDC.replace('url = "https://orders.shop.example/"', ""), SECRET, "url must be set"),
        ('[console]\nurl = "https://shop.example/orders"', {}, "url must have no path"),
        ('[console]\nurl = "shop.example"', {}, "starts with https:// or http://"),
        ("[console]\nproxies = -1", {}, "console.proxies: Input should be greater"),
        ("[console]\nproxy = 1", {}, "console.proxy: Extra inputs are not permitted"),
        ("console = 1", {}, "console"),
    ],
)
def test_every_mistake_is_told_and_quotes_no_secret(
    tmp_path: Path, text: str, variables: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        console(tmp_path, text, **variables)
    assert sentence in str(caught.value)
    assert "canary" not in str(caught.value)
