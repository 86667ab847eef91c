"""The pages of Amazon's settlements, and their files."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from pipeline.base.db import Sessions
from pipeline.finances.settlement_comparison import compare
from pipeline.finances.settlement_file import read_settlement
from pipeline.finances.settlements import store
from pipeline.finances.store import Transactions
from pipeline.orders.tables import Order
from tests.console.builders import NOW, a_shipped_order, an_order
from tests.console.builders import store as store_orders
from tests.console.conftest import SignedIn
from tests.console.reading import words_of
from tests.finances.settlement_files import (
    ENDS,
    EUROPEAN,
    ID,
    WITHOUT_ORDER,
    Line,
    a_file,
    sales,
    transactions_of,
)


def settled(
    sessions: Sessions, lines: Sequence[Line], reported: Sequence[Line], settlement_id: str = ID
) -> int:
    """A settlement of these rows, compared with the transactions of the others."""
    file = read_settlement(a_file(lines, EUROPEAN, settlement_id=settlement_id))
    stored = store(sessions, "eu", f"R{settlement_id}", file, NOW)
    Transactions(sessions).store("eu", transactions_of(reported), NOW)
    compare(sessions, "eu", ENDS + timedelta(days=7))
    return stored


def test_there_is_none_yet(viewer: SignedIn) -> None:
    assert "No settlement is read yet." in words_of(viewer.get("/settlements").text)


def test_the_list_says_whether_they_add_up(sessions: Sessions, viewer: SignedIn) -> None:
    lines = sales(12)
    settled(sessions, [*lines, *WITHOUT_ORDER], lines)
    page = words_of(viewer.get("/settlements").text)
    assert f"{ID} eu 2026-11-01 – 2026-11-15 2026-11-17" in page
    assert "12 adds up" in page
    settled(sessions, [Line(Decimal("5.00"), lines[0].order), *lines], lines)
    assert "12 adds up" in words_of(viewer.get("/settlements").text)
    settled(sessions, [Line(Decimal("5.00"), lines[0].order), *lines], lines, "2")
    page = words_of(viewer.get("/settlements").text)
    assert "differs by" in page


def test_a_settlement_names_the_line_that_differs(sessions: Sessions, viewer: SignedIn) -> None:
    lines = sales(3)
    wrong = [Line(lines[0].amount + Decimal("0.01"), lines[0].order), *lines[1:]]
    stored = settled(sessions, wrong, lines)
    page = words_of(viewer.get(f"/settlements/{stored}").text)
    assert f"{lines[0].order} 12.81 EUR 12.80 EUR 0.01 EUR" in page
    assert "Order · OurPricePrincipal · MUG-BLUE: 10.38 EUR / 10.37 EUR line 3" in page
    assert "Order · ItemFees · Commission orders 3" in page


def test_an_orders_rows_and_unknown_settlements(sessions: Sessions, viewer: SignedIn) -> None:
    lines = sales(3)
    stored = settled(sessions, lines, lines)
    page = words_of(viewer.get(f"/settlements/{stored}?order={lines[0].order}").text)
    assert f"Rows of {lines[0].order}" in page
    assert page.count("MUG-BLUE") == 3
    assert viewer.get("/settlements/99999").status_code == 404
    assert viewer.get("/settlements/99999.csv").status_code == 404


def test_the_files_have_every_row_with_a_point(sessions: Sessions, viewer: SignedIn) -> None:
    lines = [*sales(20), *WITHOUT_ORDER]
    stored = settled(sessions, lines, lines)
    answer = viewer.get(f"/settlements/{stored}.csv")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="settlement-{ID}.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    assert [Decimal(row["amount"]) for row in rows] == [line.amount for line in lines]
    assert [row["order"] for row in rows] == [line.order for line in lines]
    sums = viewer.get(f"/settlements/{stored}.csv?sums=1").get_data().decode("utf-8-sig")
    kinds = list(csv.DictReader(io.StringIO(sums)))
    assert sum(Decimal(kind["amount"]) for kind in kinds) == sum(line.amount for line in lines)
    assert {kind["belongs_to"] for kind in kinds} == {"orders", "settlement"}
    assert viewer.get(f"/settlements/{stored}.xlsx").get_data()[:2] == b"PK"


def test_what_a_spreadsheet_would_calculate_stays_text(
    sessions: Sessions, viewer: SignedIn
) -> None:
    formula = "=HYPERLINK(0)"
    kind = (formula, "+1")
    line = Line(Decimal("-1.00"), formula, kind, "@x", sku="-2", more={"promotion-id": "＝3"})
    stored = settled(sessions, [line], [])
    for query in ("", "?format=local", "?sums=1"):
        text = viewer.get(f"/settlements/{stored}.csv{query}").get_data().decode("utf-8-sig")
        delimiter = ";" if ";" in text.splitlines()[0] else ","
        cells = [cell for row in csv.reader(io.StringIO(text), delimiter=delimiter) for cell in row]
        assert f"'{formula}" in cells
        assert [cell for cell in cells if cell[:1] in "=+@＝" and cell] == []
        assert [cell for cell in cells if cell.startswith("-")] in (["-1.00"], ["-1,00"])


def test_more_rows_than_a_page_are_paged(sessions: Sessions, viewer: SignedIn) -> None:
    stored = settled(sessions, sales(70), [])
    page = viewer.get(f"/settlements/{stored}").text
    assert page.count('<tr id="row-') == 200
    assert f"/settlements/{stored}?after=202#rows" in page
    assert viewer.get(f"/settlements/{stored}?after=202").text.count('<tr id="row-') == 31


def test_today_has_the_last_settlement(sessions: Sessions, viewer: SignedIn) -> None:
    lines = sales(2)
    settled(sessions, lines, lines)
    store_orders(sessions, an_order(1))
    page = words_of(viewer.get("/").text)
    assert "Settlement until 2026-11-15" in page
    assert "adds up" in page


def test_an_order_shows_the_trail_of_its_money(sessions: Sessions, viewer: SignedIn) -> None:
    (order_id,) = store_orders(sessions, an_order(1))
    with sessions() as session, session.begin():
        order = session.get_one(Order, order_id)
        order.grand_total, order.currency = Decimal("14.36"), "EUR"
        number = order.external_id
    lines = [replace(line, order=number) for line in sales(1)]
    settled(
        sessions, [replace(lines[0], amount=lines[0].amount + Decimal("0.01")), *lines[1:]], lines
    )
    page = words_of(viewer.get(f"/orders/{order_id}").text)
    assert "Money trail does not add up" in page
    assert "paid by the buyer 14.36 EUR order 14.36 EUR transactions" in page
    assert "paid out differs by 0.01 EUR 12.81 EUR settlements 12.80 EUR transactions" in page


def test_money_is_spoken_of_once_the_parcel_has_left(sessions: Sessions, viewer: SignedIn) -> None:
    waiting, shipped = store_orders(sessions, an_order(1), a_shipped_order(2))
    assert 'id="money"' not in viewer.get(f"/orders/{waiting}").text
    assert "Amazon has shown no money of this order yet." in viewer.get(f"/orders/{shipped}").text
