"""Beat's job that reads buyers' returns from Amazon's reports. A lost run does no harm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from pipeline.amazon.replies import UNAUTHORIZED
from pipeline.amazon.reports import ReportProcessing, ReportsApi
from pipeline.amazon.return_rows import ReturnsReport, UnknownHeadings, read
from pipeline.base.clock import seconds
from pipeline.base.errors import AccountStopped, NotSent, Rejected, RemoteError, Transient
from pipeline.base.incidents import Incidents
from pipeline.base.log import log
from pipeline.returns.reports import Reports
from pipeline.returns.returns import Returns
from pipeline.returns.tables import AmazonReport, ReportOutcome, ReportState
from pipeline.returns.wanting import CLOCKS_DIFFER, is_off, want_due
from pipeline.settings.model import AccountSettings
from tasks.engine.runtime import Runtime

ROLES = {
    ReturnsReport.BY_RETURN_DATE: "Inventory and Order Tracking",
    ReturnsReport.FBA: "Amazon Fulfillment",
}
LIMIT = timedelta(hours=12)
"""How long a report may be in a state; Amazon needs minutes."""
LOOK_AGAIN = timedelta(seconds=60)
AFTER_TROUBLE = timedelta(minutes=5)
WHILE_REFUSED = timedelta(hours=1)
AFTER_DEFECT = timedelta(hours=1)
# Until then an earlier call may still take effect: longer than the time-out of a reply.
SETTLES = timedelta(seconds=90)
_MOST_PAGES = 10


def read_returns(parts: Runtime, account: str) -> None:
    """Ask for the account's reports that are due, and advance each as far as possible."""
    with parts.leases.hold(f"returns:{account}", str(uuid4())) as ours:
        if ours:
            way = ReturnsWay(
                Reports(parts.sessions),
                Returns(parts.sessions),
                Incidents(parts.sessions),
                parts.clients.reports[account],
                parts.clients.now,
            )
            settings = parts.clients.in_force()
            way.go(
                account, settings.accounts[account], seconds(settings.timing.read_returns_every_s)
            )


class ReturnsWay:
    """Moves an account's reports of returns from state to state."""

    def __init__(
        self,
        reports: Reports,
        returns: Returns,
        incidents: Incidents,
        api: ReportsApi,
        now: Callable[[], datetime],
    ) -> None:
        self._reports = reports
        self._returns = returns
        self._incidents = incidents
        self._api = api
        self._now = now

    def go(self, account: str, settings: AccountSettings, every: timedelta) -> None:
        """Want the reports that are due, and advance each open report until it has to wait."""
        _, needless = want_due(self._reports, account, settings, every, self._now())
        off = is_off(settings)
        for kind in ReturnsReport if off else needless:
            for key in (_key(account, kind), f"{_key(account, kind)}:rows"):
                self._incidents.close(key, self._now())
        if off:
            return  # A report that is open goes on once they are read again.
        for report in self._reports.unended(account):
            try:
                self._go_on(report)
            except Exception:  # noqa: BLE001 - a defect with one report stops no other
                log.exception("returns.defect")
                self._reports.later(report, self._now() + AFTER_DEFECT, "a defect in this program")

    def _go_on(self, opened: AmazonReport) -> None:
        report: AmazonReport | None = opened
        while report is not None and report.due_at <= self._now():
            try:
                if not self._advance(report):
                    return
            except NotSent as error:
                self._reports.later(report, self._after(error, seconds(1.0)), report.trouble)
                return
            except (Rejected, Transient) as error:
                self._troubled(report, error)
                return
            report = self._reports.by_id(report.id)

    def _advance(self, report: AmazonReport) -> bool:
        """Advance the report by a state and commit; False when it has to wait or has ended."""
        match report.state:
            case ReportState.WANTED:
                return self._ask(report)
            case ReportState.REQUESTED:
                return self._follow(report)
            case _:
                self._read(report)
                return False

    def _ask(self, report: AmazonReport) -> bool:
        """Create the report, unless an earlier attempt has created it."""
        if report.asked_at is not None:
            return self._find(report, report.asked_at)
        if not self._reports.intend(report, self._now()):
            return False
        try:
            report_id = self._api.create(
                report.report_type, report.marketplace_ids, report.since_at, report.until_at
            )
        except (Rejected, Transient) as error:
            # Only these errors prove that Amazon created no report.
            if isinstance(error, Rejected | NotSent) or error.status == 429:
                self._reports.not_created(report)
            raise
        self._reports.requested(report, report_id, self._now())
        return True

    def _find(self, report: AmazonReport, asked_at: datetime) -> bool:
        """Look for the report of an earlier attempt; without one, it is asked for again."""
        if self._now() < asked_at + SETTLES:
            self._reports.later(report, asked_at + SETTLES, report.trouble)
            return False
        ours, token = self._reports.ids(report.account), ""
        for _ in range(_MOST_PAGES):
            page = self._api.listed(report.report_type, asked_at - CLOCKS_DIFFER, token)
            for status in page.reports:
                is_same = (status.since or report.since_at, status.until or report.until_at) == (
                    report.since_at,
                    report.until_at,
                )
                if status.report_id not in ours and is_same:
                    self._reports.requested(report, status.report_id, self._now())
                    return True
            if not (token := page.next_token):
                break
        self._reports.not_created(report)
        return True

    def _follow(self, report: AmazonReport) -> bool:
        """Read the report's progress."""
        status = self._api.status(report.report_id or "")
        match status.status:
            case ReportProcessing.IN_QUEUE | ReportProcessing.IN_PROGRESS:
                if self._is_given_up(report):
                    self._give_up(report, "Amazon did not finish the report")
                else:
                    self._reports.later(report, self._now() + LOOK_AGAIN)
                return False
            case ReportProcessing.CANCELLED:
                # We cancel none, so this is Amazon's word for a report without rows.
                self._end_well(report, ReportOutcome.EMPTY, 0, ())
                return False
            case ReportProcessing.DONE if status.document_id:
                self._reports.ready(report, status.document_id, self._now())
                return True
            case _:
                # Amazon's words about it may quote a buyer, and no order has a key for them.
                reason = (
                    "and says why in its document" if status.document_id else "without a reason"
                )
                self._end_badly(
                    report,
                    ReportOutcome.FATAL,
                    f"Amazon ended the report {status.report_id} as {status.status}, {reason}",
                )
                return False

    def _read(self, report: AmazonReport) -> None:
        """Store the rows of the report's document. Storing them twice does no harm."""
        kind = ReturnsReport(report.report_type)
        document = self._api.document(report.document_id or "", report.marketplace_ids)
        try:
            found = read(kind, document.text)
        except UnknownHeadings as error:
            self._end_badly(
                report,
                ReportOutcome.ODD,
                f"report {report.report_id} cannot be read: {error}. Nothing of it was stored, and "
                "Amazon keeps it for 90 days. Set the account's feed processing language in Seller "
                "Central to English, or report these headings to the makers of Orderbridge",
            )
            return
        now = self._now()
        changed = self._returns.store(report.account, found.rows, now)
        # A row that cannot be read may be any of those that seem to be gone.
        gone = 0 if found.bad_lines else self._returns.mark_gone(report, found.rows, now)
        log.info("returns.read", account=report.account, count=changed + gone)
        self._end_well(report, ReportOutcome.READ, len(found.rows), found.bad_lines)

    def _end_well(
        self, report: AmazonReport, outcome: ReportOutcome, rows: int, bad_lines: Sequence[int]
    ) -> None:
        now, key = self._now(), _key(report.account, report.report_type)
        if bad_lines:
            self._incidents.open(
                f"{key}:rows",
                f"account {report.account}: {len(bad_lines)} row(s) of Amazon's report "
                f"{report.report_id} of returns cannot be read, the first in line {bad_lines[0]}; "
                "the others were stored. Look at the report in Seller Central; the next one is "
                "read tomorrow",
                now,
                account=report.account,
            )
        else:
            self._incidents.close(f"{key}:rows", now)
        self._incidents.close(key, now)
        self._reports.end(report, outcome, now, rows=rows, bad_rows=len(bad_lines))

    def _troubled(self, report: AmazonReport, error: Rejected | Transient) -> None:
        """A call has failed: put the report off, or end it."""
        if isinstance(error, AccountStopped):
            self._reports.later(report, self._after(error, WHILE_REFUSED), error.told)
        elif error.code == UNAUTHORIZED:
            self._lacks_role(report, error)
        elif isinstance(error, Rejected):
            self._end_badly(report, ReportOutcome.REFUSED, str(error))
        elif self._is_given_up(report):
            self._give_up(report, error.told)
        else:
            self._reports.later(report, self._after(error, AFTER_TROUBLE), error.told)
        log.warning("returns.stopped", code=error.code, request_id=error.request_id)

    def _lacks_role(self, report: AmazonReport, error: Rejected | Transient) -> None:
        """Amazon refuses access to this report. A storm of refusals would be over in an hour."""
        role = ROLES[ReturnsReport(report.report_type)]
        why = (
            f"Amazon refuses access to its report of returns: the application lacks the role "
            f"{role}. Add the role in the Solution Provider Portal and authorise the application "
            'again in Seller Central, or set returns = "off"; orders go on meanwhile'
        )
        if self._is_given_up(report):
            self._end_badly(report, ReportOutcome.REFUSED, why)
            return
        if report.trouble == error.told:
            self._tell(report, why)
        self._reports.later(report, self._now() + WHILE_REFUSED, error.told)

    def _is_given_up(self, report: AmazonReport) -> bool:
        return self._now() >= report.state_since + LIMIT

    def _give_up(self, report: AmazonReport, why: str) -> None:
        self._end_badly(report, ReportOutcome.GIVEN_UP, why)

    def _end_badly(self, report: AmazonReport, outcome: ReportOutcome, why: str) -> None:
        self._tell(report, why)
        self._reports.end(report, outcome, self._now(), trouble=why)

    def _tell(self, report: AmazonReport, why: str) -> None:
        of = "FBA" if report.report_type == ReturnsReport.FBA else "orders that you ship"
        self._incidents.open(
            _key(report.account, report.report_type),
            f"account {report.account}: the returns of {of} could not be read. {why}. They are "
            "read again tomorrow, or after: orderbridge returns read",
            self._now(),
            account=report.account,
        )

    def _after(self, error: RemoteError, least: timedelta) -> datetime:
        return self._now() + max(least, seconds(error.retry_after_s or 0.0))


def _key(account: str, report_type: str) -> str:
    return f"returns:{account}:{'fba' if report_type == ReturnsReport.FBA else 'fbm'}"
