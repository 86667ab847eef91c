"""Nothing goes in clear over a network: refused at the start, unless an operator allows it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.settings.file import ConfigError, load
from pipeline.settings.model import Settings
from tests.cli.conftest import MASTER_KEY, SECRETS

MORE = """
[alerts]
webhook = true

[alerts.mail]
host = "{mail}"
security = "{security}"
sender = "a@shop.example"
to = ["b@shop.example"]

[console]
url = "https://orders.example"

[console.oidc]
issuer = "{issuer}"
client_id = "orderbridge"
default_role = "viewer"

[tracing]
otlp_url = "{collector}"
"""

CONFIGURATION = """
[shops.main]
base_url = "{shop}"

[accounts.eu]
region = "EU"
shop = "main"
start_from = 2026-11-01T00:00:00Z
base_url = "{api}"
token_url = "{token}"

[accounts.eu.notifications]
queue_url = "{queue}/123456789012/orders"
aws_region = "eu-west-1"
endpoint_url = "{endpoint}"
"""
PLACES = {
    "shop": "shops.main.base_url",
    "api": "accounts.eu.base_url",
    "token": "accounts.eu.token_url",
    "queue": "accounts.eu.notifications.queue_url",
    "endpoint": "accounts.eu.notifications.endpoint_url",
}
DATABASE, BROKER = "postgresql+psycopg://user:secret@{}/orders", "redis://:secret@{}:6379/0"
HERE = ("127.0.0.1", "127.9.9.9", "localhost", "[::1]")
ELSEWHERE = ("10.0.0.5", "postgres", "localhost.example", "127.0.0.1.example", "[fd00::1]")


def loads(
    folder: Path,
    database: str = DATABASE.format("127.0.0.1"),
    broker: str = BROKER.format("127.0.0.1"),
    allowed: str = "",
    **urls: str,
) -> Settings:
    path = folder / "orderbridge.toml"
    path.write_text(CONFIGURATION.format(**{**dict.fromkeys(PLACES, "https://a.example"), **urls}))
    return load(
        {
            **SECRETS,
            "ORDERBRIDGE_CONFIG": str(path),
            "ORDERBRIDGE_DATABASE_URL": database,
            "ORDERBRIDGE_REDIS_URL": broker,
            "ORDERBRIDGE_MASTER_KEY": MASTER_KEY,
            "ORDERBRIDGE_ALLOW_PLAINTEXT": allowed,
        }
    )


@pytest.mark.parametrize(("name", "place"), PLACES.items())
@pytest.mark.parametrize("host", ELSEWHERE)
def test_http_to_amazon_or_magento_stays_on_this_machine(
    name: str, place: str, host: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as refusal:
        loads(tmp_path, **{name: f"http://{host}:8080"}, allowed="database, broker")
    assert f"{place}: Value error, http:// sends all in clear" in str(refusal.value)
    for local in HERE:
        loads(tmp_path, **{name: f"http://{local}:8080"})
    loads(tmp_path, **{name: f"https://{host}:8080"})


def loads_more(
    folder: Path,
    urls: Mapping[str, str],
    *,
    security: str = "starttls",
    mail: str = "mail.example",
    allowed: str = "",
) -> Settings:
    """With everything else that is reached set up too."""
    of = {**dict.fromkeys(("webhook", "issuer", "collector"), "https://a.example"), **urls}
    path = folder / "orderbridge.toml"
    text = CONFIGURATION.format(**dict.fromkeys(PLACES, "https://a.example"))
    path.write_text(text + MORE.format(mail=mail, security=security, **of))
    return load(
        {
            **SECRETS,
            "ORDERBRIDGE_CONFIG": str(path),
            "ORDERBRIDGE_DATABASE_URL": DATABASE.format("127.0.0.1"),
            "ORDERBRIDGE_REDIS_URL": BROKER.format("127.0.0.1"),
            "ORDERBRIDGE_MASTER_KEY": MASTER_KEY,
            "ORDERBRIDGE_ALERTS_WEBHOOK_URL": of["webhook"],
            "ORDERBRIDGE_CONSOLE_OIDC_SECRET": "secret",
            "ORDERBRIDGE_ALLOW_PLAINTEXT": allowed,
            **{name: url for name, url in urls.items() if name.isupper()},
        }
    )


@pytest.mark.parametrize(
    ("word", "place"),
    [
        ("webhook", "ORDERBRIDGE_ALERTS_WEBHOOK_URL"),
        ("issuer", "console.oidc.issuer"),
        ("collector", "tracing.otlp_url"),
    ],
)
@pytest.mark.parametrize("host", ELSEWHERE)
def test_other_services_elsewhere_need_tls_or_a_permission(
    word: str, place: str, host: str, tmp_path: Path
) -> None:
    others = {"webhook", "mail", "issuer", "collector", "database", "broker"} - {word}
    for scheme in ("http", "HTTP"):
        with pytest.raises(ConfigError) as refusal:
            loads_more(tmp_path, {word: f"{scheme}://{host}:8080"}, allowed=",".join(others))
        assert str(refusal.value) == (
            f"{place}: what goes to another machine has to be encrypted: begin with https://; or, "
            f"where the network between is yours alone, set ORDERBRIDGE_ALLOW_PLAINTEXT={word}"
        )
    loads_more(tmp_path, {word: f"http://{host}:8080"}, allowed=word)
    loads_more(tmp_path, {word: f"https://{host}:8080"})
    for local in HERE:
        loads_more(tmp_path, {word: f"http://{local}:8080"})


@pytest.mark.parametrize("host", ELSEWHERE)
def test_mail_without_tls_stays_here_or_is_permitted(host: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        loads_more(tmp_path, {}, mail=host, security="none", allowed="webhook")
    assert str(refusal.value).startswith(
        "alerts.mail.security: what goes to another machine has to be encrypted: set "
        '"starttls" or "tls"; or'
    )
    loads_more(tmp_path, {}, mail=host, security="none", allowed="mail")
    loads_more(tmp_path, {}, mail=host, security="tls")
    for local in ("127.0.0.1", "localhost", "::1"):
        loads_more(tmp_path, {}, mail=local, security="none")


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS"])
def test_an_address_of_sqs_that_boto3_would_take_by_itself_is_looked_at(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=f"{name}: what goes to another machine"):
        loads_more(tmp_path, {name: "http://10.0.0.5:9324"})
    for taken in ("https://10.0.0.5", "http://127.0.0.1:9324", ""):
        loads_more(tmp_path, {name: taken})


def refused(folder: Path, **parts: str) -> str:
    with pytest.raises(ConfigError) as refusal:
        loads(folder, **parts)
    assert "secret" not in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_database_and_broker_elsewhere_need_tls_or_a_permission(host: str, tmp_path: Path) -> None:
    database, broker = DATABASE.format(host), BROKER.format(host)
    said = refused(tmp_path, database=database, broker=broker)
    assert [line.split(":")[0] for line in said.splitlines()] == [
        "ORDERBRIDGE_DATABASE_URL",
        "ORDERBRIDGE_REDIS_URL",
    ]
    assert "ORDERBRIDGE_ALLOW_PLAINTEXT=database" in said
    assert "ORDERBRIDGE_ALLOW_PLAINTEXT=broker" in said
    said = refused(tmp_path, database=database, broker=broker, allowed="broker")
    assert said.startswith("ORDERBRIDGE_DATABASE_URL:")
    assert "REDIS" not in said
    for allowed in ("database,broker", " broker , database "):
        loads(tmp_path, database=database, broker=broker, allowed=allowed)


@pytest.mark.parametrize(
    "address",
    [
        *(f"user:secret@{host}/orders" for host in HERE),
        "/orders",
        "user:secret@/orders?host=/run/postgresql",
        "user:secret@/orders?host=@abstract",
        "user:secret@/orders?host=127.0.0.1:5432&host=localhost:5433",
        "user:secret@10.0.0.5/orders?sslmode=require",
        "user:secret@10.0.0.5/orders?sslmode=verify-ca",
        "user:secret@10.0.0.5/orders?sslmode=verify-full&pgbouncer=true",
    ],
)
def test_a_database_here_or_with_tls_is_taken(address: str, tmp_path: Path) -> None:
    loads(tmp_path, database=f"postgresql+psycopg://{address}")


@pytest.mark.parametrize(
    "address",
    [
        "user:secret@10.0.0.5/orders?sslmode=prefer",
        "user:secret@10.0.0.5/orders?sslmode=allow",
        "user:secret@10.0.0.5/orders?sslmode=disable",
        "user:secret@127.0.0.1/orders?host=10.0.0.5",
        "user:secret@127.0.0.1/orders?hostaddr=10.0.0.5",
        "user:secret@/orders?host=127.0.0.1:5432&host=db:5432",
        "user:secret@/orders?host=127.0.0.1,db",
    ],
)
def test_a_database_that_may_be_reached_in_clear_is_refused(address: str, tmp_path: Path) -> None:
    said = refused(tmp_path, database=f"postgresql+psycopg://{address}")
    assert said.startswith("ORDERBRIDGE_DATABASE_URL: ")


def test_libpqs_own_variables_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = "postgresql+psycopg:///orders"
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    loads(tmp_path, database=here)
    monkeypatch.setenv("PGHOST", "10.0.0.5")
    refused(tmp_path, database=here)
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    loads(tmp_path, database=here)


@pytest.mark.parametrize(
    ("url", "is_taken"),
    [
        ("rediss://:secret@broker.example:6379/0", True),
        ("sentinels://:secret@one.example:26379,two.example:26379/main/0", True),
        ("sentinel://:secret@127.0.0.1:26379,[::1]:26379/main/0", True),
        ("sentinel://:secret@127.0.0.1:26379,two.example:26379/main/0", False),
        ("valkey://:secret@broker.example:6379/0", False),
    ],
)
def test_a_broker_elsewhere(url: str, is_taken: bool, tmp_path: Path) -> None:
    if is_taken:
        loads(tmp_path, broker=url)
    else:
        assert refused(tmp_path, broker=url).startswith("ORDERBRIDGE_REDIS_URL: ")


def test_what_may_be_allowed_is_named(tmp_path: Path) -> None:
    said = refused(tmp_path, allowed="database, shop")
    names = "database, broker, webhook, mail, issuer, collector"
    assert said == f"ORDERBRIDGE_ALLOW_PLAINTEXT: shop is none of {names}"
