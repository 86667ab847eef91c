"""Beat's job that does what people decided about many orders at once. Safe to run twice at once,
and to lose in the middle: what was not committed is to do."""

from __future__ import annotations

from pipeline.base.log import log
from pipeline.operations.acts.many_orders import BulkActs
from tasks.engine.runtime import Runtime


def run_bulk_acts(parts: Runtime) -> None:
    """Give the next orders of every open act their turn. The sweep sends those that are due."""
    count = BulkActs(parts.sessions).go_on(parts.clients.now())
    if count:
        log.info("bulk.went_on", count=count)
