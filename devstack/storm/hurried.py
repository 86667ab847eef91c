"""Has the jobs of refunds run far more often than beat does: `python -m devstack.storm.hurried`."""

from __future__ import annotations

import itertools
import time

from pipeline.settings.file import load
from tasks.app import app
from tasks.jobs.schedule import timetable

GAP_S = 2.0
ROUNDS = (
    ("watch_refunds", "watch_transactions", "run_refunds", "refunds_from_amazon"),
    # After the others have made refunds ready: the next feed has to wait for minutes.
    ("run_feeds",),
)


def main() -> None:
    """Send their messages until somebody ends it; without a broker it ends itself."""
    entries = list(timetable(load()).values())
    for jobs in itertools.cycle(ROUNDS):
        for entry in entries:
            if entry["task"].removeprefix("orderbridge.") in jobs:
                app.send_task(entry["task"], args=entry["args"], expires=GAP_S * 4)
        time.sleep(GAP_S)


if __name__ == "__main__":
    main()
