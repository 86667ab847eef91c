"""`orderbridge returns`."""

from __future__ import annotations

import json
from datetime import timedelta

from sqlalchemy import select

from pipeline.base.clock import utc_now
from pipeline.base.db import Sessions
from pipeline.returns.tables import AmazonReport
from tests.builders import an_order, stored
from tests.cli.conftest import Run
from tests.console.test_returns import a_return, keep

ORDER = "302-5550001-5550001"


def test_what_is_to_be_refunded_is_listed(sessions: Sessions, orderbridge: Run) -> None:
    none = orderbridge("returns", "list")
    assert (none.exit_code, none.stdout) == (1, "No return to refund.\n")
    today = utc_now().date()
    keep(
        sessions,
        a_return(ORDER, requested_on=today - timedelta(days=9), arrived_on=today),
        a_return(ORDER, reference="2", requested_on=today, arrived_on=None),
    )
    listed = orderbridge("returns", "list")
    assert listed.exit_code == 0
    heading, line = listed.stdout.splitlines()
    assert (heading.split()[0], line.split()[:3]) == ("ORDER", [ORDER, "MUG-BLUE", "2"])
    (told,) = json.loads(orderbridge("returns", "list", "--json").stdout)
    assert (told["external_id"], told["order_id"], told["business_days_left"]) == (ORDER, None, 2)
    assert len(json.loads(orderbridge("returns", "list", "--all", "--json").stdout)) == 2


def test_reading_now_wants_the_reports_that_the_account_needs(
    sessions: Sessions, orderbridge: Run
) -> None:
    nothing = orderbridge("returns", "read")
    assert (nothing.exit_code, nothing.stdout) == (1, "eu: 0 reports are read.\n")
    stored(sessions, an_order(account="eu", purchased_at=utc_now()))
    again = orderbridge("returns", "read", "--json")
    assert json.loads(again.stdout) == [{"account": "eu", "reports": 1}]
    with sessions() as session:
        open_ones = session.scalars(
            select(AmazonReport.report_type).where(AmazonReport.state == "wanted")
        ).all()
    assert open_ones == ["GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE"]
    # A report that is open is read, not wanted a second time.
    twice = orderbridge("returns", "read")
    assert (twice.exit_code, twice.stdout) == (0, "eu: 1 report is read.\n")


def test_an_unknown_account_is_refused(orderbridge: Run) -> None:
    assert orderbridge("returns", "read", "--account", "nowhere").exit_code == 2
