"""Settlements from Amazon's list of reports to their rows, over PostgreSQL and the stand-in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import func, select

from pipeline.amazon.connection import Connection
from pipeline.amazon.finances import FinancesApi
from pipeline.amazon.reports import ReportsApi
from pipeline.base.db import Sessions
from pipeline.base.http import Http
from pipeline.base.incidents import Incidents
from pipeline.base.quota import Lane
from pipeline.finances.settlement_comparison import compare
from pipeline.finances.settlement_file import REPORT_TYPE
from pipeline.finances.settlement_reading import SettlementReading
from pipeline.finances.settlement_tables import Settlement, SettlementRow
from pipeline.finances.store import Transactions
from sandbox.amazon.app import create_app
from sandbox.amazon.builders import a_line
from sandbox.amazon.builders import an_order as amazons_order
from sandbox.amazon.state import Options, open_store
from sandbox.core import make
from tests.amazon.scripted import an_account
from tests.builders import ACCOUNT, NOW
from tests.finances.settlement_files import (
    EUROPEAN,
    WITHOUT_ORDER,
    Line,
    a_file,
    an_order_number,
    sales,
)

CREDENTIALS = {
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
    "refresh_token": "Atzr|sandbox-main",
}
DAY = timedelta(days=1)


@dataclass
class Rig:
    """One account with its database and its Amazon."""

    sessions: Sessions
    url: str

    def read(self) -> int:
        """One reading; the settlements that were new."""
        account = an_account(self.url, **CREDENTIALS)
        api = ReportsApi(Connection(ACCOUNT, account, sleep=lambda _: None), Http(""))
        return SettlementReading(self.sessions, lambda: NOW).read(ACCOUNT, api)

    def makes(self, text: str, **style: Any) -> None:
        """Amazon makes a settlement."""
        body = {"report_type": REPORT_TYPE, "text": text, **style}
        self.control("reports", body)

    def control(self, path: str, body: Any) -> None:
        """Ask for something beside the API."""
        requests.post(f"{self.url}/_control/{path}", json=body, timeout=10).raise_for_status()

    def settlements(self) -> list[Settlement]:
        """All that are stored."""
        with self.sessions() as session:
            return list(session.scalars(select(Settlement).order_by(Settlement.id)))

    def rows(self) -> int:
        """The number of all rows."""
        with self.sessions() as session:
            return session.scalar(select(func.count()).select_from(SettlementRow)) or 0

    def incidents(self) -> list[str]:
        """The keys of the open ones."""
        return [one.key for one in Incidents(self.sessions).all_open()]


@pytest.fixture
def rig(sessions: Sessions, tmp_path: Path) -> Iterator[Rig]:
    store = open_store(tmp_path / "amazon.sqlite")
    server = make(create_app(store, Options(), clock=lambda: NOW), 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Rig(sessions, f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    thread.join()
    server.server_close()
    store.close()


def test_a_settlement_is_taken_once_with_all_its_rows(rig: Rig) -> None:
    lines = [*sales(30), *WITHOUT_ORDER]
    rig.makes(a_file(lines, EUROPEAN), charset="cp1252", content_type="text/plain", gzip=True)
    assert rig.read() == 1
    assert rig.read() == 0
    (one,) = rig.settlements()
    assert one.file_difference == 0
    assert (one.lines, rig.rows()) == (len(lines), len(lines))
    assert rig.incidents() == []


def test_only_reports_of_the_last_90_days_are_asked_for(rig: Rig) -> None:
    old = (NOW - timedelta(days=91)).isoformat()
    rig.makes(a_file(sales(1)), created_at=old)
    assert rig.read() == 0


def test_a_file_that_does_not_add_up_is_kept_and_told(rig: Rig) -> None:
    lines = sales(3)
    total = sum((line.amount for line in lines), Decimal("0.01"))
    rig.makes(a_file(lines, total=total))
    assert rig.read() == 1
    (one,) = rig.settlements()
    assert one.file_difference == Decimal("-0.01")
    assert rig.rows() == len(lines)
    assert rig.incidents() == [f"settlement_total:{ACCOUNT}"]
    # Amazon makes it again, right.
    rig.makes(a_file(lines))
    rig.read()
    assert [one.file_difference for one in rig.settlements()] == [0]
    assert rig.incidents() == []


def test_a_file_that_cannot_be_read_stops_no_other(rig: Rig) -> None:
    rig.makes(a_file([Line(Decimal("10.00"))]).replace("10.00", "10,00", 1))
    rig.makes(a_file(sales(2), settlement_id="2"))
    assert rig.read() == 1
    assert [one.settlement_id for one in rig.settlements()] == ["2"]
    assert rig.incidents() == [f"settlement_unreadable:{ACCOUNT}"]


def test_an_unreadable_file_is_told_until_it_is_gone(rig: Rig) -> None:
    """A run that did not reach it, for want of quota or after ten others, tells of it still."""
    old = (NOW - timedelta(days=89)).isoformat()
    rig.makes(a_file([Line(Decimal("10.00"))]).replace("10.00", "10,00", 1), created_at=old)
    rig.read()
    assert rig.incidents() == [f"settlement_unreadable:{ACCOUNT}"]
    for number in range(11):
        rig.makes(a_file(sales(1), settlement_id=str(number + 2)))
    assert rig.read() == 10
    assert rig.incidents() == [f"settlement_unreadable:{ACCOUNT}"]


def test_switching_off_closes_its_own_incidents(rig: Rig) -> None:
    incidents = Incidents(rig.sessions)
    others = [f"settlement_total:{ACCOUNT}2", f"returns:{ACCOUNT}:fbm", f"finances:{ACCOUNT}"]
    own = ("settlements_role", "settlement_unreadable", "settlement_total")
    for key in (*others, *(f"{name}:{ACCOUNT}" for name in own)):
        incidents.open(key, "told", NOW)
    SettlementReading(rig.sessions, lambda: NOW).leave_off(ACCOUNT)
    assert sorted(rig.incidents()) == sorted(others)


def test_a_missing_role_is_named_until_it_is_given(rig: Rig) -> None:
    rig.makes(a_file(sales(1)))
    rig.control("roles", {"without": [REPORT_TYPE]})
    assert rig.read() == 0
    (told,) = Incidents(rig.sessions).all_open()
    assert "Finance and Accounting" in told.text
    rig.control("roles", {"without": []})
    assert rig.read() == 1
    assert rig.incidents() == []


@pytest.mark.parametrize("style", [{}, {"comma": True, "points": True}])
def test_200_orders_of_amazons_own_books_come_to_nothing(rig: Rig, style: dict[str, bool]) -> None:
    for number in range(1, 201):
        unit = str(Decimal(500 + number * 37) / 100)
        line = a_line("MUG-BLUE", 1 + number % 2, unit=unit, shipping="4.99")
        order = amazons_order(
            an_order_number(number), lines=[line], created_at=NOW - DAY, status="SHIPPED"
        )
        rig.control("orders", {"order": order})
    rig.control("settlements", {"equal_rows": True, **style})
    account = an_account(rig.url, **CREDENTIALS)
    finances = FinancesApi(Connection(ACCOUNT, account, sleep=lambda _: None))
    token: str | None = None
    while True:
        page = finances.page(NOW - 30 * DAY, NOW - timedelta(minutes=3), token, Lane.NEW)
        Transactions(rig.sessions).store(ACCOUNT, page.transactions, NOW)
        token = page.next_token
        if token is None:
            break
    assert rig.read() == 1
    assert compare(rig.sessions, ACCOUNT, NOW) == 0
    (one,) = rig.settlements()
    assert one.file_difference == one.orders_difference == 0
    assert (one.orders, one.unread_orders, one.differing_orders) == (200, 0, 0)
