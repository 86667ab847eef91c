"""Beat's job that destroys personal data when its time is over, and deletes old rows.

A concurrent run does no harm.
"""

from __future__ import annotations

from pipeline.base.log import log
from pipeline.monitoring.purging import Purging
from pipeline.monitoring.residue import vacuum
from pipeline.operations.history.thinning import Thinning
from tasks.engine.runtime import Runtime

MOST_A_RUN = 20_000
BATCHES_A_RUN = 100
"""Batches for each kind of old rows: a hundred thousand rows per hour."""


def purge(parts: Runtime) -> None:
    """Purge orders that were delivered long enough ago, and then all other old rows."""
    now = parts.clients.now()
    count = Purging(parts.sessions, now, parts.settings.purge_after_days).run(MOST_A_RUN)
    # Each time, since an open transaction may have kept old rows from the vacuum before.
    vacuum(parts.sessions)
    log.info("purge.ended", count=count)
    for kind, gone in Thinning(parts.sessions).run(now, BATCHES_A_RUN):
        if gone:
            log.info("history.deleted", code=kind, count=gone)
