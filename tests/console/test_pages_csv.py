"""The file of the listed orders: exactly those, however many, and nothing that calculates."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select

from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.console.app import create_app
from pipeline.console.xlsx import MIMETYPE, Cell, workbook
from pipeline.operations.lists.columns import CHOOSABLE, IN_CSV
from pipeline.orders.tables import Note
from pipeline.settings.console import ConsoleSettings
from tests.console.builders import (
    NOW,
    a_held_order,
    a_pending_order,
    a_shipped_order,
    an_item,
    an_order,
    some_settings,
    store,
)
from tests.console.conftest import SignedIn
from tests.console.test_pages_orders import BUYER, bought_by, notes
from tests.security_log import rows as logged_rows

COLUMNS = tuple(column.name for column in IN_CSV)


def rows(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_a_row_has_all_facts_in_the_columns_that_are_documented(
    sessions: Sessions, viewer: SignedIn
) -> None:
    (order_id,) = store(
        sessions,
        a_shipped_order(
            1, items=[an_item(1), an_item(2, quantity=1)], programs=["PRIME", "PREMIUM"]
        ),
    )
    bought_by(sessions, order_id)
    reply = viewer.get("/orders.csv")
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert reply.headers["Content-Disposition"] == 'attachment; filename="orders-20260310-1200.csv"'
    (row,) = rows(reply.text)
    assert tuple(row) == COLUMNS
    updated_at = row.pop("updated_at")
    assert (len(updated_at), updated_at[-1]) == (20, "Z")
    assert list(row.values()) == [
        *("303-0000000-0000001", "000000001", "eu", "DE", "german", "FBM", "done"),
        *("sync_tracking", "SHIPPED", "G. O.", "41.97", "EUR"),
        *("2026-03-10T11:00:00Z", "2026-03-10T17:00:00Z"),
        *("2 x MUG-1; 1 x MUG-2", "00340434161094015902", "PRIME; PREMIUM", "", ""),
    ]
    assert BUYER not in reply.text


def test_the_columns_are_those_of_the_manual() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    table = manual.partition("| column | what it is |")[2].partition("\n\n")[0]
    named = [
        name
        for row in table.splitlines()
        for name in re.findall(r"`(\w+)`", "".join(row.split("|")[1:2]))
    ]
    on_the_page = {column.name for column in CHOOSABLE}
    assert sorted(named) == sorted({*COLUMNS, *on_the_page})


def test_the_file_is_exactly_what_is_filtered_in_its_order(
    sessions: Sessions, browser: SignedIn
) -> None:
    store(
        sessions,
        *(an_order(number, grand_total=Decimal(number)) for number in range(1, 602)),
        an_order(602, grand_total=None),
        a_held_order(603),
        a_pending_order(604),
    )
    reply = browser.get("/orders.csv?status=waiting&min=3&currency=EUR&sort=-total")
    numbers = [int(row["amazon_number"][-7:]) for row in rows(reply.text)]
    assert numbers == list(range(601, 2, -1))
    everything = rows(browser.get("/orders.csv?all=1&currency=EUR&sort=total").text)
    assert [row["amazon_number"][-3:] for row in everything[-2:]] == ["601", "602"]
    assert len(rows(browser.get("/orders.csv?all=1").text)) == 604


def test_an_empty_file_has_its_headings(browser: SignedIn) -> None:
    assert browser.get("/orders.csv?status=held").text == "\ufeff" + ",".join(COLUMNS) + "\r\n"


def test_what_a_spreadsheet_would_calculate_stays_text(
    sessions: Sessions, browser: SignedIn
) -> None:
    evil = '=HYPERLINK("https://evil.example")'
    store(
        sessions,
        a_held_order(
            1,
            external_id="@SUM(1)",
            magento_increment_id="+49",
            hold_reason=evil,
            remote_status="-1",
            programs=["\tTAB", "PRIME"],
            grand_total=Decimal("-5.5"),
        ),
    )
    (row,) = rows(browser.get("/orders.csv").text)
    assert row["note"] == f"'{evil}"
    assert (row["amazon_number"], row["magento_number"]) == ("'@SUM(1)", "'+49")
    assert (row["amazon_status"], row["programs"]) == ("'-1", "'\tTAB; PRIME")
    assert row["total"] == "-5.50"


SIGNS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫", "−", "=\u0338")
BEFORE = (
    *("", " ", "\u00a0", "\u3000", "\t", "\r", "\n", "\x1f", "\x7f"),
    *("\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\u180e", "\u034f", "\ufe0f"),
    *("'", '"', "`", "´", "‘", "’", "“", "”", "„", "＇", "＂"),
    *(" \u200b\t", '"\ufeff ', "' \u2060"),
)


@pytest.mark.parametrize("sign", SIGNS)
def test_no_sign_before_a_formula_hides_it(
    sessions: Sessions, browser: SignedIn, sign: str
) -> None:
    texts = [f"{before}{sign}1+1" for before in BEFORE]
    store(sessions, *(a_held_order(number, hold_reason=text) for number, text in enumerate(texts)))
    found = {row["note"] for row in rows(browser.get("/orders.csv").text)}
    assert found == {f"'{text}" for text in texts}


@pytest.mark.parametrize(
    "text",
    ["a", "Tea = coffee", "a-b", "ａ＝b", "'s-Hertogenbosch", '"quoted" - text', "…", "１＋１"],
)
def test_text_that_is_no_formula_stays_as_it_is(
    sessions: Sessions, browser: SignedIn, text: str
) -> None:
    store(sessions, a_held_order(1, hold_reason=text))
    (row,) = rows(browser.get("/orders.csv").text)
    assert row["note"] == text


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_filter_that_cannot_be_read_makes_no_file(
    sessions: Sessions, operator: SignedIn, method: str
) -> None:
    store(sessions, an_order(1))
    reply = getattr(operator, method)("/orders.csv?min=much")
    assert reply.status_code == 400
    assert "min: Write an amount as" in reply.text


def test_names_are_in_it_on_request_and_each_order_says_so(
    sessions: Sessions, operator: SignedIn
) -> None:
    ids = store(sessions, an_order(1), an_order(2), a_held_order(3))
    for order_id in (ids[0], ids[2]):
        bought_by(sessions, order_id)
    reply = operator.post("/orders.csv?status=waiting", {"why": "accounting"})
    assert [row["buyer"] for row in rows(reply.text)] == [BUYER, ""]
    assert notes(sessions) == [(ids[0], "otto", "exported the buyer's name")]
    (line,) = logged_rows(sessions, Action.NAMES_EXPORTED)
    assert (line.person, line.facts) == ("otto", {"orders": 1, "why": "accounting"})


@pytest.mark.parametrize("form", [{}, {"why": ""}, {"why": "for Berta Buyer"}])
def test_names_need_one_of_the_reasons(
    sessions: Sessions, operator: SignedIn, form: dict[str, str]
) -> None:
    (order_id,) = store(sessions, an_order(1))
    bought_by(sessions, order_id)
    reply = operator.post("/orders.csv", form)
    assert (reply.status_code, BUYER in reply.text) == (400, False)
    assert "Choose why you need the buyers’ names" in reply.text
    assert logged_rows(sessions, Action.NAMES_EXPORTED) == []


def test_a_file_with_names_has_a_limit(sessions: Sessions) -> None:
    console = ConsoleSettings(names_per_export=2)
    settings = some_settings().model_copy(update={"console": console})
    operator = SignedIn(create_app(settings, sessions, lambda: NOW), sessions, "otto")
    for order_id in store(sessions, *(an_order(number) for number in range(3))):
        bought_by(sessions, order_id)
    reply = operator.post("/orders.csv", {"why": "shipping"})
    assert (reply.status_code, BUYER in reply.text) == (400, False)
    assert "A file with names may have 2 orders" in reply.text
    assert logged_rows(sessions, Action.NAMES_EXPORTED) == []
    fewer = operator.post("/orders.csv?number=303-0000000-0000001", {"why": "shipping"})
    assert [row["buyer"] for row in rows(fewer.text)] == [BUYER]
    assert len(rows(operator.get("/orders.csv").text)) == 3


def test_looking_at_the_file_without_names_is_not_noted(
    sessions: Sessions, operator: SignedIn
) -> None:
    (order_id,) = store(sessions, an_order(1))
    bought_by(sessions, order_id)
    operator.get("/orders.csv")
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Note)) == 0


def test_the_local_file_is_as_the_readers_spreadsheet_writes(
    sessions: Sessions, viewer: SignedIn
) -> None:
    store(sessions, a_shipped_order(1, ship_by_at=NOW.replace(hour=23, minute=30)))
    viewer.live_in("Europe/Berlin")
    reply = viewer.get("/orders.csv?format=local", headers={"Accept-Language": "de"})
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(io.StringIO(reply.text.removeprefix("\ufeff")), delimiter=";")
    assert row["total"] == "41,97"
    assert row["ship_by_at (Europe/Berlin)"] == "11.3.2026 00:30"
    assert row["purchased_at (Europe/Berlin)"] == "10.3.2026 12:00"
    (row,) = csv.DictReader(
        io.StringIO(viewer.get("/orders.csv?format=local").text.removeprefix("\ufeff"))
    )
    assert row["total"] == "41.97"
    assert row["ship_by_at (Europe/Berlin)"] == "2026-03-11 00:30"
    reply = viewer.get("/orders.csv?format=local", headers={"Accept-Language": "en-US"})
    (row,) = csv.DictReader(io.StringIO(reply.text.removeprefix("\ufeff")))
    assert row["ship_by_at (Europe/Berlin)"] == "3/11/2026 12:30 AM"


def test_the_workbook_has_numbers_dates_and_texts(sessions: Sessions, viewer: SignedIn) -> None:
    store(
        sessions,
        a_held_order(2, hold_reason="=1+1 & <b>\t", currency="JPY", grand_total=Decimal(5000)),
        a_shipped_order(1, ship_by_at=NOW.replace(hour=23, minute=30)),
    )
    viewer.live_in("Europe/Berlin")
    reply = viewer.get("/orders.xlsx?sort=number")
    assert reply.headers["Content-Type"] == MIMETYPE
    assert reply.headers["Content-Disposition"].endswith('orders-20260310-1200.xlsx"')
    sheet = load_workbook(io.BytesIO(reply.data)).worksheets[0]
    heading, first, second = sheet.iter_rows()
    names = [cell.value for cell in heading]
    assert names == [f"{n} (Europe/Berlin)" if n.endswith("_at") else n for n in COLUMNS]
    own, other = (dict(zip(COLUMNS, row, strict=True)) for row in (first, second))
    assert own["total"].value == 41.97
    assert own["total"].number_format == "#,##0.00"
    assert own["ship_by_at"].value == datetime(2026, 3, 11, 0, 30)  # noqa: DTZ001 - a wall's clock
    assert own["tracking_numbers"].value == "00340434161094015902"
    assert (other["total"].value, other["total"].number_format) == (5000, "#,##0")
    assert other["note"].value == "=1+1 & <b>\t"
    assert other["note"].data_type == "s"
    assert other["note"].quotePrefix
    assert not own["amazon_number"].quotePrefix


def test_the_workbook_is_made_while_it_is_sent(sessions: Sessions) -> None:
    """Of many rows, nothing is kept: what was made is given away slice by slice."""
    made: list[int] = []

    def slices() -> Iterator[list[list[Cell]]]:
        for number in range(20):
            made.append(number)
            ids = range(number * 100, (number + 1) * 100)
            yield [[f"{one}\x0b", Decimal(one)] for one in ids]

    parts = workbook(["name", "number"], slices())
    begun = next(parts)
    assert made == [0]
    whole = [begun, *parts]
    assert len(whole) == 21
    sheet = load_workbook(io.BytesIO(b"".join(whole)), read_only=True).worksheets[0]
    rows = list(sheet.iter_rows(values_only=True))
    assert (len(rows), rows[-1]) == (2001, ("1999", 1999))


def test_names_are_in_the_workbook_on_request_and_the_log_says_so(
    sessions: Sessions, operator: SignedIn
) -> None:
    (order_id,) = store(sessions, an_order(1))
    bought_by(sessions, order_id)
    assert operator.post("/orders.xlsx").status_code == 400
    reply = operator.post("/orders.xlsx", {"why": "shipping"})
    sheet = load_workbook(io.BytesIO(reply.data)).worksheets[0]
    assert BUYER in [cell.value for cell in list(sheet.iter_rows())[1]]
    assert [row.action for row in logged_rows(sessions)][-1] == Action.NAMES_EXPORTED
