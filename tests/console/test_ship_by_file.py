"""`/ship`: a file is checked, shipped, followed row by row, and taken back."""

from __future__ import annotations

import io
import re

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.operations.acts.many_orders import BulkActs
from pipeline.operations.acts.shipping_file import LARGEST
from pipeline.operations.acts.tables import BulkAct
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from tests.builders import a_vault
from tests.console.builders import NOW, an_order, store
from tests.console.conftest import SignedIn
from tests.console.reading import words_of

FIRST, SECOND = "303-0000000-0000001", "303-0000000-0000002"
FILE = f"order,carrier,tracking,items\n{FIRST},dhl,A1,MUG-1=1\n{SECOND},dpd,B1,\n9-9,dhl,C1,\n"


def upload(operator: SignedIn, text: str = FILE) -> str:
    return operator.post("/ship", {"file": (io.BytesIO(text.encode()), "shipments.csv")}).text


def form(page: str) -> dict[str, str]:
    fields = dict(re.findall(r'type="hidden" name="(token|seen)" value="([^"]*)"', page))
    (rows,) = re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", page, flags=re.DOTALL)
    return {**fields, "file": rows}


def jobs(sessions: Sessions) -> list[BulkAct]:
    with sessions() as session:
        return list(session.scalars(select(BulkAct)))


def states(sessions: Sessions) -> list[tuple[str, str]]:
    with sessions() as session:
        rows = session.scalars(select(RequestedShipmentRow))
        return sorted((row.tracking_number, row.state) for row in rows)


def test_a_file_is_checked_shipped_followed_and_taken_back(
    sessions: Sessions, operator: SignedIn
) -> None:
    store(sessions, an_order(1), an_order(2))
    page = upload(operator)
    assert "Ship 2 parcels of 2 orders?" in words_of(page)
    assert "4 9-9 dhl C1 no order has this number" in words_of(page)
    assert jobs(sessions) == []
    sent = operator.post("/ship/begin", form(page))
    (job,) = jobs(sessions)
    assert (sent.status_code, sent.headers["Location"]) == (303, f"/bulk/{job.id}")
    assert (job.act, job.author, job.orders) == ("ship", "otto", 2)
    assert operator.post("/ship/begin", form(page)).status_code == 303  # sent twice
    assert len(jobs(sessions)) == 1
    assert BulkActs(sessions, a_vault()).go_on(NOW) == 2
    assert states(sessions) == [("A1", "open"), ("B1", "open")]
    page = operator.get(f"/bulk/{job.id}").text
    assert f"2 {FIRST} dhl A1 MUG-1=1 requested" in words_of(page)
    result = operator.get(f"/bulk/{job.id}/parcels.csv")
    assert result.mimetype == "text/csv"
    assert result.text.splitlines()[1:] == [
        f"2,{FIRST},dhl,A1,MUG-1=1,requested,",
        f"3,{SECOND},dpd,B1,,requested,",
    ]
    back = operator.post(f"/bulk/{job.id}/take-back")
    page = operator.get(back.headers["Location"]).text
    assert "2 parcels are taken back." in words_of(page)
    assert "Take back what has not gone out" not in page
    assert states(sessions) == [("A1", "ended"), ("B1", "ended")]
    assert "Ship" in operator.get("/bulk").text


def test_orders_that_changed_meanwhile_are_shown_again(
    sessions: Sessions, operator: SignedIn
) -> None:
    first, _ = store(sessions, an_order(1), an_order(2))
    page = upload(operator)
    operator.post(f"/orders/{first}/ship", {"carrier": "dhl", "tracking": "X1", "title": ""})
    again = operator.post("/ship/begin", form(page))
    assert again.status_code == 409
    assert "orders have changed meanwhile" in words_of(again.text)
    assert "Ship 1 parcel of 1 order?" in words_of(again.text)
    assert jobs(sessions) == []


def test_rows_keep_their_lines_and_their_mistakes(sessions: Sessions, operator: SignedIn) -> None:
    store(sessions, an_order(1), an_order(2))
    head = "order,carrier,tracking,items\n\n"
    page = upload(operator, f"{head}{FIRST},dhl,A1,\n\n{SECOND},dpd,B1,MUG-1=1,MUG-2=1\n")
    assert f"5 {SECOND} dpd B1 MUG-1=1 more cells than headings" in words_of(page)
    assert operator.post("/ship/begin", form(page)).status_code == 303
    (job,) = jobs(sessions)
    assert BulkActs(sessions, a_vault()).go_on(NOW) == 1
    result = operator.get(f"/bulk/{job.id}/parcels.csv").text
    assert result.splitlines()[1:] == [f"3,{FIRST},dhl,A1,,requested,"]


def test_a_file_that_grows_beyond_the_limit_is_refused_at_once(operator: SignedIn) -> None:
    content = b"order,carrier,tracking\n1," + b"\xfc" * (LARGEST - 100) + b",A1\n"
    reply = operator.post("/ship", {"file": (io.BytesIO(content), "shipments.csv")})
    assert reply.status_code == 400
    assert "a file has 48 KB at most" in words_of(reply.text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("", "choose a file first"), ("hello", "its first line lacks order, carrier, tracking")],
)
def test_a_file_that_cannot_be_read_is_said(operator: SignedIn, text: str, sentence: str) -> None:
    reply = operator.post("/ship", {"file": (io.BytesIO(text.encode()), "shipments.csv")})
    assert reply.status_code == 400
    assert sentence in words_of(reply.text)


def test_a_remotes_text_is_no_formula_in_the_result(sessions: Sessions, operator: SignedIn) -> None:
    order = an_order(1)
    order.items[0].sku = "=1+1"
    store(sessions, order)
    page = upload(operator, f"order,carrier,tracking,items\n{FIRST},dhl,A1,=1+1=2\n")
    operator.post("/ship/begin", form(page))
    (job,) = jobs(sessions)
    assert f"2,{FIRST},dhl,A1,'=1+1=2," in operator.get(f"/bulk/{job.id}/parcels.csv").text


def test_viewers_upload_nothing(sessions: Sessions, viewer: SignedIn) -> None:
    for path in ("/ship", "/ship/template.csv", "/bulk/1/parcels.csv"):
        assert viewer.get(path).status_code == 403
    for path in ("/ship", "/ship/begin", "/bulk/1/take-back"):
        assert viewer.post(path).status_code == 403
    assert jobs(sessions) == []


def test_the_template_and_what_is_not_there(operator: SignedIn) -> None:
    assert operator.get("/ship/template.csv").text.startswith("\ufefforder,carrier,tracking,items")
    assert operator.get("/ship").status_code == 200
    assert operator.post("/bulk/9/take-back").status_code == 404
    assert operator.get("/bulk/9/parcels.csv").status_code == 404
    assert operator.get("/bulk/new?act=ship&whole=1").status_code == 400
