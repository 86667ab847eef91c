"""`/print`: the pick list, packing slips with a reason, and both as PDF."""

from __future__ import annotations

import re
import zlib
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.console.paper_pdf import Paper, pick_list_pdf, slips_pdf
from pipeline.operations.lists.packing import Packing
from pipeline.orders.channel_order import Address
from pipeline.orders.tables import Note, OrderPrivate
from tests.buyers_orders import NAME, PHONE, STREET, taken_in
from tests.console.builders import NOW, a_held_order, a_shipped_order, an_item, an_order, store
from tests.console.conftest import SignedIn
from tests.console.reading import words_of
from tests.security_log import rows as logged_rows

READY: dict[str, Any] = {
    **{"step": "ship_order", "status": "waiting", "magento_order_id": 900, "shown": True},
    **{"magento_state": "processing", "magento_increment_id": "000000018"},
}
WHY = {"why": "shipping"}


def notes(sessions: Sessions) -> list[tuple[int, str, str]]:
    with sessions() as session:
        rows = session.scalars(select(Note).order_by(Note.id))
        return [(note.order_id, note.author, note.text) for note in rows]


def test_a_pick_list_adds_up_by_sku_and_names_nobody(
    sessions: Sessions, operator: SignedIn
) -> None:
    first, second, held = store(
        sessions,
        an_order(1, items=[an_item(1), an_item(2)]),
        an_order(2, items=[an_item(1, quantity=3)]),
        a_held_order(3),
    )
    query = f"order={second}&order={first}&order={held}&order={first}"
    page = words_of(operator.get(f"/print/pick-list?{query}").text)
    assert "5 MUG-1 Mug, model 1 303-0000000-0000002 × 3, 303-0000000-0000001 × 2" in page
    assert "2 MUG-2 Mug, model 2 303-0000000-0000001 × 2" in page
    assert "303-0000000-0000003 it is not ready to be shipped in Magento" in page
    assert "Print for 2 orders" in words_of(operator.get(f"/print?{query}").text)
    reply = operator.get(f"/print/pick-list.pdf?{query}")
    assert (reply.mimetype, reply.data[:5]) == ("application/pdf", b"%PDF-")
    assert (notes(sessions), logged_rows(sessions, Action.DISCLOSED)) == ([], [])


def test_all_of_a_filter_is_chosen_up_to_a_limit(sessions: Sessions, operator: SignedIn) -> None:
    store(sessions, *(an_order(number) for number in range(1, 202)), a_shipped_order(900))
    assert "Print for 1 order" in words_of(
        operator.get("/print?whole=1&number=303-0000000-0000007").text
    )
    reply = operator.get("/print?whole=1&status=waiting")
    assert reply.status_code == 400
    assert "At most 200 orders are printed at once" in words_of(reply.text)
    assert operator.get("/print").status_code == 400


def test_slips_show_addresses_for_a_reason_and_say_so(
    sessions: Sessions, operator: SignedIn
) -> None:
    shown = taken_in(sessions, **READY, items=[an_item(1)])
    purged = taken_in(sessions, **READY, items=[an_item(1)])
    with sessions() as session, session.begin():
        gone = update(OrderPrivate).where(OrderPrivate.order_id == purged)
        session.execute(gone.values(wrapped_key=None, sealed=None))
    query = f"order={shown}&order={purged}"
    page = operator.get(f"/print?{query}").text
    assert NAME not in page
    reply = operator.post(f"/print/slips?{query}", WHY)
    assert f"{NAME} {STREET} 95028 Hof DE" in words_of(reply.text)
    assert "2 MUG-1 Mug, model 1" in words_of(reply.text)
    assert "its personal data was purged" in words_of(reply.text)
    assert PHONE not in reply.text
    assert reply.headers["Cache-Control"] == "no-store"
    assert notes(sessions) == [(shown, "otto", "printed the packing slip")]
    (row,) = logged_rows(sessions, Action.DISCLOSED)
    assert (row.person, row.facts) == (
        "otto",
        {"what": "packing slips", "orders": 1, "why": "shipping"},
    )
    reply = operator.post(f"/print/slips.pdf?{query}", WHY)
    assert (reply.mimetype, reply.data[:5]) == ("application/pdf", b"%PDF-")
    assert NAME.encode() not in reply.data
    assert len(notes(sessions)) == 2
    assert operator.post(f"/print/slips.pdf?order={purged}", WHY).status_code == 409


@pytest.mark.parametrize("form", [{}, {"why": ""}, {"why": "for Berta"}])
@pytest.mark.parametrize("path", ["/print/slips", "/print/slips.pdf"])
def test_slips_need_one_of_the_reasons(
    sessions: Sessions, operator: SignedIn, path: str, form: dict[str, str]
) -> None:
    order_id = taken_in(sessions, **READY)
    reply = operator.post(f"{path}?order={order_id}", form)
    assert (reply.status_code, NAME in reply.text) == (400, False)
    assert (notes(sessions), logged_rows(sessions, Action.DISCLOSED)) == ([], [])


def test_viewers_print_nothing(sessions: Sessions, viewer: SignedIn) -> None:
    order_id = taken_in(sessions, **READY)
    for path in ("/print", "/print/pick-list", "/print/pick-list.pdf"):
        assert viewer.get(f"{path}?order={order_id}").status_code == 403
    for path in ("/print/slips", "/print/slips.pdf"):
        assert viewer.post(f"{path}?order={order_id}", WHY).status_code == 403
    assert notes(sessions) == []


def letters(pdf: bytes) -> str:
    """What the fonts of a file say that their glyphs stand for."""
    found = ""
    for part in re.findall(rb"stream\n(.*?)\nendstream", pdf, flags=re.DOTALL):
        stream = part
        with suppress(zlib.error):
            stream = zlib.decompress(part)
        for code in re.findall(rb"<[0-9A-F]{4}> <([0-9A-F]{4})>\n", stream):
            found += chr(int(code, 16))
    return found


def test_letters_of_the_world_are_in_the_file(caplog: pytest.LogCaptureFixture) -> None:
    order = an_order(1, id=7, items=[an_item(1, quantity_fulfilled_before=0)])
    address = Address(
        name="Łukasz Жанна", lines=("日本橋 1", "Ελλάδα"), city="Şişli ő", country="JP"
    )
    has = letters(slips_pdf(Packing([order], []), {7: address}, NOW))
    assert set("ŁukaszЖанна日本橋ΕλλάδαŞişliőJP") <= set(has)
    assert "□" not in has
    boxed = letters(slips_pdf(Packing([order], []), {7: replace(address, name="مرحبا 한")}, NOW))
    assert "□" in boxed
    assert "م" not in boxed
    assert caplog.text == ""


def test_long_lists_go_over_several_pages() -> None:
    items = [
        an_item(number, sku=f"SKU-{'LONG-' * 20}{number}", quantity_fulfilled_before=0)
        for number in range(1, 90)
    ]
    pdf = pick_list_pdf(Packing([an_order(1, id=7, items=items)], []), NOW)
    assert len(re.findall(rb"/Type /Page\b(?!s)", pdf)) > 4


def test_a_page_without_boxes_has_no_word_of_them() -> None:
    paper = Paper("x", NOW)
    boxes = []
    for text in ("한", "日本"):
        paper.page()
        paper.line(text)
        boxes.append(paper.has_boxes)
    assert boxes == [True, False]
    assert paper.content()
