"""Stores the rows of reports of returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import exists, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from pipeline.amazon.return_rows import ReturnRow
from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.orders.tables import Order
from pipeline.returns.tables import AmazonReport, Return

AT_ONCE = 1_000
_TOLD = (
    *("sku", "asin", "quantity", "ordered_quantity", "reason", "status", "disposition"),
    *("resolution", "merchant_rma", "label_payer", "is_a_to_z", "requested_on", "arrived_on"),
    *("refunded_total", "currency", "gone_at"),
)


class Returns:
    """The returns of all accounts."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def store(self, account: str, rows: Sequence[ReturnRow], now: datetime) -> int:
        """Insert new rows and update changed ones, a thousand in a statement; returns how many.

        A row that is as before is not written.
        """
        written = 0
        # Sorted, so that two workers with the same rows never block each other.
        ordered = iter(sorted(rows, key=lambda row: (row.external_id, row.reference, row.item)))
        new = insert(Return)
        told = {name: new.excluded[name] for name in _TOLD}
        stored = [getattr(Return, name) for name in _TOLD]
        statement = new.on_conflict_do_update(
            constraint="returns_key",
            set_={**told, "changed_at": new.excluded.changed_at},
            where=tuple_(*stored).is_distinct_from(tuple_(*told.values())),
        ).returning(Return.id)
        while some := [_values(account, row, now) for row in islice(ordered, AT_ONCE)]:
            with self._sessions() as session, session.begin():
                written += len(session.scalars(statement, some).all())
        return written

    def mark_gone(self, report: AmazonReport, rows: Sequence[ReturnRow], now: datetime) -> int:
        """Mark the requests of the report's days that it does not show; returns how many.

        The first and the last day count for nothing, since a report may begin or end within a day.
        What has arrived is not withdrawn. A return counts only if its order is known to be of a
        marketplace that the report is about.
        """
        shown = {(row.external_id, row.reference, row.item, row.place) for row in rows}
        query = select(
            Return.id, Return.external_id, Return.reference, Return.item, Return.place
        ).where(
            Return.account == report.account,
            among(Return.fulfilled_by, {row.fulfilled_by for row in rows}),
            Return.requested_on > report.since_at.date(),
            Return.requested_on < report.until_at.date(),
            Return.arrived_on.is_(None),
            Return.gone_at.is_(None),
            exists().where(
                Order.account == Return.account,
                Order.external_id == Return.external_id,
                among(Order.marketplace_id, report.marketplace_ids),
            ),
        )
        with self._sessions() as session, session.begin():
            gone = [id_ for id_, *key in session.execute(query) if tuple(key) not in shown]
            if gone:
                session.execute(
                    update(Return).where(among(Return.id, gone)).values(gone_at=now, changed_at=now)
                )
        return len(gone)


def _values(account: str, row: ReturnRow, now: datetime) -> dict[str, Any]:
    return {
        "account": account,
        **asdict(row),
        "first_seen_at": now,
        "changed_at": now,
        "gone_at": None,
    }
