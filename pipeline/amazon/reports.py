"""Amazon's Reports API 2021-06-30: asks for reports, follows them and downloads them.

Settlement reports cannot be asked for: Amazon makes them by itself, and `listed` names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import quote

from pipeline.amazon.charsets import table_of
from pipeline.amazon.connection import Connection, usable
from pipeline.amazon.downloads import download
from pipeline.amazon.json_fields import blocks, look, moment, text, words
from pipeline.amazon.replies import CREATE_REPORT, GET_REPORT, GET_REPORT_DOCUMENT, GET_REPORTS
from pipeline.base.errors import code_of
from pipeline.base.http import Http
from pipeline.base.quota import Lane

_REPORTS = "/reports/2021-06-30/reports"
_DOCUMENTS = "/reports/2021-06-30/documents"
_JAPAN = "A1VC38T7YXB528"


class ReportProcessing(StrEnum):
    """Amazon's processing status of a report; any other word ends it like FATAL.

    CANCELLED, by Amazon, means that there are no rows. FATAL may come with a document that has the
    reason.
    """

    IN_QUEUE = "IN_QUEUE"
    IN_PROGRESS = "IN_PROGRESS"
    DONE = "DONE"
    CANCELLED = "CANCELLED"
    FATAL = "FATAL"


@dataclass(frozen=True, slots=True)
class ReportStatus:
    """A report at Amazon. Its id is unique for the seller alone; `document_id` may be empty."""

    report_id: str
    report_type: str
    status: str
    document_id: str
    created_at: datetime | None
    since: datetime | None
    until: datetime | None
    marketplace_ids: tuple[str, ...]


class ReportPage(NamedTuple):
    """Reports of a list, and the token of the next page, or "" after the last page."""

    reports: Sequence[ReportStatus]
    next_token: str


class ReportText(NamedTuple):
    """A report's text, without a byte order mark, and the charset that it was written in."""

    text: str
    charset: str


@dataclass(frozen=True, slots=True)
class ReportsApi:
    """One account's reports. The methods raise the errors of `Connection`."""

    connection: Connection
    storage: Http = field(default_factory=lambda: Http(""))

    def create(
        self, report_type: str, marketplace_ids: Sequence[str], since: datetime, until: datetime
    ) -> str:
        """Ask for a report of a period and return its id.

        After a Transient that is not NotSent look for the report in `listed`: Amazon may have it.
        Source: POST /reports/2021-06-30/reports (createReport).
        """
        reply = self.connection.send(
            CREATE_REPORT,
            "POST",
            _REPORTS,
            Lane.NEW,
            body={
                "reportType": report_type,
                "marketplaceIds": list(marketplace_ids),
                "dataStartTime": _written(since),
                "dataEndTime": _written(until),
            },
        )
        return usable(CREATE_REPORT, reply, lambda body: text(body, "reportId") or None)

    def status(self, report_id: str) -> ReportStatus:
        """The status of a report. Source: GET /reports/2021-06-30/reports/{reportId}."""
        path = f"{_REPORTS}/{quote(report_id, safe='')}"
        return self.connection.read(GET_REPORT, path, {}, _status, Lane.NEW)

    def listed(self, report_type: str, created_since: datetime, token: str = "") -> ReportPage:
        """Up to 100 reports of a type that were created since then, at most 90 days ago.

        A `token` asks for the next page; Amazon takes it as the only parameter.
        Source: GET /reports/2021-06-30/reports (getReports).
        """
        query = (
            {"nextToken": token}
            if token
            else {
                "reportTypes": report_type,
                "createdSince": _written(created_since),
                "pageSize": "100",
            }
        )
        return self.connection.read(GET_REPORTS, _REPORTS, query, _page, Lane.NEW)

    def document(self, document_id: str, marketplace_ids: Sequence[str] = ()) -> ReportText:
        """A report's document, unpacked and decoded.

        Where neither the download nor its bytes tell the charset, the report's `marketplace_ids`
        do: Japan has its own. Raises Transient when it cannot be fetched or unpacked.
        Source: GET /reports/2021-06-30/documents/{reportDocumentId} (getReportDocument).
        """
        path = f"{_DOCUMENTS}/{quote(document_id, safe='')}"
        url = self.connection.read(
            GET_REPORT_DOCUMENT, path, {}, lambda body: text(body, "url") or None, Lane.NEW
        )
        answer = download(self.storage, url, "a report")
        old_charset = "cp932" if _JAPAN in marketplace_ids else "cp1252"
        return ReportText(*table_of(answer.content, answer.content_type, old_charset))


def _page(body: Any) -> ReportPage | None:
    if not isinstance(look(body, "reports"), list):
        return None
    statuses = [_status(report) for report in blocks(body, "reports")]
    return ReportPage([one for one in statuses if one is not None], text(body, "nextToken"))


def _status(body: Any) -> ReportStatus | None:
    report_id, status = text(body, "reportId"), code_of(text(body, "processingStatus").upper())
    if not report_id or not status:
        return None
    return ReportStatus(
        report_id,
        text(body, "reportType"),
        status,
        text(body, "reportDocumentId"),
        moment(body, "createdTime"),
        moment(body, "dataStartTime"),
        moment(body, "dataEndTime"),
        words(body, "marketplaceIds"),
    )


def _written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
