"""The bench's stub of both remotes, served by a process of its own until the end of a block."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from devstack.paths import PROJECT, kept_port
from devstack.stack import wait_for


class Stub:
    """The stub's address and its control route."""

    def __init__(self, url: str) -> None:
        self.url = url

    def tell(self, what: str, **body: Any) -> Any:
        answer = requests.post(f"{self.url}/_control/{what}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def serving_stub(folder: Path) -> Iterator[Stub]:
    """The stub; its port is noted in the folder."""
    port = kept_port(folder / "stub.port", lambda _: False)
    command = [sys.executable, "-m", "bench.stub", str(port)]
    with subprocess.Popen(command, cwd=PROJECT) as process:
        try:
            stub = Stub(f"http://127.0.0.1:{port}")
            wait_for(f"{stub.url}/_control/health")
            yield stub
        finally:
            process.kill()
