"""The Amazon stand-in as a process: it ends on request, and a kill loses nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.sandbox.conftest import Caller, refusal
from tests.sandbox.test_amazon_confirm import a_confirmation, an_order_of_three

ORDER = "028-0000001-0000001"
COMMAND = [sys.executable, "-m", "sandbox"]


@contextmanager
def process(data: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], Caller]]:
    command = [*COMMAND, "amazon", "--port", "0", "--data", str(data), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            yield running, Caller(running.stdout.readline().strip())
        finally:
            running.kill()


def test_a_killed_stand_in_remembers_what_it_answered(tmp_path: Path) -> None:
    data = tmp_path / "amazon.sqlite"
    quota = ("--quota", "getOrder=0.0001:3", "confirmShipment=1:1")
    with process(data, *quota) as (running, amazon):
        amazon.log_in()
        amazon.place(an_order_of_three())
        assert amazon.confirm(ORDER, a_confirmation()).status_code == 204
        seen = amazon.get(ORDER).json()
        truth = amazon.truth(ORDER)
        access_token = amazon.headers["x-amz-access-token"]
        running.send_signal(signal.SIGKILL)
        assert running.wait(10) == -signal.SIGKILL
    with process(data, *quota) as (_, amazon):
        amazon.headers["x-amz-access-token"] = access_token
        assert amazon.truth(ORDER) == truth
        assert amazon.get(ORDER).json() == seen
        assert amazon.get(ORDER).status_code == 200
        assert refusal(amazon.get(ORDER))[:2] == (429, "QuotaExceeded")


def test_its_times_can_be_set(tmp_path: Path) -> None:
    arguments = ("--search-delay-s", "0", "--token-life-s", "60")
    with process(tmp_path / "amazon.sqlite", *arguments) as (_, amazon):
        assert amazon.token().json()["expires_in"] == 60
        amazon.log_in()
        amazon.place(an_order_of_three())
        orders = amazon.search(lastUpdatedAfter="2026-01-01T00:00:00Z").json()["orders"]
        assert [order["orderId"] for order in orders] == [ORDER]


def test_sigterm_ends_it_cleanly(tmp_path: Path) -> None:
    with process(tmp_path / "amazon.sqlite") as (running, amazon):
        amazon.log_in()
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 0


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ([], 1),
        (["ebay"], 1),
        (["amazon"], 2),
        (["amazon", "--port", "0", "--data", "x", "--quota", "getOrders=1:1"], 2),
        (["amazon", "--port", "0", "--data", "x", "--quota", "getOrder=fast"], 2),
    ],
)
def test_wrong_arguments_say_how_to_use_it(arguments: list[str], status: int) -> None:
    ended = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == status
    assert ended.stderr.startswith("usage: python -m sandbox")
