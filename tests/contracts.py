"""The remotes' contracts, which lie beside the project and are no part of it."""

from __future__ import annotations

from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[2] / "shared/contracts"


def contract(name: str) -> Path:
    """A contract's file or folder; the test that needs it is skipped where it is not there."""
    path = _BESIDE / name
    if not path.exists():
        pytest.skip(f"left out: ../shared/contracts/{name} is not beside the project")
    return path
