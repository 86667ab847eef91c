"""Runs Celery on a machine whose clock is wrong: `python -m devstack.storm.skewed SECONDS ...`."""

from __future__ import annotations

import runpy
import sys
from datetime import UTC, datetime, timedelta

import time_machine


def main(by_s: float, arguments: list[str]) -> None:
    """Run `celery` with these arguments, everything in it told a time that is so far off."""
    sys.argv = ["celery", *arguments]
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=by_s), tick=True):
        runpy.run_module("celery", run_name="__main__")


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2:])
