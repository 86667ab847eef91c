"""Many orders at once: following an act, and stopping it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import delete, select

from pipeline.base.db import Sessions
from pipeline.operations.acts.many_orders import APART, Act, BulkActs
from pipeline.operations.lists.bulk_acts import Acts, PassedOver, Since
from pipeline.operations.lists.filters import Filters
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Order, Status
from tests.builders import a_vault, with_keys
from tests.console.builders import NOW, a_held_order, an_order, store
from tests.console.bulk import HELD, begin, change, fields, notes, only
from tests.console.conftest import SignedIn
from tests.console.reading import words_of


def test_a_viewer_chooses_nothing_and_follows_everything(
    sessions: Sessions, viewer: SignedIn
) -> None:
    store(sessions, a_held_order(1))
    act_id = begin(sessions, Filters(Status.HELD))
    page = viewer.get("/orders").text
    assert 'id="bulk"' not in page
    assert 'name="order"' not in page
    assert viewer.get(HELD).status_code == 403
    assert viewer.post(HELD, {"why": "sold", "seen": "1"}).status_code == 403
    assert viewer.post(f"/bulk/{act_id}/stop").status_code == 403
    assert viewer.get("/bulk").status_code == 200
    followed = viewer.get(f"/bulk/{act_id}")
    assert followed.status_code == 200
    assert 'id="stop"' not in followed.text
    assert only(sessions).ended_at is None


def test_the_page_of_an_act_says_how_far_it_is_and_whether_it_helped(
    sessions: Sessions, operator: SignedIn
) -> None:
    ids = store(sessions, *(a_held_order(number) for number in range(1, 9)))
    act_id = begin(sessions, Filters(Status.HELD))
    page = operator.get(f"/bulk/{act_id}")
    assert 'max="8" value="0"' in page.text
    assert "Retry: 8 orders bulk job 1" in re.sub(r"job \d+", "job 1", words_of(page.text))
    assert "0 done, 0 passed over, 8 to do Stop" in words_of(page.text)
    assert "data-live" in page.text
    change(sessions, ids[0], status=Status.RUNNING)
    BulkActs(sessions, a_vault()).go_on(NOW)
    again = NOW + timedelta(minutes=15)
    change(sessions, ids[1], due_at=again)
    change(sessions, ids[2], due_at=again, hold_code=HoldCode.OUT_OF_STOCK)
    change(sessions, ids[3], status=Status.WAITING, hold_code=None, due_at=again)
    change(sessions, ids[4], status=Status.READY, hold_code=None)
    change(sessions, ids[5], status=Status.DONE, hold_code=None, due_at=None)
    change(sessions, ids[6], status=Status.CANCELLED, hold_code=None, due_at=None)
    words = words_of(operator.get(f"/bulk/{act_id}?fragment=1").text)
    assert "7 done, 1 passed over, 0 to do Chosen status held By anna, 2026-03-10 12:00" in words
    assert (
        "1 in line 1 going on 1 waiting 2 held again 1 done 1 cancelled "
        "1 out of stock 1 sku not found"
    ) in words
    assert "Passed over 303-0000000-0000001 : a step is running or about to run" in words
    assert "Stop" not in words


def test_an_operator_stops_an_act_and_the_page_says_who(
    sessions: Sessions, operator: SignedIn
) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    act_id = begin(sessions, Filters(Status.HELD))
    for _ in range(2):
        reply = operator.post(f"/bulk/{act_id}/stop")
        assert (reply.status_code, reply.headers["Location"]) == (303, f"/bulk/{act_id}")
    words = words_of(operator.get(f"/bulk/{act_id}").text)
    assert "0 done, 0 passed over, 1 left as they were Stopped by otto, 2026-03-10 12:00" in words
    assert BulkActs(sessions, a_vault()).go_on(NOW) == 0
    assert notes(sessions) == []
    with sessions() as session:
        assert session.get_one(Order, order_id).due_at == NOW + timedelta(minutes=40)


def test_the_acts_are_listed_newest_first(sessions: Sessions, viewer: SignedIn) -> None:
    store(sessions, a_held_order(1), an_order(2))
    begin(sessions, Filters(Status.HELD))
    BulkActs(sessions, a_vault()).go_on(NOW)
    begin(sessions, Filters(Status.WAITING), Act.DISMISS, "sold <i>twice</i>")
    page = viewer.get("/bulk")
    assert (
        "Ignore status waiting anna 10 Mar 12:00 1 0 0 under way "
        "Retry status held anna 10 Mar 12:00 1 1 0 ended 10 Mar 12:00"
    ) in words_of(page.text)
    for path in ("/orders", "/held"):
        assert viewer.get(path).text.count('id="all-acts" href="/bulk"') == 1


def test_no_act_yet_is_said_so_and_one_that_is_not_there(viewer: SignedIn) -> None:
    assert "There is no bulk job yet." in viewer.get("/bulk").text
    reply = viewer.get("/bulk/7")
    assert reply.status_code == 404
    assert "There is no such bulk job." in reply.text


def test_no_page_names_what_a_browser_would_not_load(
    app: Flask, sessions: Sessions, operator: SignedIn
) -> None:
    store(sessions, a_held_order(1))
    act_id = begin(sessions, Filters(Status.HELD))
    for path in (HELD, "/bulk", f"/bulk/{act_id}", "/orders", "/held"):
        page = operator.get(path).text
        assert not re.search(r"\son\w+=|style=|<script>|javascript:", page)
        ids = re.findall(r'\bid="([^"]+)"', page)
        assert len(ids) == len(set(ids))
        for field in re.findall(r"<(?:input|select)\b(?![^>]*hidden)[^>]*>", page):
            name = re.search(r'\bid="([^"]+)"', field)
            is_labelled = name is not None and re.search(f'<label [^>]*for="{name[1]}"', page)
            is_within = re.search(rf"<label[^>]*>\s*{re.escape(field)}\s*[^<\s]", page)
            assert is_labelled or is_within or "aria-label=" in field


def test_what_is_gone_and_what_was_dismissed_since_is_told(sessions: Sessions) -> None:
    gone, kept = store(sessions, a_held_order(1), a_held_order(2))
    act_id = begin(sessions, Filters(Status.HELD), Act.DISMISS, "sold")
    with sessions() as session, session.begin():
        session.execute(delete(Order).where(Order.id == gone))
    BulkActs(sessions, a_vault()).go_on(NOW)
    progress = Acts(sessions).progress(act_id)
    assert progress is not None
    assert progress.passed_over == [PassedOver(gone, "", "it has been deleted")]
    assert {name: number for name, number in progress.since.items() if number} == {
        Since.DISMISSED: 1
    }
    with sessions() as session:
        assert session.get_one(Order, kept).dismissed_at == NOW


def test_what_a_job_ignored_is_resumed_by_another_job(
    sessions: Sessions, operator: SignedIn, viewer: SignedIn
) -> None:
    ids = store(sessions, *(a_held_order(number) for number in range(1, 6)))
    with_keys(sessions)
    act_id = begin(sessions, Filters(Status.HELD), Act.DISMISS, "sold")
    assert 'id="undo"' not in operator.get(f"/bulk/{act_id}").text
    BulkActs(sessions, a_vault()).go_on(NOW)
    assert 'id="undo"' not in viewer.get(f"/bulk/{act_id}").text
    # One was resumed by hand, another one also, and ignored once more for another reason.
    operator.post(f"/orders/{ids[0]}/take-up")
    operator.post(f"/orders/{ids[1]}/take-up")
    change(sessions, ids[1], status=Status.DONE, dismissed_at=NOW + timedelta(hours=1))
    page = operator.get(f"/bulk/{act_id}").text
    assert "Resume all 4" in words_of(page)
    address = f"/bulk/new?act=resume&undo={act_id}"
    question = operator.get(address)
    assert "Resume 3 orders now? Chosen ignored by bulk job 1 Orders 3 orders" in (
        words_of(question.text).replace(f"job {act_id}", "job 1")
    )
    reply = operator.post(address, fields(question.text))
    assert reply.status_code == 303
    BulkActs(sessions, a_vault()).go_on(NOW)
    with sessions() as session:
        orders = session.scalars(select(Order).order_by(Order.id)).all()
    assert [(order.status, order.dismissed_at is None) for order in orders] == [
        (Status.WAITING, True),
        (Status.DONE, False),
        *[(Status.WAITING, True)] * 3,
    ]
    due = [order.due_at for order in orders[2:] if order.due_at is not None]
    assert sorted(due) == [NOW + place * APART for place in range(3)]
    assert [text for _, _, text in notes(sessions)][-2:] == ["dismissed it", "resumed it"]
    words = words_of(operator.get(reply.headers["Location"]).text)
    assert "Resume: 3 orders" in words
    assert "3 done, 0 passed over, 0 to do" in words


@pytest.mark.parametrize("undo", ["", "7", "x"])
def test_only_a_job_that_ignored_orders_is_undone(
    sessions: Sessions, operator: SignedIn, undo: str
) -> None:
    store(sessions, a_held_order(1))
    begin(sessions, Filters(Status.HELD))
    reply = operator.get(f"/bulk/new?act=resume&undo={undo or only(sessions).id}")
    assert reply.status_code == 404
