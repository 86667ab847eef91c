"""Makes the row of each credit memo's refund, once, and notes since when refunds go to Amazon."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pipeline.intake.tables import Refund
from pipeline.orders.locking import lock
from pipeline.orders.tables import Order
from pipeline.refunds.states import RefundState
from pipeline.refunds.tables import AmazonRefund, RefundStart
from pipeline.settings.model import AccountSettings

AT_ONCE = 2000
OFF = datetime(9999, 1, 1, tzinfo=UTC)
"""The start of a marketplace whose refunds do not go to Amazon: every memo is older."""
_OVERLAP = 1000
"""Memos whose ids are so many below the newest known may have been committed after it."""


def adopt(session: Session, shops: Mapping[str, str], now: datetime) -> int:
    """Make the rows of new credit memos, due for their decision; return how many there were.

    `shops` are the accounts' shops now: the memos of an order without a stored shop are from there,
    as in `placed_in`.
    """
    newest = select(func.coalesce(func.max(AmazonRefund.refund_id), 0)).scalar_subquery()
    memos = session.execute(
        select(
            Refund.id,
            Refund.order_id,
            Refund.magento_creditmemo_id,
            Refund.refunded_at,
            Refund.currency,
            Order.account,
            Order.shop,
        )
        .join(Order, Order.id == Refund.order_id)
        .outerjoin(AmazonRefund, AmazonRefund.refund_id == Refund.id)
        .where(Refund.id > newest - _OVERLAP, AmazonRefund.id.is_(None))
        .order_by(Refund.id)
        .limit(AT_ONCE)
    ).all()
    if not memos:
        return 0
    # Inserting a row locks its order.
    lock(session, (memo.order_id for memo in memos))
    rows = [
        {
            "order_id": memo.order_id,
            "refund_id": memo.id,
            "shop": memo.shop or shops.get(memo.account, ""),
            "memo_id": memo.magento_creditmemo_id,
            "memo_at": memo.refunded_at,
            "state": RefundState.HELD,
            "changed_at": now,
            "due_at": now,
            "needs_person": False,
            "currency": memo.currency,
        }
        for memo in memos
    ]
    made = session.scalars(
        insert(AmazonRefund).on_conflict_do_nothing().returning(AmazonRefund.id), rows
    )
    return len(made.all())


def note_starts(session: Session, name: str, account: AccountSettings, now: datetime) -> None:
    """Note since when each marketplace's refunds go to Amazon; OFF where they do not.

    A marketplace that gets settings of its own, or loses them, goes on as since before: else memos
    under way would be older than the setting.
    """
    before = starts_of(session, name)
    settings = {"": account.settings, **account.marketplaces}
    modes = {key: one.refunds_to_amazon for key, one in settings.items()}
    since = {
        key: OFF
        if modes.get(key, modes[""]) == "never"
        else _on_since(before.get(key, before.get("", OFF)), now)
        for key in {*settings, *before}
    }
    changed = [
        {"account": name, "marketplace_id": key, "since": at}
        for key, at in since.items()
        if before.get(key) != at
    ]
    if changed:
        adding = insert(RefundStart)
        newer = {"since": adding.excluded.since}
        keys = ["account", "marketplace_id"]
        session.execute(adding.on_conflict_do_update(index_elements=keys, set_=newer), changed)


def _on_since(before: datetime, now: datetime) -> datetime:
    return now if before == OFF else before


def starts_of(session: Session, name: str) -> Mapping[str, datetime]:
    """Since when the refunds of the account's marketplaces go to Amazon; "" is every other one."""
    rows = session.execute(
        select(RefundStart.marketplace_id, RefundStart.since).where(RefundStart.account == name)
    )
    return {row.marketplace_id: row.since for row in rows}
