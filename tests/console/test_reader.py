"""Each page in its reader's zone, language and way to write dates and numbers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from flask import Flask, g
from flask.ctx import RequestContext
from flask.testing import FlaskClient
from sqlalchemy import select

from pipeline.access.tables import PersonRecord
from pipeline.base.db import Sessions
from pipeline.console import words
from pipeline.console.reader import reader
from pipeline.operations.lists.filters import Filters, ShipBy, read
from pipeline.operations.lists.orders import Listing
from tests.builders import unknown_to_the_database
from tests.console.builders import NOW, a_held_order, an_order, store
from tests.console.conftest import SignedIn

EVENING = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def _in(app: Flask, accept: str = "", cookie: str = "") -> RequestContext:
    return app.test_request_context(headers={"Accept-Language": accept, "Cookie": cookie})


@pytest.mark.parametrize(
    ("accept", "full", "short", "amount", "ago"),
    [
        ("", "2026-03-11 00:30", "11 Mar 00:30", "1,234.50 EUR", "12 h ago"),
        ("fr;q=0.9", "2026-03-11 00:30", "11 Mar 00:30", "1,234.50 EUR", "12 h ago"),
        ("en-US", "Mar 11, 2026 12:30\u202fAM", "Mar 11 12:30\u202fAM", "1,234.50 EUR", "12 h ago"),
        ("en-GB,en", "11 Mar 2026 00:30", "11 Mar 00:30", "1,234.50 EUR", "12 h ago"),
        ("de", "11.03.2026 00:30", "11. März 00:30", "1.234,50 EUR", "vor 12 Std."),
        ("xx-!!,de-CH", "11.03.2026 00:30", "11. März 00:30", "1'234.50 EUR", "vor 12 Std."),
    ],
)
def test_the_browsers_language_decides_how_values_are_written(
    app_without_database: Flask, accept: str, full: str, short: str, amount: str, ago: str
) -> None:
    with _in(app_without_database, accept, "orderbridge-zone=Europe/Berlin"):
        assert words.local(EVENING) == full
        assert words.short(EVENING, NOW) == short
        assert words.price(Decimal("1234.50"), "EUR") == amount
        assert words.ago(NOW, datetime(2026, 3, 11, tzinfo=UTC)) == ago
        assert words.utc(EVENING) == "2026-03-10 23:30"


@pytest.mark.parametrize("zone", ["Nowhere/At_All", "../../etc/passwd", "", "Europe", "UTC"])
def test_an_unknown_zone_is_utc(app_without_database: Flask, zone: str) -> None:
    with _in(app_without_database, cookie=f"orderbridge-zone={zone}"):
        assert reader().zone.key == "UTC"


def test_a_negative_amount_and_more_digits_than_the_currency_has_stay(
    app_without_database: Flask,
) -> None:
    with _in(app_without_database, "de"):
        assert words.price(Decimal("-0.5"), "EUR") == "-0,50 EUR"
        assert words.price(Decimal("1999.999"), "EUR") == "1.999,999 EUR"
        assert words.price(Decimal(5000), "JPY") == "5.000 JPY"
        assert words.price(None, "EUR") == ""


def test_what_a_person_chose_wins_over_the_browser(
    app: Flask, sessions: Sessions, browser: SignedIn
) -> None:
    (order_id,) = store(sessions, a_held_order(1, ship_by_at=EVENING))
    sent = {"language": "de", "time_zone": "America/New_York"}
    assert browser.post("/account/preferences", sent).status_code == 303
    page = browser.get(f"/orders/{order_id}", headers={"Accept-Language": "en-US"}).text
    assert '<html lang="de">' in page
    assert "America/New_York" in page
    assert "10.03.2026 19:30" in page
    assert 'title="2026-03-10 23:30 UTC"' in page
    browser.post("/account/preferences", {"language": "", "time_zone": ""})
    page = browser.get("/account").text
    assert '<html lang="en">' in page
    assert "Times are in the zone UTC." in page


def test_nothing_unknown_is_kept(sessions: Sessions, viewer: SignedIn) -> None:
    sent = {"language": "xx", "time_zone": "Nowhere/At_All"}
    assert viewer.post("/account/preferences", sent).status_code == 303
    with sessions() as session:
        person = session.scalars(select(PersonRecord)).one()
    assert (person.language, person.time_zone) == (None, None)


def test_the_login_speaks_the_language_that_was_chosen_there(client: FlaskClient) -> None:
    page = client.get("/login?next=/held").text
    assert 'href="/language/de?next=/held"' in page
    reply = client.get("/language/de?next=/held")
    assert (reply.status_code, reply.headers["Location"]) == (303, "/login?next=/held")
    assert "Passwort" in client.get("/login").text
    assert client.get("/language/xx").status_code == 404
    assert client.get("/language/en?next=//elsewhere.test").headers["Location"].startswith("/login")


def test_the_days_of_filters_are_the_readers(sessions: Sessions) -> None:
    """11 March begins in Berlin at 23:00 UTC, and the night of summer time has 23 hours."""
    store(
        sessions,
        an_order(1, purchased_at=datetime(2026, 3, 10, 22, 59, tzinfo=UTC)),
        an_order(2, purchased_at=datetime(2026, 3, 10, 23, 0, tzinfo=UTC)),
        an_order(3, purchased_at=datetime(2026, 3, 29, 21, 59, tzinfo=UTC)),
        an_order(4, purchased_at=datetime(2026, 3, 29, 22, 0, tzinfo=UTC)),
    )
    asked = read({"from": "2026-03-11", "until": "2026-03-29"}, {}, BERLIN)
    assert _numbers(sessions, asked.filters) == [3, 2]
    assert asked.filters == Filters(placed_from=date(2026, 3, 11), placed_until=date(2026, 3, 29))


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kolkata"])
def test_ship_by_today_is_the_readers_day(sessions: Sessions, zone: str) -> None:
    own = ZoneInfo(zone)
    midnight = datetime.now(own).replace(hour=0, minute=0, second=0, microsecond=0)
    store(
        sessions,
        *(
            an_order(number, ship_by_at=midnight.replace(hour=hour).astimezone(UTC))
            for number, hour in ((1, 0), (2, 23))
        ),
        an_order(3, ship_by_at=(midnight.astimezone(UTC)).replace(year=midnight.year + 1)),
    )
    found = _numbers(sessions, Filters(ship_by=ShipBy.TODAY, zone=own))
    assert sorted(found) == [1, 2]


def test_the_database_need_not_know_the_readers_zone(sessions: Sessions) -> None:
    """The images of PostgreSQL lack the older names, which browsers still report."""
    zone = unknown_to_the_database("Asia/Kolkata")
    midnight = datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    store(
        sessions,
        an_order(1, ship_by_at=midnight.astimezone(UTC)),
        an_order(2, ship_by_at=midnight.astimezone(UTC) - timedelta(seconds=1)),
    )
    assert _numbers(sessions, Filters(ship_by=ShipBy.TODAY, zone=zone)) == [1]


def test_a_late_order_and_the_number_of_ticked_ones_are_told_in_german(
    sessions: Sessions, operator: SignedIn
) -> None:
    store(sessions, an_order(1, ship_by_at=NOW - timedelta(hours=1)))
    page = operator.get("/orders", headers={"Accept-Language": "de"}).text
    assert '<small class="late">verspätet, vor 1 Std.</small>' in page
    assert 'data-ticked="angekreuzt"' in page


def test_the_reader_is_read_once_for_a_request(app_without_database: Flask) -> None:
    with _in(app_without_database, "de"):
        assert reader() is reader() is g.reader


def _numbers(sessions: Sessions, filters: Filters) -> list[int]:
    page = Listing(sessions).page(filters, after=None, before=None)
    return [int(order.external_id[-7:]) for order in page.orders]
