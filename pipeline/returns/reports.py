"""Reports in the database: which are wanted, and how far each has come.

WANTED ─createReport─▶ REQUESTED ─DONE─▶ READY ─stored─▶ ENDED. Each state is committed before the
next call, so that after a crash the row tells which call may have happened. A report asked for
twice costs a call, and its rows are stored once. A report is changed only as it was read, so that a
late answer cannot throw one back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.elements import ColumnElement

from pipeline.amazon.return_rows import ReturnsReport
from pipeline.base.db import Sessions
from pipeline.orders.tables import Order
from pipeline.returns.tables import AmazonReport, ReportOutcome, ReportState


class Reports:
    """The reports of all accounts. Each method is its own short transaction."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def unended(self, account: str) -> Sequence[AmazonReport]:
        """The account's reports that have not ended, the oldest first."""
        with self._sessions() as session:
            return session.scalars(
                select(AmazonReport)
                .where(AmazonReport.account == account, AmazonReport.state != ReportState.ENDED)
                .order_by(AmazonReport.id)
            ).all()

    def latest(self, account: str) -> Mapping[str, AmazonReport]:
        """The account's newest report of each type."""
        newest = (
            select(func.max(AmazonReport.id))
            .where(AmazonReport.account == account)
            .group_by(AmazonReport.report_type)
        )
        with self._sessions() as session:
            found = session.scalars(select(AmazonReport).where(AmazonReport.id.in_(newest)))
            return {report.report_type: report for report in found}

    def by_id(self, report_id: int) -> AmazonReport | None:
        """A report as it is now; None once it has ended."""
        with self._sessions() as session:
            return session.scalar(select(AmazonReport).where(*_open(report_id)))

    def want(
        self,
        account: str,
        kind: ReturnsReport,
        marketplace_ids: Sequence[str],
        since: datetime,
        until: datetime,
        now: datetime,
    ) -> bool:
        """Want a report; False when one of its type has not ended."""
        return self._add(
            account, kind, marketplace_ids, since, until, now, state=ReportState.WANTED
        )

    def not_needed(self, account: str, kind: ReturnsReport, now: datetime) -> None:
        """Note that the account needs no such report now, so that it is not worked out again."""
        self._add(
            *(account, kind, [], now, now, now),
            state=ReportState.ENDED,
            ended_at=now,
            outcome=ReportOutcome.NOT_NEEDED,
        )

    def _add(
        self,
        account: str,
        kind: ReturnsReport,
        marketplace_ids: Sequence[str],
        since: datetime,
        until: datetime,
        now: datetime,
        **values: Any,
    ) -> bool:
        row = {
            "account": account,
            "report_type": kind,
            "marketplace_ids": list(marketplace_ids),
            "since_at": since,
            "until_at": until,
            "created_at": now,
            "state_since": now,
            "due_at": now,
            **values,
        }
        adding = insert(AmazonReport).values(row).on_conflict_do_nothing()
        with self._sessions() as session, session.begin():
            return session.scalar(adding.returning(AmazonReport.id)) is not None

    def intend(self, report: AmazonReport, now: datetime) -> bool:
        """Record that createReport is about to be called; False when another worker calls it."""
        return report.asked_at is None and self._change(report, asked_at=now)

    def not_created(self, report: AmazonReport) -> None:
        """Amazon has no such report, so it may be asked for again."""
        self._change(report, asked_at=None)

    def requested(self, report: AmazonReport, report_id: str, now: datetime) -> None:
        """Amazon has the report, under this id."""
        self._change(
            report,
            state=ReportState.REQUESTED,
            state_since=now,
            report_id=report_id,
            trouble=None,
        )

    def ready(self, report: AmazonReport, document_id: str, now: datetime) -> None:
        """Amazon has made the report; its document is to be read."""
        self._change(
            report,
            state=ReportState.READY,
            state_since=now,
            document_id=document_id,
            trouble=None,
        )

    def later(self, report: AmazonReport, due_at: datetime, trouble: str | None = None) -> None:
        """Put the report off until `due_at`; `trouble` is the reason unless Amazon is only slow."""
        self._change(report, due_at=due_at, trouble=trouble)

    def retry(self, account: str, now: datetime) -> int:
        """Let the account's open reports go on now, whatever they wait for; returns how many."""
        with self._sessions() as session, session.begin():
            return len(
                session.scalars(
                    update(AmazonReport)
                    .where(AmazonReport.account == account, AmazonReport.state != ReportState.ENDED)
                    .values(due_at=now)
                    .returning(AmazonReport.id)
                ).all()
            )

    def end(
        self,
        report: AmazonReport,
        outcome: ReportOutcome,
        now: datetime,
        *,
        rows: int | None = None,
        bad_rows: int | None = None,
        trouble: str | None = None,
    ) -> None:
        """End the report."""
        self._change(
            report,
            state=ReportState.ENDED,
            state_since=now,
            ended_at=now,
            outcome=outcome,
            rows=rows,
            bad_rows=bad_rows,
            trouble=trouble,
        )

    def ids(self, account: str) -> set[str]:
        """Amazon's ids of the account's reports."""
        with self._sessions() as session:
            ids = session.scalars(
                select(AmazonReport.report_id).where(AmazonReport.account == account)
            )
            return {report_id for report_id in ids if report_id is not None}

    def sold_in(self, account: str, since: datetime) -> Sequence[tuple[str, str]]:
        """The marketplaces and channels of the account's orders placed since then."""
        query = (
            select(Order.marketplace_id, Order.fulfilled_by)
            .where(Order.account == account, Order.purchased_at >= since)
            .distinct()
            .order_by(Order.marketplace_id, Order.fulfilled_by)
        )
        with self._sessions() as session:
            return [
                (marketplace_id, channel)
                for marketplace_id, channel in session.execute(query)
                if marketplace_id and channel
            ]

    def _change(self, report: AmazonReport, **values: Any) -> bool:
        """Write these columns, in the database and in `report`, if it is as it was read."""
        with self._sessions() as session, session.begin():
            changed = session.scalar(
                update(AmazonReport)
                .where(
                    *_open(report.id),
                    AmazonReport.state == report.state,
                    AmazonReport.asked_at.is_not_distinct_from(report.asked_at),
                )
                .values(**values)
                .returning(AmazonReport.id)
            )
        if changed is None:
            return False
        for name, value in values.items():
            setattr(report, name, value)
        return True


def _open(report_id: int) -> tuple[ColumnElement[bool], ...]:
    return AmazonReport.id == report_id, AmazonReport.state != ReportState.ENDED
