"""Beat's job for the daily reconciliation. A concurrent or lost run does no harm."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

from pipeline.base.clock import seconds
from pipeline.base.log import log
from pipeline.monitoring.reconcile.run import Reconciler
from pipeline.monitoring.reconcile.runs import DEFAULT_PERIOD, NOT_BEFORE, AlreadyRunning, Runs
from tasks.engine.runtime import Runtime

AUTHOR = "orderbridge"


def reconcile(parts: Runtime) -> None:
    """Begin the reconciliations that are due, and continue those that run.

    Orders that are woken or imported become due, so the sweep sends them.
    """
    runs = Runs(parts.sessions)
    now = parts.clients.now()
    every = seconds(parts.settings.timing.reconcile_every_s)
    begun = runs.begun_since(AUTHOR, now - every)
    for account in parts.settings.accounts.keys() - begun:
        _begin(runs, account, every, now)
    reconciler = Reconciler(
        parts.sessions, parts.clients, parts.intake, parts.incidents, parts.shipments
    )
    for run in runs.due(now):
        if run.account not in parts.settings.accounts:
            log.warning("reconcile.no_account", account=run.account)
            continue
        with parts.leases.hold(f"reconcile:{run.account}", str(uuid4())) as ours:
            if ours:
                reconciler.go_on(run.id)


def _begin(runs: Runs, account: str, every: timedelta, now: datetime) -> None:
    before = now - NOT_BEFORE
    try:
        runs.start(account, before - max(every, DEFAULT_PERIOD), before, author=AUTHOR, now=now)
    except AlreadyRunning:
        return  # Another worker was faster.
