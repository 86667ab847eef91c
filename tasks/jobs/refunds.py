"""Beat's job that takes refunds to Amazon: up to their feed, and after a feed without a result.

A concurrent or lost run does no harm: a row is changed only as it was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

from pipeline.amazon.replies import UNAUTHORIZED
from pipeline.amazon.transactions import Transaction
from pipeline.base.clock import seconds
from pipeline.base.errors import AccountStopped, CannotMap, NotSent, RemoteError, Transient
from pipeline.base.log import log
from pipeline.base.quota import Lane
from pipeline.intake.credit_memos import Refunds
from pipeline.orders.amounts import Amounts
from pipeline.orders.channel_order import ChannelOrder
from pipeline.orders.report import Report
from pipeline.orders.tables import Order
from pipeline.refunds.desk import RefundDesk
from pipeline.refunds.refund_file import RefundFile, RefundFiles
from pipeline.refunds.stopping import after_trouble
from tasks.engine.runtime import Runtime
from tasks.jobs.watch_shop import accounts_of

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
        wait = min(AFTER_TROUBLE, seconds(parts.settings.timing.longest_retry_s))
        desk = RefundDesk(
            files,
            clients.marketplace,
            partial(paid, parts),
            partial(memo_again, parts, files),
            partial(finances, parts, account),
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
                reason, needs_person = trouble(file, error, now())
                due_at = now() + wait
                files.later(refund_id, due_at, reason, needs_person=needs_person)
                if isinstance(error, AccountStopped | NotSent):
                    return
                log.warning("refund.stopped", code=error.code, request_id=error.request_id)
            except Exception:  # noqa: BLE001 - a defect with one refund stops no other
                log.exception("refund.defect")
                files.later(refund_id, now() + AFTER_DEFECT, "a defect in this program")


def trouble(file: RefundFile, error: RemoteError, now: datetime) -> tuple[str | None, bool]:
    """The refund's reason after a failed call, and whether a person has to see it now."""
    told = error.told[:LONGEST_REASON]
    return after_trouble(file, told, now, is_refused=error.code == UNAUTHORIZED)


def finances(parts: Runtime, account: str, external_id: str) -> Sequence[Transaction]:
    """An order's transactions at Amazon. Raises the errors of the call."""
    try:
        return parts.clients.finances[account].of_order(external_id, Lane.CONFIRM)
    except Transient as error:
        if error.code != UNAUTHORIZED:
            raise
        raise Transient(
            "Amazon refuses access to its transactions, and no refund leaves before they show that "
            "Amazon has none yet: add the role Finance and Accounting in the Solution Provider "
            "Portal and authorise the application again, or refund the buyer in Seller Central and "
            "leave the refund out here",
            code=error.code,
            status=error.status,
            request_id=error.request_id,
        ) from error


def memo_again(parts: Runtime, files: RefundFiles, file: RefundFile) -> RefundFile | None:
    """The refund with its memo as the shop shows it now; None when the shop does not show it.

    Raises the errors of the call.
    """
    refund, account = file.refund, file.order.account
    shop = parts.clients.shops.get(refund.shop)
    memos = [] if shop is None else shop.credit_memos.by_ids([refund.memo_id])
    if not memos:
        return None
    Refunds(parts.sessions).store(accounts_of(parts, refund.shop), refund.shop, memos)
    return files.read(refund.id, parts.clients.in_force().accounts[account])


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
