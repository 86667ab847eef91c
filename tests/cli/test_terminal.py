"""Colour and progress at a terminal, and neither on a pipe or with NO_COLOR."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pytest

from pipeline.base.db import Sessions
from pipeline.operations.lists.filters import Filters
from pipeline.orders.tables import Status
from tests.cli.conftest import Run, environment
from tests.console.builders import a_held_order, store
from tests.console.bulk import begin

_COLOUR = re.compile(r"\x1b\[[\d;]*3\d[\d;]*m")
_BAR = "━"
_COMMAND = "from pipeline.cli import main; main()"


def at_terminal(*words: str, env: Mapping[str, str]) -> str:
    """What a command writes to a terminal, standard output and standard error."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *words],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "200", **env},
    ) as command:
        os.close(theirs)
        written = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # how Linux says that the other side is closed
                break
            if not part:
                break
            written += part
        command.wait()
    os.close(ours)
    return written.decode()


@pytest.fixture
def variables(tmp_path: Path, database_url: str) -> dict[str, str]:
    return environment(tmp_path, database_url)


def test_the_version_is_that_of_the_package(orderbridge: Run) -> None:
    result = orderbridge("--version")
    assert (result.exit_code, result.stdout.split()[-1]) == (0, version("orderbridge"))


def test_states_have_their_colour_at_a_terminal(
    variables: dict[str, str], sessions: Sessions
) -> None:
    store(sessions, a_held_order(1, last_note="it was held before"))
    shown = at_terminal("orders", "list", env=variables)
    assert re.search(r"\x1b\[1;31mheld\x1b\[0m", shown)
    assert len(_COLOUR.findall(shown)) == 1
    assert "\x1b" not in at_terminal("orders", "list", "--json", env=variables)


def test_no_colour_is_none(variables: dict[str, str], sessions: Sessions) -> None:
    store(sessions, a_held_order(1))
    shown = at_terminal("orders", "list", env={**variables, "NO_COLOR": "1"})
    assert "held" in shown
    assert not _COLOUR.search(shown)


def test_a_pipe_gets_plain_text(orderbridge: Run, sessions: Sessions) -> None:
    store(sessions, a_held_order(1))
    for words in (("orders", "list"), ("health",), ("bulk", "list"), ("doctor", "--shop", "main")):
        result = orderbridge(*words)
        assert result.stdout
        assert "\x1b" not in result.output


def test_a_bulk_job_that_is_followed_has_a_bar(
    variables: dict[str, str], sessions: Sessions, orderbridge: Run
) -> None:
    store(sessions, a_held_order(1))
    act = begin(sessions, Filters(Status.HELD))
    orderbridge("bulk", "stop", str(act))
    shown = at_terminal("bulk", "show", str(act), "--follow", env=variables)
    assert _BAR in shown
    assert f"bulk job {act}" in shown
    plain = orderbridge("bulk", "show", str(act), "--follow")
    assert (_BAR in plain.output, plain.stderr) == (False, "")
    assert plain.stdout == orderbridge("bulk", "show", str(act)).stdout


def test_a_backfill_that_is_followed_has_a_bar(variables: dict[str, str], orderbridge: Run) -> None:
    ids = Path(variables["ORDERBRIDGE_CONFIG"]).with_name("ids.txt")
    ids.write_text("028-1234567-1234567\n", encoding="utf-8")
    orderbridge("backfill", "--account", "eu", "--ids", str(ids))
    with subprocess.Popen(
        [sys.executable, "-c", f"import time; time.sleep(4); {_COMMAND}", "backfill", "stop", "1"],
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
    ):
        shown = at_terminal("backfill", "status", "--follow", env=variables)
    assert _BAR in shown
    assert "backfill 1, eu" in shown
    assert "0/1" in shown
    assert "stopped" in shown
