"""The one patch: without it, a task that ends after the broker went away ends the worker."""

from __future__ import annotations

import subprocess
import sys

import pytest

# What an acknowledgement does on a channel whose connection was dropped, as a program of its own:
# the guard changes kombu for the whole process.
PROGRAM = """
from kombu import Connection
from tasks.engine import kombu_guard
if {guarded}:
    kombu_guard.install()
    kombu_guard.install()
connection = Connection({url!r})
channel = connection.channel()
clients = [channel._create_client() for _ in range(3)]
print(len({{id(client) for client in clients}}))
connection.close()
try:
    with channel.conn_or_acquire() as client:
        client.ping()
except Exception as error:
    print(type(error).__module__, type(error).__name__)
"""


@pytest.mark.parametrize(
    ("guarded", "clients", "error"),
    [
        (True, "1", "redis.exceptions ConnectionError"),
        (False, "3", "builtins AttributeError"),
    ],
)
def test_a_closed_channel_raises_what_celery_lives_through(
    redis_url: str, guarded: bool, clients: str, error: str
) -> None:
    program = PROGRAM.format(guarded=guarded, url=redis_url)
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert run.stdout.splitlines() == [clients, error]
