"""What all people did, from every table that says so, in pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from pipeline.base.db import Sessions
from pipeline.monitoring.purging import AUTHOR
from pipeline.operations.acts.address import PRINTED
from pipeline.operations.acts.map_sku import SkuDecisions
from pipeline.operations.lists.activity import PAGE_SIZE, Deed, Kind, Place, activity
from pipeline.operations.lists.filters import Filters
from pipeline.orders.tables import Note, Status
from pipeline.settings.overrides import SettingOverride, save
from tests.builders import signed
from tests.console.builders import NOW, a_held_order, store
from tests.console.bulk import begin


def _note(order_id: int, minutes: int, author: str, text: str) -> Note:
    at = NOW + timedelta(minutes=minutes)
    return Note(order_id=order_id, at=at, author=author, text=text)


def test_every_kind_of_act_is_there_and_can_be_asked_for(sessions: Sessions) -> None:
    first, second = store(sessions, a_held_order(1), a_held_order(2))
    with sessions() as session, session.begin():
        session.add_all(
            [
                _note(first, 1, "otto", "wrote a note"),
                _note(first, 2, "anna", "released"),
                _note(second, 2, "anna", "released"),
                _note(first, 3, AUTHOR, "ended, as its data was purged"),
            ]
        )
    bulk = begin(sessions, Filters(status=Status.HELD))
    SkuDecisions(sessions, ["eu"], "otto", NOW + timedelta(minutes=4)).sell_as("eu", "POT-1", "POT")
    override = SettingOverride("eu", None, "out_of_stock", "backorder")
    save(sessions, override, why="as told", by=signed("anna", NOW + timedelta(minutes=5)))
    deeds, following = activity(sessions)
    assert following is None
    assert [(one.author, one.text.split()[0], one.times) for one in deeds[:4]] == [
        ("anna", "changed", 1),
        ("otto", "mapped", 1),
        ("anna", "released", 2),
        ("otto", "wrote", 1),
    ]
    assert [one.bulk_act for one in deeds if one.bulk_act] == [bulk]
    assert AUTHOR not in {one.author for one in deeds}
    for kind, texts in (
        (Kind.RETRY, ["released"]),
        (Kind.NOTE, ["wrote a note"]),
        (Kind.HOLD, []),
        (Kind.SKU, ["mapped POT-1 as POT"]),
        (Kind.SETTING, ['changed out_of_stock of eu to "backorder"']),
    ):
        assert [one.text for one in activity(sessions, kind=kind)[0]] == texts
    assert {one.text for one in activity(sessions, by="otto")[0]} >= {"wrote a note"}
    assert "released" not in {one.text for one in activity(sessions, by="otto")[0]}


def test_its_pages_have_each_act_once(sessions: Sessions) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    number = 2 * PAGE_SIZE + 10
    with sessions() as session, session.begin():
        # Many at the same time, so that a page ends among equals.
        session.add_all(
            _note(order_id, one // 7, "otto", f"wrote a note {one}") for one in range(number)
        )
    for one in range(3):
        SkuDecisions(sessions, ["eu"], "otto", NOW).sell_as("eu", f"POT-{one}", "POT")
    seen: list[Deed] = []
    place, pages = None, 0
    while pages == 0 or place is not None:
        deeds, place = activity(sessions, after=Place.parse(str(place)) if place else None)
        seen += deeds
        pages += 1
    assert pages == 3
    texts = [deed.text for deed in seen]
    assert len(texts) == len(set(texts)) == number + 3
    assert [deed.at for deed in seen] == sorted((deed.at for deed in seen), reverse=True)


@pytest.mark.parametrize(
    "text",
    ["", "x", "2026-03-10T12:00:00~note~1", "soon~note~1", "2026-03-10T12:00:00+00:00~note~-1"],
)
def test_a_damaged_place_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a place|Invalid isoformat"):
        Place.parse(text)


def test_a_printed_packing_slip_is_a_disclosure(sessions: Sessions) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    with sessions() as session, session.begin():
        session.add(_note(order_id, 1, "otto", PRINTED))
    assert [one.text for one in activity(sessions, kind=Kind.BUYER)[0]] == [PRINTED]


def test_an_index_bounds_where_a_page_goes_on(sessions: Sessions) -> None:
    store(sessions, a_held_order(1))
    asked: list[tuple[str, Any]] = []

    def keep(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        if "FROM notes" in statement:
            asked.append((statement, parameters))

    with sessions() as session:
        engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", keep)
    activity(sessions, kind=Kind.NOTE, after=Place(NOW, "note", 7))
    event.remove(engine, "before_cursor_execute", keep)
    ((statement, parameters),) = asked
    with sessions() as session:
        connection = session.connection()
        # A small table is read whole otherwise.
        for way in ("seqscan", "bitmapscan", "sort"):
            connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
    assert any("Index Cond: (ROW(at, id) <" in line for line in plan), plan
