"""Small inputs that once went wrong, which lie beside the project and are no part of it."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

_BESIDE = Path(__file__).resolve().parents[2] / "shared/cases"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def case(name: str, told_at: str, at: datetime) -> Any:
    """A case's JSON, all its times moved so that `told_at` is `at`; the test that needs it is
    skipped where it is not there."""
    path = _BESIDE / name
    if not path.exists():
        pytest.skip(f"left out: ../shared/cases/{name} is not beside the project")
    by = at - datetime.fromisoformat(told_at)

    def moved(found: re.Match[str]) -> str:
        then = datetime.fromisoformat(found[0]) + by
        return then.strftime("%Y-%m-%dT%H:%M:%S.000Z")

    return json.loads(_TIME.sub(moved, path.read_text(encoding="utf-8")))
