"""What `orderbridge doctor` finds in the installation and its accounts, with real servers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import text

from pipeline.base.clock import utc_now
from pipeline.base.db import Sessions
from pipeline.base.master_keys import MasterKey, MasterKeys
from pipeline.monitoring.doctor import examine_account, examine_installation
from pipeline.monitoring.doctor_checks import Finding, Verdict
from pipeline.monitoring.health import note_beat
from pipeline.monitoring.key_rotation import Rotation
from pipeline.monitoring.tables import Belonging
from pipeline.settings.alerts import AlertSettings
from pipeline.settings.console import ConsoleSettings
from pipeline.settings.tracing import TracingSettings
from sandbox.amazon.app import create_app
from sandbox.amazon.state import Options, open_store
from sandbox.core import make
from tests.builders import (
    ACCOUNT,
    MASTER_KEY,
    NOW,
    a_raw_order,
    a_report,
    a_vault,
    an_order,
    settings,
    stored,
)
from tests.cli.conftest import environment, runner
from tests.remote import Remote, answer

SIGN_IN = {
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
    "refresh_token": "Atzr|sandbox-main",
}


@pytest.fixture
def broker(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        note_beat(client, utc_now())
        yield client


@pytest.fixture
def amazon(tmp_path: Path) -> Iterator[str]:
    store = open_store(tmp_path / "amazon.sqlite")
    server = make(create_app(store, Options()), 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with closing(store):
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def verdicts(sessions: Sessions, broker: redis.Redis, **parts: Any) -> dict[str, str]:
    findings = examine_installation(settings(**parts), sessions, broker)
    return {
        one.check: str(one.verdict) for one in findings if not one.check.startswith("clock of a")
    }


def http_date(skew: timedelta) -> str:
    return (utc_now() + skew).strftime("%a, %d %b %Y %H:%M:%S GMT")


def test_an_installation_as_it_should_be(sessions: Sessions, broker: redis.Redis) -> None:
    stored(sessions, an_order(raw=None), vault=a_vault())
    order = an_order()
    order.report = a_report({"name": "nobody"})
    stored(sessions, order)
    with Remote(answer(b"hello", Date=http_date(timedelta(0)))) as shop:
        assert verdicts(sessions, broker, shop={"base_url": shop.url}) == {
            "connection to the database": "ok",
            "database": "ok",
            "clock of the database": "ok",
            "master key": "ok",
            "rotation of the master key": "ok",
            "statistics of PostgreSQL": "ok",
            "writes": "ok",
            "connection to the broker": "ok",
            "broker": "ok",
            "workers": "ok",
            "clock of shop main": "ok",
        }


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("127.0.0.1", "it is not encrypted, and stays on this server"),
        ("10.0.0.5", "it is not encrypted, which ORDERBRIDGE_ALLOW_PLAINTEXT allows: keep the "),
    ],
)
def test_connections_in_clear_are_told(
    host: str, told: str, sessions: Sessions, broker: redis.Redis
) -> None:
    given = settings(
        database_url=f"postgresql+psycopg://{host}/orders", redis_url=f"redis://{host}/0"
    )
    found = [
        one.sentence
        for one in examine_installation(given, sessions, broker)
        if one.check.startswith("connection to the")
    ]
    assert len(found) == 2
    assert all(sentence.startswith(told) for sentence in found)


@pytest.mark.parametrize(
    ("scheme", "host", "security", "told"),
    [
        ("https", "a.example", "starttls", "it is encrypted"),
        ("http", "127.0.0.1", "none", "it is not encrypted, and stays on this server"),
        (
            "http",
            "10.0.0.5",
            "none",
            "it is not encrypted, which ORDERBRIDGE_ALLOW_PLAINTEXT allow",
        ),
    ],
)
def test_how_other_services_are_reached_is_told(
    scheme: str, host: str, security: str, told: str, sessions: Sessions, broker: redis.Redis
) -> None:
    url = f"{scheme}://{host}"
    mail = {"host": host, "security": security, "sender": "a@b.example", "to": ["a@b.example"]}
    given = settings().model_copy(
        update={
            "alerts": AlertSettings.model_validate(
                {"webhook": True, "webhook_url": url, "mail": mail}
            ),
            "console": ConsoleSettings.model_validate(
                {
                    "url": "https://a.example",
                    "oidc": {"issuer": url, "client_id": "x", "default_role": "viewer"},
                }
            ),
            "tracing": TracingSettings(otlp_url=url),
        }
    )
    found = {
        one.check: one.sentence
        for one in examine_installation(given, sessions, broker)
        if one.check.startswith("connection to the ")
    }
    for name in ("webhook", "mail", "issuer", "collector"):
        assert found[f"connection to the {name}"].startswith(told)


@pytest.mark.parametrize(("skew_s", "verdict"), [(-20, "ok"), (-40, "failed"), (40, "failed")])
def test_a_clock_that_differs_is_told(
    skew_s: int, verdict: str, sessions: Sessions, broker: redis.Redis
) -> None:
    with Remote(answer(b"hello", Date=http_date(timedelta(seconds=skew_s)))) as shop:
        verdict_by_check = verdicts(sessions, broker, shop={"base_url": shop.url})
    assert verdict_by_check["clock of shop main"] == verdict


def test_what_is_wrong_here_is_told_each_with_what_to_do(
    sessions: Sessions, broker: redis.Redis
) -> None:
    order = an_order()
    order.report = a_report({"name": "nobody"})
    stored(sessions, order)
    broker.delete("orderbridge:beat")
    with sessions() as session, session.begin():
        newest = session.scalar(text("SELECT version_num FROM alembic_version"))
        session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        session.execute(text("ALTER TABLE order_private ALTER sealed SET STATISTICS 100"))
        session.add(Belonging(name="shops.main", value="other", noted_at=NOW, noted_by=""))
    given = settings().model_copy(update={"master_keys": (b"x" * 32,)})
    try:
        findings = list(examine_installation(given, sessions, broker))
    finally:
        with sessions() as session, session.begin():
            version = text("UPDATE alembic_version SET version_num = :newest")
            session.execute(version, {"newest": newest})
            session.execute(text("ALTER TABLE order_private ALTER sealed SET STATISTICS 0"))
    bad = {one.check: str(one.verdict) for one in findings if one.verdict != "ok"}
    assert bad == {
        "database": "failed",
        "master key": "failed",
        "rotation of the master key": "warning",
        "statistics of PostgreSQL": "failed",
        "writes": "warning",
        "workers": "warning",
        "clock of shop main": "failed",
        "clock of account eu": "failed",
    }
    assert all(one.remedy for one in findings if one.verdict != "ok")


def test_a_secret_in_a_file_that_everybody_can_read_is_told(
    sessions: Sessions, broker: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "master_key"
    file.write_text("canary")
    monkeypatch.setenv("ORDERBRIDGE_MASTER_KEY_FILE", str(file))
    file.chmod(0o600)
    assert "secrets" not in verdicts(sessions, broker)
    file.chmod(0o644)
    (told,) = [
        one for one in examine_installation(settings(), sessions, broker) if one.check == "secrets"
    ]
    assert (told.verdict, told.sentence) == (
        Verdict.WARNING,
        f"ORDERBRIDGE_MASTER_KEY_FILE: every user of this machine can read {file}",
    )


def test_it_tells_how_far_a_rotation_of_the_master_key_is(
    sessions: Sessions, broker: redis.Redis
) -> None:
    def told(*keys: bytes) -> tuple[str, str, str]:
        given = settings().model_copy(update={"master_keys": keys})
        found = examine_installation(given, sessions, broker)
        (one,) = [one for one in found if one.check == "rotation of the master key"]
        return str(one.verdict), one.sentence, one.remedy

    old = MasterKey(MASTER_KEY)
    new = old.successor()
    stored(sessions, an_order(raw=a_raw_order()))
    assert told(old.secret) == ("ok", "all is under the current one", "")
    assert told(new.secret, old.secret) == (
        "warning",
        f"1 keys are not under the current one, {new.id}",
        "1 keys are not under the current master key: run orderbridge keys rotate.",
    )
    lacking = told(new.secret)
    assert lacking[0] == "warning"
    assert lacking[2].startswith(f"What is under {old.id} cannot be opened here: set ")
    list(Rotation(sessions, MasterKeys(new.secret, old.secret)).run())
    after = told(new.secret, old.secret)
    assert after[2].startswith("Nothing is under an old master key: remove ORDERBRIDGE_MASTER_KEY_")
    assert told(new.secret)[0] == "ok"


@pytest.mark.parametrize(
    ("name", "value", "verdict"),
    [("appendonly", "no", "warning"), ("maxmemory-policy", "allkeys-lru", "failed")],
)
def test_a_broker_that_forgets_is_told(
    name: str, value: str, verdict: str, sessions: Sessions, broker: redis.Redis
) -> None:
    before = broker.config_get(name)[name]
    broker.config_set(name, value)
    try:
        assert verdicts(sessions, broker)["broker"] == verdict
    finally:
        broker.config_set(name, before or "")


def asked(amazon: str, broker: redis.Redis, **changes: str) -> Finding:
    account = {**SIGN_IN, "base_url": amazon, "token_url": amazon, **changes}
    given = settings(account=account).accounts[ACCOUNT]
    return examine_account(ACCOUNT, given, broker, utc_now())


def test_an_account_is_asked_for_a_page_of_orders(amazon: str, broker: redis.Redis) -> None:
    verdict_by_check = asked(amazon, broker)
    assert (verdict_by_check.verdict, verdict_by_check.sentence) == (
        "ok",
        "signs in and lists orders (0 changed in the last hour)",
    )
    refused = asked(amazon, broker, client_secret="wrong")
    assert (refused.about, refused.verdict) == ("account eu", "failed")
    assert refused.sentence.startswith("Amazon refuses the sign-in: ")
    assert asked("http://127.0.0.1:1", broker).verdict == "failed"


def test_the_command_asks_everything_and_ends_with_1(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    orderbridge = runner(environment(tmp_path, database_url))
    path = tmp_path / "orderbridge.toml"
    nobody = '"http://127.0.0.1:1"'
    written = path.read_text(encoding="utf-8").replace('"https://api:hidden@shop.example/"', nobody)
    written = written.replace(
        'shop = "main"', f'shop = "main"\nbase_url = {nobody}\ntoken_url = {nobody}'
    )
    path.write_text(written, encoding="utf-8")
    result = orderbridge("doctor", "--json", ORDERBRIDGE_REDIS_URL=redis_url)
    answer = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [one["verdict"] for one in answer if one["check"] == "database"] == ["ok"]
    assert {one["about"]: one["verdict"] for one in answer[-2:]} == {
        "account eu": "failed",
        "main": "failed",
    }
