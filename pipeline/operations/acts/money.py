"""Having an order's money read from Amazon at a person's request; a worker reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.quota import Lane
from pipeline.finances.money_reads import MoneyReads, money_read
from pipeline.operations.acts.one_order import NotPossible
from pipeline.orders.tables import Order
from pipeline.settings.model import AccountSettings

SOON = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class MoneyReading:
    """How far the last read of an order's money is: it waits and is due within minutes, has failed
    with a code, or was done."""

    is_waiting: bool
    read_at: datetime | None
    trouble: str


def reads_money(account: AccountSettings | None) -> bool:
    """Whether money is read for the account at all."""
    return account is not None and account.finances != "off"


def money_reading(session: Session, order: Order, now: datetime) -> MoneyReading | None:
    """The last read of this order alone; None where there was none within a day."""
    row = money_read(session, order.account, order.external_id)
    if row is None:
        return None
    is_waiting = row.due_at is not None and row.due_at <= now + SOON
    return MoneyReading(is_waiting, row.read_at, row.trouble)


def ask_for_money(
    sessions: Sessions, accounts: Mapping[str, AccountSettings], order: Order, now: datetime
) -> None:
    """Have the order's money read by the next run of the job. Asking twice is as good as once.

    Raises NotPossible for an account whose money is not read.
    """
    if not reads_money(accounts.get(order.account)):
        raise NotPossible(
            f"no money is read for the account {order.account}: it is not in the configuration, or "
            'finances = "off"'
        )
    MoneyReads(sessions).ask(order.account, [order.external_id], now, Lane.NEW)
