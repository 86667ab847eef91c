"""`orders worth`, on real PostgreSQL."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.cli.common import system_user
from pipeline.orders.tables import Note, Status
from tests.builders import an_item, an_order, loaded, stored, with_keys
from tests.cli.conftest import Run


def held(sessions: Sessions) -> str:
    order = an_order(
        status=Status.HELD,
        step="enrich_order",
        hold_code="totals_unclear",
        hold_reason="Amazon sent no usable amounts for this order",
        hold_facts={"amazon_tells": "no total"},
        items=[an_item()],
        due_at=None,
    )
    order_id = stored(sessions, order)
    with_keys(sessions)
    return str(order_id)


def test_it_is_said_and_withdrawn(sessions: Sessions, orderbridge: Run) -> None:
    number = held(sessions)
    result = orderbridge("orders", "worth", number, "0.00", "EUR", "--why", "a gift")
    assert (result.exit_code, result.stdout) == (
        0,
        f"{number}: value stated; the order is retried now\n",
    )
    order = loaded(sessions, int(number))
    assert order.stated_value is not None
    assert (order.stated_value["total"], order.stated_value["said_by"]) == ("0.00", system_user())
    assert order.due_at is not None
    assert orderbridge("orders", "worth", number, "--withdraw").exit_code == 0
    assert loaded(sessions, int(number)).stated_value is None
    with sessions() as session:
        assert list(session.scalars(select(Note.text).order_by(Note.id))) == [
            "stated that it is worth 0.00 EUR",
            "took back the stated value",
        ]
    again = orderbridge("orders", "worth", number, "--withdraw")
    assert again.exit_code == 1
    assert again.stderr == f"Error: {number}: no value was stated for it\n"


@pytest.mark.parametrize(
    "words",
    [(), ("5.00",), ("5.00", "EUR"), ("5.00", "EUR", "--why", "x", "--withdraw"), ("--why", "x")],
)
def test_it_takes_all_or_the_withdrawal(orderbridge: Run, words: tuple[str, ...]) -> None:
    assert orderbridge("orders", "worth", "1", *words).exit_code == 2
