"""Stores settlements: a whole file in one transaction, and each settlement once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.finances.settlement_file import SettlementFile, SettlementLine
from pipeline.finances.settlement_tables import Settlement, SettlementRow

_ORDER_NUMBER = re.compile(r"[A-Z0-9]{3}-\d{7}-\d{7}")
_BATCH = 1000


def known_reports(sessions: Sessions, account: str) -> Set[str]:
    """The ids of the reports whose settlement is stored."""
    with sessions() as session:
        return set(
            session.scalars(
                select(func.unnest(Settlement.report_ids)).where(Settlement.account == account)
            )
        )


def store(
    sessions: Sessions, account: str, report_id: str, file: SettlementFile, now: datetime
) -> int:
    """Store the settlement with all its rows, and return its id.

    A settlement that is stored already keeps its rows, unless they do not add up: then the rows of
    this report replace them.
    """
    with sessions() as session, session.begin():
        stored = session.scalars(
            select(Settlement)
            .where(Settlement.account == account, Settlement.settlement_id == file.settlement_id)
            .with_for_update()
        ).one_or_none()
        if stored is None:
            stored = Settlement(
                account=account, settlement_id=file.settlement_id, report_ids=[report_id]
            )
            session.add(stored)
        else:
            if report_id not in stored.report_ids:
                stored.report_ids = [*stored.report_ids, report_id]
            if not stored.file_difference:
                return stored.id
            session.execute(delete(SettlementRow).where(SettlementRow.settlement_id == stored.id))
        stored.starts_at, stored.ends_at = file.starts_at, _end(file, now)
        stored.deposited_at, stored.currency = file.deposited_at, file.currency
        stored.total_amount, stored.lines_total = file.total_amount, file.lines_total
        stored.lines, stored.read_at, stored.compared_at = len(file.lines), now, None
        session.flush()
        _insert(session, stored.id, file.lines)
        return stored.id


def _insert(session: Session, settlement_id: int, lines: Iterable[SettlementLine]) -> None:
    rows = [
        {
            "settlement_id": settlement_id,
            "is_of_order": bool(_ORDER_NUMBER.fullmatch(line.external_id)),
            **asdict(line),
        }
        for line in lines
    ]
    for start in range(0, len(rows), _BATCH):
        session.execute(insert(SettlementRow), rows[start : start + _BATCH])


def _end(file: SettlementFile, now: datetime) -> datetime:
    """The settlement's end; the last posting counts where the summary names none."""
    posted = [line.posted_at for line in file.lines if line.posted_at is not None]
    return file.ends_at or max(posted, default=now)
