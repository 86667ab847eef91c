"""Reads the settlements that Amazon has made for an account: it makes them by itself, about every
two weeks, and keeps their reports for 90 days. They cannot be asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from sqlalchemy import select

from pipeline.amazon.replies import UNAUTHORIZED
from pipeline.amazon.reports import ReportProcessing, ReportsApi, ReportStatus
from pipeline.base.db import Sessions
from pipeline.base.errors import NotSent, RemoteError, Transient
from pipeline.base.incidents import Incidents
from pipeline.base.log import log
from pipeline.base.money import written
from pipeline.finances.settlement_file import REPORT_TYPE, UnreadableSettlement, read_settlement
from pipeline.finances.settlement_tables import Settlement
from pipeline.finances.settlements import known_reports, store

KEPT_FOR = timedelta(days=90)
"""How long Amazon keeps a report; older ones cannot be listed."""
_LISTED = KEPT_FOR - timedelta(hours=1)
_TOLD_FOR = timedelta(days=30)
_MOST_PAGES = 20
_MOST_FILES = 10


def lease(account: str) -> str:
    """The name of the lease for the account's settlements: one reads and compares them at a time,
    a worker or a command."""
    return f"settlements:{account}"


class SettlementReading:
    """Takes the reports of an account that are not stored yet, the newest first."""

    def __init__(self, sessions: Sessions, now: Callable[[], datetime]) -> None:
        self._sessions = sessions
        self._now = now
        self._incidents = Incidents(sessions)

    def read(self, account: str, reports: ReportsApi) -> int:
        """Store the new settlements, at most ten in a run, and return their number.

        A file that cannot be read is left at Amazon and read again in the next run; an incident
        says so. Without the role for it nothing is read, and an incident names the role.
        """
        role = f"settlements_role:{account}"
        try:
            # The newest first: ten that cannot be read must not hide those that come after them.
            found = sorted(_finished(reports, self._now() - _LISTED), key=_created, reverse=True)
        except Transient as error:
            if error.code != UNAUTHORIZED:
                raise
            self._incidents.open(role, _NO_ROLE.format(account), self._now(), account=account)
            return 0
        self._incidents.close(role, self._now())
        known = known_reports(self._sessions, account)
        new, refused, is_whole = 0, list[str](), True
        for report in [one for one in found if one.report_id not in known]:
            if new == _MOST_FILES or len(refused) == _MOST_FILES:
                is_whole = False
                break
            try:
                text = reports.document(report.document_id, report.marketplace_ids).text
                store(self._sessions, account, report.report_id, read_settlement(text), self._now())
                new += 1
            except NotSent:
                is_whole = False
                break  # The quota is used up: the next run goes on.
            except (RemoteError, UnreadableSettlement) as error:
                refused.append(f"{report.report_id}: {error}")
        # A file that was refused before may be among those that were not reached.
        if refused or is_whole:
            self._tell_refused(account, refused)
        self._tell_differing(account)
        log.info("settlements.ended", account=account, count=new)
        return new

    def leave_off(self, account: str) -> None:
        """Close what is told of the account's settlements: they are not to be read any more."""
        for key in ("settlements_role", "settlement_unreadable", "settlement_total"):
            self._incidents.close(f"{key}:{account}", self._now())

    def _tell_refused(self, account: str, refused: list[str]) -> None:
        key, now = f"settlement_unreadable:{account}", self._now()
        if not refused:
            self._incidents.close(key, now)
            return
        text = (
            f"{len(refused)} settlement report(s) of account {account} cannot be read and are not "
            f"stored. Download them in Seller Central, and report the sentence: {refused[0]}"
        )
        self._incidents.open(key, text, now, account=account)

    def _tell_differing(self, account: str) -> None:
        """An incident for a month while a settlement's rows do not come to its total."""
        key, now = f"settlement_total:{account}", self._now()
        query = (
            select(Settlement)
            .where(
                Settlement.account == account,
                Settlement.read_at > now - _TOLD_FOR,
                Settlement.lines_total != Settlement.total_amount,
            )
            .order_by(Settlement.ends_at.desc())
        )
        with self._sessions() as session:
            wrong = session.scalars(query).all()
        if not wrong:
            self._incidents.close(key, now)
            return
        one = wrong[0]
        difference = written(one.file_difference, one.currency)
        text = (
            f"The rows of {len(wrong)} settlement(s) of account {account} do not come to their "
            f"total: settlement {one.settlement_id} by {difference} {one.currency}. All rows are "
            "stored; compare them with Seller Central before you book them"
        )
        self._incidents.open(key, text, now, account=account)


_NO_ROLE = (
    "Amazon refuses the settlement reports of account {}: give the application the role Finance "
    "and Accounting in Seller Central and authorise it again. Orders go on"
)


def _finished(reports: ReportsApi, since: datetime) -> Iterator[ReportStatus]:
    """The finished settlement reports since then, over all pages of the list."""
    token = ""
    for _ in range(_MOST_PAGES):
        page = reports.listed(REPORT_TYPE, since, token)
        for report in page.reports:
            is_finished = report.status == ReportProcessing.DONE and report.document_id
            if is_finished and report.report_type == REPORT_TYPE:
                yield report
        if not page.next_token or page.next_token == token:
            return
        token = page.next_token


def _created(report: ReportStatus) -> tuple[bool, str]:
    at = report.created_at
    return at is None, f"{at:%Y%m%d%H%M%S}" if at else report.report_id
