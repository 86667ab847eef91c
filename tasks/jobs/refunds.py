"""Beat's job that takes refunds to Amazon: up to their feed, and after a feed without a result.

A concurrent or lost run does no harm: a row is changed only as it was read.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from uuid import uuid4

from pipeline.base.errors import AccountStopped, CannotMap, NotSent, RemoteError
from pipeline.base.log import log
from pipeline.base.quota import Lane
from pipeline.orders.amounts import Amounts
from pipeline.orders.report import Report
from pipeline.orders.tables import Order
from pipeline.refunds.desk import RefundDesk
from pipeline.refunds.refund_file import RefundFiles
from tasks.engine.runtime import Runtime

AT_ONCE = 50
AFTER_TROUBLE = timedelta(minutes=10)
AFTER_DEFECT = timedelta(hours=1)
LONGEST_REASON = 400


def run_refunds(parts: Runtime, account: str) -> None:
    """Decide about new credit memos, and take each due refund of the account a step further."""
    clients, now = parts.clients, parts.clients.now
    with parts.leases.hold(f"refunds to amazon:{account}", str(uuid4())) as ours:
        if not ours:
            return
        own = clients.in_force().accounts[account]
        files = RefundFiles(parts.sessions, parts.vault)
        files.begin(account, own, now())
        desk = RefundDesk(
            files,
            clients.marketplace,
            partial(paid, parts),
            partial(clients.finances[account].of_order, lane=Lane.CONFIRM),
            parts.writes.ask,
            now,
        )
        for refund_id in files.due(account, now(), AT_ONCE):
            file = files.read(refund_id, own)
            if file is None:
                continue
            try:
                desk.go_on(file)
            except (AccountStopped, NotSent) as error:
                files.later(refund_id, now() + AFTER_TROUBLE, error.told[:LONGEST_REASON])
                return
            except RemoteError as error:
                files.later(refund_id, now() + AFTER_TROUBLE, error.told[:LONGEST_REASON])
                log.warning("refund.stopped", code=error.code, request_id=error.request_id)
            except Exception:  # noqa: BLE001 - a defect with one refund stops no other
                log.exception("refund.defect")
                files.later(refund_id, now() + AFTER_DEFECT, "a defect in this program")


def paid(parts: Runtime, order: Order) -> Amounts:
    """What the buyer paid, from the stored report; after its purge from Amazon, which is not kept.

    Raises CannotMap and the errors of the call.
    """
    try:
        return parts.clients.amounts(order)
    except CannotMap:
        if order.purged_at is None:
            raise
    raw = parts.clients.channel(order).order(order.external_id, Lane.CONFIRM)
    order.report = Report(lambda: raw)
    return parts.clients.amounts(order)
