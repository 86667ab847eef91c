"""The marketplaces that an account has orders from."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.orders.tables import Order


def met_in_orders(session: Session, since: datetime) -> dict[str, list[str]]:
    """The marketplace ids of orders placed since `since`, by account."""
    by_account: dict[str, list[str]] = {}
    rows = select(Order.account, Order.marketplace_id).where(Order.purchased_at >= since).distinct()
    for account, marketplace_id in session.execute(rows):
        by_account.setdefault(account, []).append(marketplace_id)
    return by_account
