"""Beat's job for Amazon's settlements. A concurrent or lost run does no harm."""

from __future__ import annotations

from uuid import uuid4

from pipeline.base.errors import NotSent, RemoteError
from pipeline.base.log import log
from pipeline.finances.settlement_comparison import compare
from pipeline.finances.settlement_reading import SettlementReading, lease
from tasks.engine.runtime import Runtime


def read_settlements(parts: Runtime, account: str) -> None:
    """Store the account's new settlements, and compare the recent ones with the transactions that
    have come meanwhile. Without quota the next run reads on."""
    with parts.leases.hold(lease(account), str(uuid4())) as ours:
        if not ours:
            return
        reading = SettlementReading(parts.sessions, parts.clients.now)
        if parts.clients.in_force().accounts[account].finances == "off":
            reading.leave_off(account)
            return
        try:
            reading.read(account, parts.clients.reports[account])
        except NotSent as error:
            log.info("settlements.postponed", account=account, code=error.code)
        except RemoteError as error:
            log.warning("settlements.stopped", account=account, code=error.code)
        compare(parts.sessions, account, parts.clients.now())
