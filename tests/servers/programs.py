"""Debian's servers, for what the embedded ones are built without: TLS, pgbouncer, Prometheus."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin"))


def debians(program: str, package: str) -> str:
    """The path of a program. Without it the test fails where the package could be installed."""
    found = shutil.which(program, path=_PATH) or next(
        (str(one) for one in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))), None
    )
    if found is not None:
        return found
    missing = f"{program} is missing: install Debian's package {package}"
    if os.geteuid() == 0 and shutil.which("apt-get"):
        pytest.fail(f"{missing}, with `make servers`")
    pytest.skip(missing)
