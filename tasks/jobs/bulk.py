"""Beat's job for the bulk jobs. A concurrent run does no harm, nor does a run that ends early: the
next run does the orders that were not committed."""

from __future__ import annotations

from pipeline.base.log import log
from pipeline.operations.acts.many_orders import BulkActs
from tasks.engine.runtime import Runtime


def run_bulk_acts(parts: Runtime) -> None:
    """Process the next orders of every open bulk job. The sweep sends those that are due."""
    count = BulkActs(parts.sessions, parts.vault).go_on(parts.clients.now())
    if count:
        log.info("bulk.went_on", count=count)
