"""Beat's job that takes refunds to Amazon: up to their feed, and after a feed without a result.

A concurrent or lost run does no harm: a row is changed only as it was read.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from uuid import uuid4

from pipeline.base.clock import seconds
from pipeline.base.errors import AccountStopped, CannotMap, NotSent, RemoteError
from pipeline.base.log import log
from pipeline.base.quota import Lane
from pipeline.intake.credit_memos import Refunds
from pipeline.orders.amounts import Amounts
from pipeline.orders.channel_order import ChannelOrder
from pipeline.orders.report import Report
from pipeline.orders.tables import Order
from pipeline.refunds.desk import RefundDesk
from pipeline.refunds.order_finances import transactions
from pipeline.refunds.refund_file import RefundFile, RefundFiles
from pipeline.refunds.stopping import after_defect, after_trouble
from tasks.engine.runtime import Runtime
from tasks.jobs.watch_shop import accounts_of

AT_ONCE = 50
AFTER_TROUBLE = timedelta(minutes=10)
AFTER_DEFECT = timedelta(hours=1)


def run_refunds(parts: Runtime, account: str) -> None:
    """Decide about new credit memos, and take each due refund of the account a step further."""
    clients, now = parts.clients, parts.clients.now
    with parts.leases.hold(f"refunds to amazon:{account}", str(uuid4())) as ours:
        if not ours:
            return
        accounts = clients.in_force().accounts
        own = accounts[account]
        files = RefundFiles(parts.sessions, parts.vault)
        files.begin(account, accounts, now())
        wait = min(AFTER_TROUBLE, seconds(parts.settings.timing.longest_retry_s))
        desk = RefundDesk(
            files,
            clients.marketplace,
            partial(paid, parts),
            partial(memo_again, parts, files),
            partial(transactions, clients.finances[account]),
            parts.writes.ask,
            now,
        )
        for refund_id in files.due(account, now(), AT_ONCE):
            file = files.read(refund_id, own)
            if file is None:
                continue
            try:
                desk.go_on(file)
            except RemoteError as error:
                reason, needs_person = after_trouble(file, error, now())
                due_at = now() + wait
                files.later(refund_id, due_at, reason, needs_person=needs_person)
                if isinstance(error, AccountStopped | NotSent):
                    return
                log.warning("refund.stopped", code=error.code, request_id=error.request_id)
            except Exception:  # noqa: BLE001 - a defect with one refund stops no other
                log.exception("refund.defect")
                reason, needs_person = after_defect(file, now())
                due_at = now() + AFTER_DEFECT
                files.later(refund_id, due_at, reason, needs_person=needs_person)


def memo_again(parts: Runtime, files: RefundFiles, file: RefundFile) -> RefundFile | None:
    """The refund with its memo as the shop shows it now; None when the shop does not show it.

    Raises the errors of the call.
    """
    refund, own = file.refund, parts.clients.in_force().accounts[file.order.account]
    # The rows of older versions may lack the shop.
    name = refund.shop or file.order.shop or own.shop
    shop = parts.clients.shops.get(name)
    memos = [] if shop is None else shop.credit_memos.by_ids([refund.memo_id])
    if not memos:
        return None
    Refunds(parts.sessions).store(accounts_of(parts, name), name, memos)
    return files.read(refund.id, own)


def paid(parts: Runtime, order: Order) -> tuple[Amounts, ChannelOrder]:
    """What the buyer paid with all taxes, and the order's report; after its purge from Amazon's
    report of now, which is not kept.

    Raises CannotMap and the errors of the call.
    """
    try:
        return _paid(parts, order)
    except CannotMap:
        if order.purged_at is None:
            raise
    raw = parts.clients.channel(order).order(order.external_id, Lane.CONFIRM)
    order.report = Report(lambda: raw)
    return _paid(parts, order)


def _paid(parts: Runtime, order: Order) -> tuple[Amounts, ChannelOrder]:
    report = order.report.order(parts.clients.channel(order))
    return parts.clients.charged(order), report
