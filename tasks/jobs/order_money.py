"""Beat's job that reads the money of single orders: those that a person or a notification named,
and those whose money is held back too long. A concurrent or lost run does no harm."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from pipeline.base.errors import AccountStopped, NotSent, Rejected, Transient
from pipeline.base.log import log
from pipeline.finances.money_reads import MoneyReads, Wanted, read_order
from tasks.engine.runner import backoff
from tasks.engine.runtime import Runtime

MOST = 10
"""The most orders of a run, a third of what Amazon allows in a minute; the search has the rest."""
FAILED_OFTEN = 5


def read_order_money(parts: Runtime, account: str) -> None:
    """Read the due orders of the account's list. Without quota the next run reads on."""
    if parts.clients.in_force().accounts[account].finances == "off":
        return
    with parts.leases.hold(f"order_money:{account}", str(uuid4())) as ours:
        if not ours:
            return
        reads, count = MoneyReads(parts.sessions), 0
        for wanted in reads.due(account, parts.clients.now(), MOST):
            if not _read(parts, reads, wanted):
                break
            count += 1
        reads.forget(account, parts.clients.now())
    if count:
        log.info("order_money.ended", account=account, count=count)


def _read(parts: Runtime, reads: MoneyReads, wanted: Wanted) -> bool:
    """Read an order; False when reading others now would be useless."""
    api, now = parts.clients.finances[wanted.account], parts.clients.now()
    try:
        read_order(parts.sessions, api, wanted.account, wanted.external_id, wanted.lane, now)
    except NotSent:
        return False  # It stays due.
    except (Transient, Rejected) as error:
        return _failed(parts, reads, wanted, error, now)
    reads.done(wanted, parts.clients.now())
    return True


def _failed(
    parts: Runtime,
    reads: MoneyReads,
    wanted: Wanted,
    error: Transient | Rejected,
    now: datetime,
) -> bool:
    """Retry later; an order that Amazon refuses is given up at once. A refusal concerns only this
    order, any other error would meet the next one too."""
    is_refused = isinstance(error, Rejected) and not isinstance(error, AccountStopped)
    tries = wanted.tries + 1
    is_given_up = is_refused or tries >= FAILED_OFTEN
    again_at = None if is_given_up else now + backoff(tries, error, parts.settings.timing)
    reads.failed(wanted, error.code or "no_answer", again_at)
    log.warning(
        "order_money.failed",
        number=wanted.external_id,
        code=error.code,
        request_id=error.request_id,
        tries=tries,
        outcome="dropped" if is_given_up else "later",
    )
    return is_refused
