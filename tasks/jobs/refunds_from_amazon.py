"""Beat's job for refunds that were made at Amazon. A concurrent or lost run does no harm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from uuid import uuid4

from pipeline.base.errors import OutcomeUnknown, Rejected, RemoteError, Transient
from pipeline.base.log import log
from pipeline.magento.records import MemoTotal
from pipeline.orders.tables import LIVE
from pipeline.refunds.made_at_amazon import Finding, Sides, is_settled, refused, standing
from pipeline.refunds.made_at_amazon_rows import Case, Look, MadeRows
from tasks.engine.runtime import Runtime
from tasks.jobs.refund_answers import answer
from tasks.jobs.watch_shop import accounts_of

AT_ONCE = 200
MOST_BATCHES = 20
AFTER_TROUBLE = timedelta(minutes=15)
WHILE_IN_HAND = timedelta(minutes=1)
AFTER_DEFECT = timedelta(hours=1)
LOOK_AGAIN = timedelta(days=1)
LOOKED_AT_FOR = timedelta(days=30)
"""How long an order that needs a person is looked at by the clock; news always bring a look."""


def refunds_from_amazon(parts: Runtime, shop_name: str) -> None:
    """Compare the refunds that Amazon shows with the shop's credit memos, and note or book what the
    shop lacks. Only orders with news are looked at, and those whose time has come."""
    rows, accounts = MadeRows(parts.sessions), accounts_of(parts, shop_name)
    with parts.leases.hold(f"refunds_from_amazon:{shop_name}", str(uuid4())) as ours:
        if not ours:
            return
        for _ in range(MOST_BATCHES):
            cases = rows.due(accounts, shop_name, parts.clients.now(), AT_ONCE)
            if not cases:
                return
            try:
                looks = _looks(parts, shop_name, cases)
            except RemoteError as error:
                # The watch of the shop reports lasting trouble; the orders stay due.
                log.warning(
                    "refunds_from_amazon.stopped", code=error.code, request_id=error.request_id
                )
                return
            rows.store(looks, parts.clients.now())


def _looks(parts: Runtime, shop_name: str, cases: Sequence[Case]) -> list[Look]:
    now = parts.clients.now()
    ready = [case for case in cases if _is_ready(case, now)]
    looks = [_not_yet(case, now) for case in cases if not _is_ready(case, now)]
    if ready:
        ids = [case.order.magento_order_id or 0 for case in ready]
        found = parts.clients.shops[shop_name].credit_memos.totals(ids)
        found.sort(key=lambda memo: memo.order_id)
        memos = {k: list(v) for k, v in groupby(found, key=lambda memo: memo.order_id)}
        looks += [
            _look(parts, case, memos.get(case.order.magento_order_id or 0, [])) for case in ready
        ]
    return looks


def _is_ready(case: Case, now: datetime) -> bool:
    is_placed = case.order.magento_order_id is not None
    return is_placed and any(is_settled(refund, now) for refund in case.refunds)


def _not_yet(case: Case, now: datetime) -> Look:
    """No refund is old enough, or the shop has no order yet."""
    if case.order.magento_order_id is None:
        return Look(case, now + LOOK_AGAIN if case.order.status in LIVE else None)
    return Look(case, case.sides(()).next_look(now))


def _look(parts: Runtime, case: Case, memos: Sequence[MemoTotal]) -> Look:
    """Answer the order's refunds if the shop lacks a part of them."""
    now, order = parts.clients.now(), case.order
    sides = case.sides(memos)
    if not case.begun and not sides.shares(now):
        return _ended(case, sides, standing(sides, now, case.code), now)
    try:
        # A step of the order may be writing to the shop's order.
        with parts.leases.hold(f"order:{order.id}", str(uuid4())) as ours:
            if not ours:
                return Look(case, now + WHILE_IN_HAND)
            sides, finding = answer(case, parts.clients)
    except (Transient, OutcomeUnknown) as error:
        wait = AFTER_TROUBLE
        if error.retry_after_s:
            wait = max(WHILE_IN_HAND, timedelta(seconds=error.retry_after_s))
        return Look(case, now + wait)
    except Rejected as error:
        finding = refused(sides, now, str(error))
    except Exception:  # noqa: BLE001 - a defect with one order stops no other
        log.exception("refunds_from_amazon.defect", order=order.id)
        return Look(case, now + AFTER_DEFECT)
    return _ended(case, sides, finding, now)


def _ended(case: Case, sides: Sides, finding: Finding | None, now: datetime) -> Look:
    """The look with the time of the next: by the clock as long as a person is needed."""
    times = [sides.next_look(now)]
    newest = max((refund.posted_at or now for refund in case.refunds), default=now)
    if finding is not None and newest > now - LOOKED_AT_FOR:
        times.append(now + LOOK_AGAIN)
    due_at = min((time for time in times if time is not None), default=None)
    return Look(case, due_at, sides, finding)
