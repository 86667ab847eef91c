"""Stores the marketplace's reports in the database, each page of orders in a transaction.

Duplicate, late and out-of-order reports are normal: only the newest report changes an order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pipeline.base.clock import seconds
from pipeline.base.db import Sessions
from pipeline.base.quota import Lane
from pipeline.base.vault import Vault
from pipeline.intake.delivery import delivery_columns
from pipeline.intake.refresh_orders import refresh
from pipeline.intake.reports import Readable, is_news, known, readable
from pipeline.intake.sealed_reports import sealed
from pipeline.intake.store_one_by_one import Reports, put_all
from pipeline.orders.channel import Channel, Raw
from pipeline.orders.channel_order import Identity
from pipeline.orders.decision import Case, Decision, Tab
from pipeline.orders.decision_table import decide
from pipeline.orders.machine import STEPS
from pipeline.orders.tables import Order, OrderPrivate, Status
from pipeline.settings.model import AccountSettings, Timing


@dataclass(frozen=True, slots=True)
class Stored:
    """The result of a page: ids of new and of woken orders, and the count of unreadable reports.

    `seen` has the time of last change of every stored order by number; `set_aside` are the order
    numbers of unreadable reports, and `nameless` counts the unreadable reports without a number.
    """

    new: Sequence[int]
    woken: Sequence[int]
    unreadable: int
    seen: Mapping[str, datetime] = field(default_factory=dict, compare=False)
    set_aside: Sequence[str] = field(default=(), compare=False)
    nameless: int = field(default=0, compare=False)


class Intake:
    """Stores the reports of orders."""

    def __init__(self, sessions: Sessions, vault: Vault, timing: Timing) -> None:
        self._sessions = sessions
        self._vault = vault
        self._timing = timing

    def store(
        self,
        account_name: str,
        account: AccountSettings,
        channel: Channel,
        raws: Sequence[Raw],
        now: datetime,
        lane: Lane = Lane.NEW,
        asked_at: datetime | None = None,
    ) -> Stored:
        """Insert new orders, and refresh stored orders whose report is news.

        `asked_at` is the time of the request to the marketplace, if that is not now.

        Orders inserted with Lane.BACKFILL are due at once, so that the sweep sends them after new
        orders: the caller sends only the woken orders.
        """
        asked_at = asked_at or now
        readable = self.readable(account_name, channel, raws, now)
        # Sorted, so that two workers with the same orders never block each other.
        reports = [readable.newest[name] for name in sorted(readable.newest)]

        def put(some: Reports) -> tuple[Sequence[int], Sequence[int]]:
            return self._put(account_name, account, channel, some, now, lane, asked_at)

        new, woken, bad = put_all(account_name, put, reports)
        seen = {number: identity.updated_at for number, (identity, _) in readable.newest.items()}
        for number in bad:
            del seen[number]
        return Stored(
            new,
            woken,
            readable.unreadable + len(bad),
            seen,
            sorted({*readable.set_aside, *filter(channel.is_number, bad)}),
            readable.nameless + sum(not channel.is_number(number) for number in bad),
        )

    def readable(
        self, account_name: str, channel: Channel, raws: Sequence[Raw], now: datetime
    ) -> Readable:
        """See `reports.readable`."""
        return readable(self._vault, account_name, channel, raws, now)

    def _put(
        self,
        account_name: str,
        account: AccountSettings,
        channel: Channel,
        reports: Sequence[tuple[Identity, Raw]],
        now: datetime,
        lane: Lane,
        asked_at: datetime,
    ) -> tuple[Sequence[int], Sequence[int]]:
        """Store reports in a transaction; the ids of the new and of the woken orders."""
        with self._sessions() as session, session.begin():
            ours = known(session, account_name, [identity.external_id for identity, _ in reports])
            fresh = [report for report in reports if report[0].external_id not in ours]
            new, overtaken = self._insert(
                session, account_name, account, channel, fresh, now, lane, asked_at
            )
            if overtaken:
                ours |= known(session, account_name, overtaken)
            changed = [
                (row, identity, raw)
                for identity, raw in reports
                if (row := ours.get(identity.external_id)) is not None
                and is_news(
                    self._vault,
                    f"{account_name}/{identity.external_id}",
                    row,
                    channel,
                    identity,
                    raw,
                    asked_at,
                )
            ]
            woken = refresh(
                session, self._vault, account_name, account, channel, changed, now, asked_at
            )
        return new, woken

    def _insert(
        self,
        session: Session,
        account_name: str,
        account: AccountSettings,
        channel: Channel,
        fresh: Sequence[tuple[Identity, Raw]],
        now: datetime,
        lane: Lane,
        asked_at: datetime,
    ) -> tuple[list[int], list[str]]:
        """Ids of the new rows, and the numbers that another worker has just stored."""
        rows: list[dict[str, Any]] = []
        raws: dict[str, Raw] = {}
        # A new order's message is sent after the commit; the sweep replaces a lost message.
        sent_after = seconds(0 if lane is Lane.BACKFILL else self._timing.resend_s)
        for identity, raw in fresh:
            decision = first_decision(identity, account)
            # A person asked for the orders of a backfill, however old they are.
            is_too_old = lane is not Lane.BACKFILL and identity.purchased_at < account.start_from
            if not decision.kept or is_too_old:
                continue
            raws[identity.external_id] = raw
            rows.append(
                {
                    **new_row(account_name, identity, decision),
                    **delivery_columns(channel, raw, identity),
                    "shop": account.shop,
                    "lane": lane,
                    "due_at": now + sent_after,
                    "version": 1,
                }
            )
        if not rows:
            return [], []
        inserted = session.execute(
            insert(Order)
            .on_conflict_do_nothing(index_elements=[Order.account, Order.external_id])
            .returning(Order.id, Order.external_id),
            rows,
        ).all()
        private = []
        for row in inserted:
            owner = f"{account_name}/{row.external_id}"
            key, raw = self._vault.new_key(owner), raws.pop(row.external_id)
            report = sealed(self._vault, key, owner, channel, raw, asked_at)
            private.append({"order_id": row.id, **report})
        if private:
            session.execute(insert(OrderPrivate), private)
        return [row.id for row in inserted], list(raws)


def first_decision(identity: Identity, account: AccountSettings) -> Decision:
    """The row of the decision table for an order that is not stored yet."""
    settings = account.marketplace(identity.marketplace_id)
    return decide(Case(identity.fulfilled_by, identity.status, settings))


def new_row(account_name: str, identity: Identity, decision: Decision) -> dict[str, Any]:
    """The columns of an order's row before its first step."""
    return {
        "account": account_name,
        "external_id": identity.external_id,
        "marketplace_id": identity.marketplace_id,
        "fulfilled_by": identity.fulfilled_by,
        "step": STEPS[0],
        "status": Status.READY,
        "remote_status": identity.status,
        "remote_updated_at": identity.updated_at,
        "purchased_at": identity.purchased_at,
        "shown": decision.tab is not Tab.HIDDEN,
    }
