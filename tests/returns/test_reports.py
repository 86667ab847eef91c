"""A report's row moves on only as it was read: a late worker throws none back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from pipeline.amazon.return_rows import ReturnsReport
from pipeline.base.db import Sessions
from pipeline.returns.reports import Reports
from pipeline.returns.tables import AmazonReport, ReportOutcome, ReportState
from tests.builders import ACCOUNT, GERMANY, NOW

LATER = NOW + timedelta(hours=1)
MOVES: dict[str, Callable[[Reports, AmazonReport], object]] = {
    "intend": lambda reports, report: reports.intend(report, LATER),
    "not_created": lambda reports, report: reports.not_created(report),
    "requested": lambda reports, report: reports.requested(report, "late", LATER),
    "ready": lambda reports, report: reports.ready(report, "late", LATER),
    "later": lambda reports, report: reports.later(report, LATER, "late"),
    "end": lambda reports, report: reports.end(report, ReportOutcome.FATAL, LATER),
}


def wanted(reports: Reports, account: str = ACCOUNT) -> int:
    assert reports.want(account, ReturnsReport.FBA, [GERMANY], NOW, NOW, NOW)
    (report,) = reports.unended(account)
    return report.id


def the_row(sessions: Sessions, report_id: int) -> dict[str, Any]:
    with sessions() as session:
        report = session.get_one(AmazonReport, report_id)
        return {column.name: getattr(report, column.name) for column in report.__table__.columns}


@pytest.mark.parametrize("move", MOVES)
def test_a_late_worker_throws_no_report_back(sessions: Sessions, move: str) -> None:
    reports = Reports(sessions)
    report_id = wanted(reports)
    before = reports.by_id(report_id)
    mine = reports.by_id(report_id)
    assert before is not None
    assert mine is not None
    assert reports.intend(mine, NOW)
    asked = reports.by_id(report_id)
    assert asked is not None
    stages: list[Callable[[], object]] = [
        lambda: None,
        lambda: reports.requested(mine, "r-1", NOW),
        lambda: reports.ready(mine, "d-1", NOW),
        lambda: reports.end(mine, ReportOutcome.READ, NOW, rows=1, bad_rows=0),
    ]
    for stage in stages:
        stage()
        now = the_row(sessions, report_id)
        for seen in [before] if now["state"] == ReportState.WANTED else [before, asked]:
            MOVES[move](reports, seen)
            assert the_row(sessions, report_id) == now
    assert now["state"] == ReportState.ENDED


def test_equal_reports_of_two_accounts_are_apart(sessions: Sessions) -> None:
    reports = Reports(sessions)
    ours, others = wanted(reports), wanted(reports, "na")
    mine = reports.by_id(ours)
    assert mine is not None
    untouched = the_row(sessions, others)
    assert reports.intend(mine, NOW)
    reports.requested(mine, "r-1", NOW)
    assert the_row(sessions, others) == untouched
    assert reports.ids("na") == set()
