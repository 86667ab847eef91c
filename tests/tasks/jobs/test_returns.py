"""Returns from the request of a report to their rows, over real PostgreSQL and the stand-in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import event, select

from pipeline.amazon.connection import Connection
from pipeline.amazon.reports import ReportPage, ReportsApi, ReportStatus, ReportText
from pipeline.amazon.return_rows import ReturnRow, ReturnsReport
from pipeline.base.db import Sessions
from pipeline.base.errors import Transient
from pipeline.base.http import Http
from pipeline.base.incidents import Incidents
from pipeline.orders.channel_order import FulfilledBy
from pipeline.returns.reports import Reports
from pipeline.returns.returns import AT_ONCE, Returns
from pipeline.returns.tables import AmazonReport, Return
from pipeline.returns.wanting import WINDOWS
from pipeline.settings.marketplace import MarketplaceSettings
from sandbox.amazon.app import create_app
from sandbox.amazon.builders import a_line
from sandbox.amazon.builders import an_order as amazons_order
from sandbox.amazon.state import Options, open_store
from sandbox.core import make
from tasks.jobs.returns import SETTLES, ReturnsWay
from tests.amazon.scripted import an_account
from tests.builders import ACCOUNT, NOW, an_order, stored

CREDENTIALS = {
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
    "refresh_token": "Atzr|sandbox-main",
}
ORDER, FBA_ORDER = "302-5550001-5550001", "302-5550003-5550003"
MADE = timedelta(minutes=2)
DAY = timedelta(days=1)
FBM = ReturnsReport.BY_RETURN_DATE


class Crash(BaseException):
    """The process ends here."""


@dataclass
class Clock:
    """One time for us and for Amazon, moved by hand."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at

    def on(self, delta: timedelta) -> None:
        self.at += delta


class CrashingApi(ReportsApi):
    """Ends the process, or loses an answer, before or after one of its calls."""

    point: tuple[str, str] = ("", "")
    error: BaseException = Crash()

    def _crash(self, name: str, when: str) -> None:
        if (name, when) == self.point:
            raise self.error

    def create(
        self, report_type: str, marketplace_ids: Sequence[str], since: datetime, until: datetime
    ) -> str:
        self._crash("create", "before")
        report_id = super().create(report_type, marketplace_ids, since, until)
        self._crash("create", "after")
        return report_id

    def status(self, report_id: str) -> ReportStatus:
        self._crash("status", "before")
        return super().status(report_id)

    def document(self, document_id: str, marketplace_ids: Sequence[str] = ()) -> ReportText:
        self._crash("document", "before")
        text = super().document(document_id, marketplace_ids)
        self._crash("document", "after")
        return text

    def listed(self, report_type: str, created_since: datetime, token: str = "") -> ReportPage:
        self._crash("listed", "before")
        return super().listed(report_type, created_since, token)


class CrashingReturns(Returns):
    """Ends the process once all rows are stored."""

    def store(self, account: str, rows: Sequence[ReturnRow], now: datetime) -> int:
        super().store(account, rows, now)
        raise Crash


@dataclass
class Rig:
    """One account with its database and its Amazon."""

    sessions: Sessions
    url: str
    clock: Clock
    settings: MarketplaceSettings

    def api(self, kind: Callable[..., ReportsApi] = ReportsApi) -> Any:
        account = an_account(self.url, **CREDENTIALS)
        return kind(Connection(ACCOUNT, account, sleep=lambda _: None), Http(""))

    def go(self, api: ReportsApi | None = None, returns: Returns | None = None) -> None:
        """One run of the job, as by a new process."""
        way = ReturnsWay(
            Reports(self.sessions),
            returns or Returns(self.sessions),
            Incidents(self.sessions),
            api or self.api(),
            self.clock,
        )
        way.go(ACCOUNT, an_account(self.url, settings=self.settings), DAY)

    def through(self, runs: int = 3, api: ReportsApi | None = None) -> None:
        """Runs as beat would make them, until Amazon has made its reports."""
        for _ in range(runs):
            self.go(api)
            self.clock.on(MADE)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.url}/_control/{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def came_back(self, order_id: str = ORDER, **more: Any) -> int:
        at = (self.clock() - timedelta(days=3)).isoformat()
        return int(
            self.control("POST", "returns", {"order_id": order_id, "at": at, **more})["number"]
        )

    def reports(self) -> list[tuple[str, str, str | None]]:
        with self.sessions() as session:
            return [
                (report.report_type, report.state, report.outcome)
                for report in session.scalars(select(AmazonReport).order_by(AmazonReport.id))
            ]

    def of(self, kind: ReturnsReport) -> list[tuple[str, str | None]]:
        return [(state, outcome) for type_, state, outcome in self.reports() if type_ == kind]

    def returns(self) -> list[Return]:
        with self.sessions() as session:
            return list(session.scalars(select(Return).order_by(Return.id)))

    def incidents(self) -> list[tuple[str, str]]:
        return [(one.key, one.text) for one in Incidents(self.sessions).all_open()]

    def amazons(self) -> list[str]:
        return [one["reportType"] for one in self.control("GET", "reports")["reports"]]


@pytest.fixture
def rig(sessions: Sessions, tmp_path: Path) -> Iterator[Rig]:
    clock = Clock()
    store = open_store(tmp_path / "amazon.sqlite")
    server = make(create_app(store, Options(), clock=clock), 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    rig = Rig(sessions, f"http://127.0.0.1:{server.server_port}", clock, MarketplaceSettings())
    try:
        place(rig, ORDER)
        yield rig
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        store.close()


def place(rig: Rig, external_id: str, channel: FulfilledBy = FulfilledBy.MERCHANT) -> int:
    """An order here and at Amazon."""
    theirs = amazons_order(
        external_id,
        status="SHIPPED",
        lines=[a_line("MUG-BLUE", 3, title="Blaue Tasse für Öl")],
        fulfilled_by="AMAZON" if channel == FulfilledBy.AMAZON else "MERCHANT",
        created_at=NOW - 20 * DAY,
    )
    rig.control("POST", "orders", {"order": theirs})
    marketplace = theirs["salesChannel"]["marketplaceId"]
    ours = an_order(external_id=external_id, fulfilled_by=channel, marketplace_id=marketplace)
    return stored(rig.sessions, ours)


def test_a_return_is_read_from_the_report_of_the_last_sixty_days(rig: Rig) -> None:
    rig.came_back(quantity=2, columns={"Return delivery date": "20-Nov-2026"})
    rig.through()
    (row,) = rig.returns()
    assert (row.account, row.external_id, row.sku, row.quantity, row.fulfilled_by) == (
        ACCOUNT,
        ORDER,
        "MUG-BLUE",
        2,
        "FBM",
    )
    assert (row.requested_on, row.arrived_on) == (date(2026, 11, 19), date(2026, 11, 20))
    assert rig.reports() == [
        (FBM, "ended", "read"),
        # No order is of FBA, so Amazon was not asked.
        (ReturnsReport.FBA, "ended", "not needed"),
    ]
    (asked,) = rig.control("GET", "reports")["reports"]
    span = datetime.fromisoformat(asked["dataEndTime"]) - datetime.fromisoformat(
        asked["dataStartTime"]
    )
    assert (span, rig.incidents()) == (WINDOWS[FBM], [])


def test_fba_units_come_from_their_own_report(rig: Rig) -> None:
    place(rig, FBA_ORDER, FulfilledBy.AMAZON)
    rig.came_back(FBA_ORDER)
    rig.through()
    assert rig.of(ReturnsReport.FBA) == [("ended", "read")]
    (row,) = rig.returns()
    assert (row.fulfilled_by, row.requested_on, row.arrived_on) == ("FBA", None, date(2026, 11, 19))


def test_reports_are_asked_for_once_a_day(rig: Rig) -> None:
    rig.came_back()
    rig.through(6)
    assert rig.amazons() == [FBM]
    rig.clock.on(DAY)
    rig.through()
    assert rig.amazons() == [FBM, FBM]


def test_a_row_changes_with_its_return_and_an_unchanged_row_is_not_written(rig: Rig) -> None:
    number = rig.came_back()
    rig.through()
    (before,) = rig.returns()
    rig.clock.on(DAY)
    rig.through()
    (same,) = rig.returns()
    assert same.changed_at == before.changed_at
    rig.clock.on(DAY)
    columns = {"Return delivery date": "23-Nov-2026", "Refunded Amount": "59.98"}
    rig.control("POST", "returns", {"number": number, "columns": columns})
    rig.through()
    (after,) = rig.returns()
    assert (after.id, after.arrived_on, str(after.refunded_total)) == (
        before.id,
        date(2026, 11, 23),
        "59.9800",
    )
    assert (after.first_seen_at, after.changed_at > before.changed_at) == (
        before.first_seen_at,
        True,
    )


def test_a_withdrawn_request_is_marked_and_comes_back(rig: Rig) -> None:
    rig.came_back()
    number = rig.came_back()
    rig.through()
    rig.clock.on(DAY)
    withdrawn = rig.control("GET", "returns")["returns"][-1]
    rig.control("DELETE", f"returns/{number}")
    rig.through()
    first, second = rig.returns()
    assert (first.gone_at, second.gone_at is not None) == (None, True)
    rig.clock.on(DAY)
    again = {"order_id": ORDER, "at": (NOW - 3 * DAY).isoformat(), "columns": withdrawn["columns"]}
    rig.control("POST", "returns", again)
    rig.through()
    assert [row.gone_at for row in rig.returns()] == [None, None]


def test_a_report_without_rows_is_cancelled_by_amazon_and_withdraws_nothing(rig: Rig) -> None:
    number = rig.came_back()
    rig.through()
    rig.control("DELETE", f"returns/{number}")
    rig.clock.on(DAY)
    rig.through()
    assert rig.of(FBM) == [("ended", "read"), ("ended", "empty")]
    assert ([row.gone_at for row in rig.returns()], rig.incidents()) == ([None], [])


@pytest.mark.parametrize(
    "point",
    [("create", "before"), ("create", "after"), ("status", "before"), ("document", "after")],
)
def test_a_crash_between_states_loses_and_doubles_nothing(rig: Rig, point: tuple[str, str]) -> None:
    rig.came_back()
    api = rig.api(CrashingApi)
    api.__class__.point = point
    try:
        with pytest.raises(Crash):
            rig.through(4, api)
    finally:
        api.__class__.point = ("", "")
    rig.clock.on(SETTLES)
    rig.through(4)
    assert (rig.of(FBM), rig.amazons(), len(rig.returns())) == ([("ended", "read")], [FBM], 1)


def test_a_crash_after_the_rows_are_stored_stores_them_again(rig: Rig) -> None:
    rig.came_back()
    rig.go()
    rig.clock.on(MADE)
    with pytest.raises(Crash):
        rig.go(returns=CrashingReturns(rig.sessions))
    (before,) = rig.returns()
    rig.clock.on(MADE)
    rig.go()
    assert (rig.of(FBM), [row.changed_at for row in rig.returns()]) == (
        [("ended", "read")],
        [before.changed_at],
    )


def test_after_a_lost_answer_the_report_is_looked_for(rig: Rig) -> None:
    rig.came_back()
    api = rig.api(CrashingApi)
    api.__class__.point, api.__class__.error = ("create", "after"), Transient("no usable answer")
    try:
        rig.go(api)
    finally:
        api.__class__.point, api.__class__.error = ("", ""), Crash()
    assert rig.of(FBM) == [("wanted", None)]
    rig.clock.on(timedelta(minutes=6))
    rig.through()
    assert (rig.of(FBM), rig.amazons()) == ([("ended", "read")], [FBM])


@pytest.mark.parametrize(
    ("fate", "words"),
    [
        ("FATAL", "as FATAL, without a reason"),
        ("FATAL_WITH_DOCUMENT", "as FATAL, and says why in its document"),
    ],
)
def test_a_fatal_report_is_told_without_amazons_words_and_the_next_day_mends_it(
    rig: Rig, fate: str, words: str
) -> None:
    rig.came_back()
    rig.control("POST", "reports/next", {"fate": fate, "reason": "no return of Erika Muster"})
    rig.through()
    ((key, text),) = rig.incidents()
    assert (key, rig.of(FBM)) == (f"returns:{ACCOUNT}:fbm", [("ended", "fatal")])
    assert words in text
    assert "Erika" not in text
    rig.clock.on(DAY)
    rig.through()
    assert (rig.incidents(), len(rig.returns())) == ([], 1)


@pytest.mark.parametrize("fate", ["QUEUED", "STUCK"])
def test_a_report_that_is_never_made_is_given_up_and_another_is_asked_for(
    rig: Rig, fate: str
) -> None:
    rig.came_back()
    rig.control("POST", "reports/next", {"fate": fate})
    rig.through()
    rig.clock.on(timedelta(hours=13))
    rig.go()
    assert rig.of(FBM) == [("ended", "given up")]
    assert [key for key, _ in rig.incidents()] == [f"returns:{ACCOUNT}:fbm"]
    rig.clock.on(DAY)
    rig.through()
    assert (rig.of(FBM)[-1], rig.incidents()) == (("ended", "read"), [])


def test_unknown_headings_store_nothing_and_open_an_incident_that_names_them(rig: Rig) -> None:
    rig.came_back()
    rig.control("POST", "reports/next", {"renamed": {"Order ID": "Bestellnummer"}})
    rig.through()
    ((_, text),) = rig.incidents()
    assert (rig.of(FBM), rig.returns()) == ([("ended", "odd")], [])
    assert "lacks order-id" in text
    assert "bestellnummer" in text


def test_a_bad_row_is_counted_and_the_others_are_stored(rig: Rig) -> None:
    rig.came_back(columns={"Return request date": "yesterday"})
    rig.came_back()
    rig.through()
    assert (len(rig.returns()), rig.of(FBM)) == (1, [("ended", "read")])
    ((key, text),) = rig.incidents()
    assert (key, "1 row(s)" in text, "line 2" in text) == (
        f"returns:{ACCOUNT}:fbm:rows",
        True,
        True,
    )


def test_a_missing_role_is_named_the_second_time_and_found_within_the_hour(rig: Rig) -> None:
    rig.came_back()
    rig.control("POST", "roles", {"without": [FBM]})
    rig.go()
    assert (rig.incidents(), rig.amazons()) == ([], [])
    rig.clock.on(timedelta(minutes=61))
    rig.go()
    ((_, text),) = rig.incidents()
    assert "lacks the role Inventory and Order Tracking" in text
    rig.control("POST", "roles", {"without": []})
    rig.clock.on(timedelta(minutes=61))
    rig.through()
    assert (rig.incidents(), len(rig.returns())) == ([], 1)


def test_switched_off_nothing_is_asked(rig: Rig) -> None:
    rig.settings = MarketplaceSettings(returns="off")
    rig.came_back()
    rig.through()
    assert (rig.amazons(), rig.of(FBM)) == ([], [("ended", "not needed")])


def test_a_bad_row_that_is_mended_is_told_no_more(rig: Rig) -> None:
    number = rig.came_back(columns={"Return request date": "yesterday"})
    rig.through()
    assert [key for key, _ in rig.incidents()] == [f"returns:{ACCOUNT}:fbm:rows"]
    rig.control("DELETE", f"returns/{number}")
    rig.came_back()
    rig.clock.on(DAY)
    rig.through()
    assert (rig.incidents(), len(rig.returns())) == ([], 1)


def test_switching_off_closes_its_own_incidents_at_once(rig: Rig) -> None:
    rig.came_back(columns={"Return request date": "yesterday"})
    rig.through()
    incidents = Incidents(rig.sessions)
    others = ["returns:na:fbm:rows", f"invoices:{ACCOUNT}", f"finances:{ACCOUNT}:rows"]
    for key in (*others, f"returns:{ACCOUNT}:fbm", f"returns:{ACCOUNT}:fba"):
        incidents.open(key, "told", rig.clock())
    rig.settings = MarketplaceSettings(returns="off")
    rig.go()
    assert sorted(key for key, _ in rig.incidents()) == sorted(others)


def test_switched_off_an_open_report_tells_nothing_until_it_is_read_again(rig: Rig) -> None:
    rig.came_back()
    rig.control("POST", "roles", {"without": [FBM]})
    rig.go()
    rig.settings = MarketplaceSettings(returns="off")
    rig.clock.on(DAY)
    rig.through()
    assert rig.incidents() == []
    rig.control("POST", "roles", {"without": []})
    rig.settings = MarketplaceSettings()
    rig.through()
    assert len(rig.returns()) == 1


@pytest.mark.parametrize(
    "style",
    [
        {"charset": "cp1252", "content_type": "text/plain; charset=Cp1252"},
        {"charset": "cp1252", "content_type": "text/plain"},
        {"charset": "utf-8-sig", "content_type": "text/plain"},
        {"charset": "utf-8", "gzip": True, "headings": "underscores"},
        {"charset": "cp932", "content_type": "text/plain; charset=Shift_JIS", "headings": "blanks"},
    ],
)
def test_a_report_in_any_charset_and_with_any_headings(rig: Rig, style: dict[str, Any]) -> None:
    letter = "返" if style["charset"] == "cp932" else "ü"
    rig.came_back(columns={"Return Reason": f"GRUND-{letter}"})
    rig.control("POST", "reports/next", style)
    rig.through()
    assert [row.reason for row in rig.returns()] == [f"GRUND-{letter}"]


def test_ten_thousand_rows_are_stored_in_batches(sessions: Sessions) -> None:
    rows = [
        ReturnRow(
            external_id=f"302-5550001-{number:07}",
            fulfilled_by=FulfilledBy.MERCHANT,
            reference=f"RMA{number}",
            item="MUG-BLUE",
            sku="MUG-BLUE",
            asin="",
            quantity=1,
            requested_on=NOW.date(),
            arrived_on=None,
            status="Approved",
            reason="",
        )
        for number in range(10_000)
    ]
    statements: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        statements.append(statement[:20])

    engine = sessions.kw["bind"]  # type: ignore[attr-defined]
    event.listen(engine, "before_cursor_execute", note)
    try:
        new = Returns(sessions).store(ACCOUNT, rows, NOW)
        again = Returns(sessions).store(ACCOUNT, rows, NOW + DAY)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert (new, again, statements) == (
        10_000,
        0,
        ["INSERT INTO returns "] * (2 * 10_000 // AT_ONCE),
    )


def test_two_accounts_may_have_the_same_return(sessions: Sessions) -> None:
    row = ReturnRow(
        *(ORDER, FulfilledBy.MERCHANT, "RMA1", "MUG", "MUG", "", 1),
        *(NOW.date(), None, "Approved", ""),
    )
    assert [Returns(sessions).store(name, [row], NOW) for name in ("eu", "us", "eu")] == [1, 1, 0]
