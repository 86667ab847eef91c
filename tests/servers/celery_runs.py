"""Celery's processes beside a broker of the test's own; no database is needed for what they do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from devstack.paths import PROJECT
from tests.cli.conftest import NO_DATABASE, environment

# The task is unknown: a worker takes its message, says so and is done with it.
_PUBLISH = "from tasks.app import app; app.send_task('nobody', queue='jobs', retry=False)"
QUEUE = "orderbridge:jobs"


def variables(folder: Path, url: str, ca_file: Path | None = None, **more: str) -> dict[str, str]:
    """The environment of a worker whose broker this is."""
    found = {**environment(folder, NO_DATABASE), "ORDERBRIDGE_REDIS_URL": url, **more}
    if ca_file is not None:
        with open(found["ORDERBRIDGE_CONFIG"], "a", encoding="utf-8") as file:
            file.write(f'\n[redis]\nca_file = "{ca_file}"\n')
    return found


def publish(environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Send a message as a process of Orderbridge does."""
    return run(environment, "-c", _PUBLISH)


def run(environment: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments to its end."""
    return subprocess.run(
        [sys.executable, *words],
        env={"PATH": "/usr/bin:/bin", **environment},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
