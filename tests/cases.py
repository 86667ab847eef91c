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


def case_file(begins: str) -> Path:
    """The first case whose name begins so; without it, the test that asks is skipped."""
    for path in sorted(_BESIDE.glob(f"{begins}*")):
        return path
    pytest.skip(f"left out: ../shared/cases/{begins}* is not beside the project")


def case(name: str, told_at: str, at: datetime) -> Any:
    """A case's JSON, all its times moved so that `told_at` is `at`."""
    text = case_file(name).read_text(encoding="utf-8")
    by = at - datetime.fromisoformat(told_at)

    def moved(found: re.Match[str]) -> str:
        then = datetime.fromisoformat(found[0]) + by
        return then.strftime("%Y-%m-%dT%H:%M:%S.000Z")

    return json.loads(_TIME.sub(moved, text))
