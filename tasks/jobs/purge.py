"""Beat's job that destroys what names a buyer once it is time, and deletes what is old.

Safe to run twice at once.
"""

from __future__ import annotations

from datetime import timedelta

from pipeline.base.log import log
from pipeline.monitoring.purging import Purging
from pipeline.operations.history.thinning import Thinning
from tasks.engine.runtime import Runtime

MOST_A_RUN = 20_000
BATCHES_A_RUN = 100
"""Of each kind of old rows: a hundred thousand of them an hour."""


def purge(parts: Runtime) -> None:
    """Purge what was delivered long enough ago, and then what is old of all else."""
    now = parts.clients.now()
    before = now - timedelta(days=parts.settings.purge_after_days)
    count = Purging(parts.sessions, before).run(now, MOST_A_RUN)
    log.info("purge.ended", count=count)
    for kind, gone in Thinning(parts.sessions).run(now, BATCHES_A_RUN):
        if gone:
            log.info("history.deleted", code=kind, count=gone)
