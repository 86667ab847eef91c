"""Refunds that were made at Amazon: on the order's page, in the list, and settled by a person."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.orders.tables import Note, Order
from pipeline.refunds.made_at_amazon_tables import MadeAtAmazon
from tests.builders import NOW, stored
from tests.console.builders import a_held_order
from tests.console.conftest import SignedIn
from tests.security_log import rows

SENTENCE = "Amazon refunded 12.00 EUR that no credit memo of the shop shows"


def refunded(sessions: Sessions, **changes: Any) -> int:
    order_id = stored(sessions, a_held_order(1))
    compare(sessions, order_id, **changes)
    return order_id


def compare(sessions: Sessions, order_id: int, **changes: Any) -> None:
    """Store what a comparison of both sides found."""
    facts = {
        "looked_at": NOW,
        "currency": "EUR",
        "at_amazon": Decimal(15),
        "in_shop": Decimal(3),
        "difference": Decimal(12),
        "needs_person": True,
        "code": "refunded_at_amazon",
        "sentence": SENTENCE,
        "answers": {
            "R-1": {"amount": "12.00", "currency": "EUR", "memo": "", "booked": "0.00"},
            "R-2": {"amount": "3.00", "currency": "EUR", "memo": "77", "booked": "3.00"},
        },
        **changes,
    }
    with sessions() as session, session.begin():
        session.merge(MadeAtAmazon(order_id=order_id, **facts))


def test_the_order_shows_both_sides_and_a_person_settles_it(
    sessions: Sessions, operator: SignedIn
) -> None:
    order_id = refunded(sessions)
    page = operator.get(f"/orders/{order_id}").text
    assert SENTENCE in page
    assert "R-1" in page
    assert "credit memo 77 over" in page
    assert f'id="made-{order_id}"' in operator.get("/refunds").text
    done = operator.post(f"/orders/{order_id}/settle-refund")
    assert (done.status_code, done.headers["Location"]) == (
        303,
        f"/orders/{order_id}?said=settle-refund",
    )
    with sessions() as session:
        row = session.get_one(MadeAtAmazon, order_id)
        assert (row.needs_person, row.dismissed) == (False, Decimal(12))
        (note,) = session.scalars(select(Note))
        number = session.get_one(Order, order_id).external_id
    assert note.text == (
        "settled the refunds made at Amazon: 12 EUR are not in the shop's credit memos"
    )
    (logged,) = rows(sessions, Action.REFUND_SETTLED)
    signed = (logged.person, logged.address, logged.object)
    assert signed == ("otto", "127.0.0.1", f"order {order_id}")
    assert logged.facts == {"number": number, "amount": "12.00", "currency": "EUR"}
    assert 'id="made-' not in operator.get("/refunds").text
    assert "settle-refund" not in operator.get(f"/orders/{order_id}").text


@pytest.mark.parametrize("changes", [{"looked_at": None}, {"needs_person": False}])
def test_what_needs_nobody_offers_nothing(
    sessions: Sessions, operator: SignedIn, changes: dict[str, Any]
) -> None:
    order_id = refunded(sessions, **changes)
    assert "settle-refund" not in operator.get(f"/orders/{order_id}").text
