"""A person says on an order's page what it is worth, when Amazon tells no amount."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.vault import Vault
from pipeline.orders.tables import Note, Order, Status
from tests.builders import a_raw_item, a_raw_order, a_report, stored
from tests.console.builders import a_held_order, an_item, some_settings
from tests.console.conftest import SignedIn

FORM = {"amount": "12.50", "currency": "eur", "why": "as the buyer was told"}
FACTS = {"amazon_tells": "no total"}


def held(sessions: Sessions, **changes: Any) -> int:
    facts = {
        "hold_code": "totals_unclear",
        "hold_reason": "Amazon sent no usable amounts for this order",
        "hold_facts": FACTS,
        "currency": None,
        "grand_total": None,
        "items": [an_item(1), an_item(2, quantity=1)],
        **changes,
    }
    order: Order = a_held_order(1, **facts)
    order.report = a_report(a_raw_order(order.external_id, orderItems=[a_raw_item()]))
    return stored(sessions, order, vault=Vault(*some_settings().master_keys))


def row(sessions: Sessions, order_id: int) -> Order:
    with sessions() as session:
        return session.get_one(Order, order_id)


def notes(sessions: Sessions) -> list[tuple[str, str]]:
    with sessions() as session:
        return [
            (note.author, note.text) for note in session.scalars(select(Note).order_by(Note.id))
        ]


def test_it_is_said_noted_and_taken_back(sessions: Sessions, operator: SignedIn) -> None:
    order_id = held(sessions)
    page = operator.get(f"/orders/{order_id}").text
    assert 'id="act-worth"' in page
    assert 'name="currency" value="EUR"' in page
    done = operator.post(f"/orders/{order_id}/worth", FORM)
    assert (done.status_code, done.headers["Location"]) == (303, f"/orders/{order_id}?said=worth")
    order = row(sessions, order_id)
    assert order.stated_value == {
        "total": "12.50",
        "currency": "EUR",
        "units": {"item-1": 2, "item-2": 1},
        "said_by": "otto",
    }
    assert order.news == 1
    assert notes(sessions) == [("otto", "stated that it is worth 12.50 EUR")]
    assert "Take the stated value back" in operator.get(f"/orders/{order_id}").text
    assert operator.post(f"/orders/{order_id}/withdraw-worth").status_code == 303
    assert row(sessions, order_id).stated_value is None
    assert notes(sessions)[-1] == ("otto", "took back the stated value")


@pytest.mark.parametrize(
    ("changes", "form", "why"),
    [
        ({}, {"amount": "1,50"}, "write the amount as 12.50"),
        ({}, {"amount": "NaN"}, "write the amount as 12.50"),
        ({}, {"amount": "-1"}, "zero or more"),
        ({}, {"amount": "1e20"}, "not absurdly large"),
        ({}, {"amount": "1.505"}, "no parts smaller than 0.01"),
        ({}, {"currency": "USD"}, "its currency is EUR"),
        ({}, {"why": " "}, "say why it is worth that"),
        ({"items": []}, {}, "its lines are not known yet"),
        ({"hold_facts": {"sums": "1.00"}}, {}, "not held for a missing Amazon total"),
        (
            {"hold_code": "sku_not_found", "hold_facts": {}},
            {},
            "not held for a missing Amazon total",
        ),
        ({"magento_order_id": 7, "magento_increment_id": "A-7"}, {}, "Magento order A-7 already"),
        ({"status": Status.RUNNING, "hold_code": None}, {}, "a step is running right now"),
        ({"status": Status.DONE}, {}, "it is done here"),
    ],
)
def test_what_cannot_be_said_changes_nothing(
    sessions: Sessions,
    operator: SignedIn,
    changes: dict[str, Any],
    form: dict[str, str],
    why: str,
) -> None:
    order_id = held(sessions, **changes)
    answer = operator.post(f"/orders/{order_id}/worth", FORM | form)
    assert answer.status_code == 409
    assert why in answer.text
    assert row(sessions, order_id).stated_value is None
    assert notes(sessions) == []


def test_a_viewer_cannot_say_it(sessions: Sessions, viewer: SignedIn) -> None:
    order_id = held(sessions)
    assert 'id="act-worth"' not in viewer.get(f"/orders/{order_id}").text
    assert viewer.post(f"/orders/{order_id}/worth", FORM).status_code == 403


def test_the_proof_says_whose_word_it_is(sessions: Sessions, operator: SignedIn) -> None:
    proof = {
        "mode": "a person's word",
        "lines": {"item-1": "8.33", "item-2": "4.17"},
        "adjustments": {},
        "grand_total": "12.50",
        "said_by": "otto",
    }
    order_id = held(sessions, total_proof=proof, currency="EUR")
    page = operator.get(f"/orders/{order_id}").text
    assert "Value stated by otto, since Amazon gives no amount" in page
    assert "Amazon’s total" not in page


def test_said_anew_the_order_goes_back_to_its_details(
    sessions: Sessions, operator: SignedIn
) -> None:
    value = {"total": "1.00", "currency": "EUR", "units": {"item-1": 2}, "said_by": "anna"}
    order_id = held(sessions, stated_value=value, step="create_order", hold_facts={})
    assert operator.post(f"/orders/{order_id}/worth", FORM | {"amount": "0"}).status_code == 303
    order = row(sessions, order_id)
    assert (order.step, order.stated_value and order.stated_value["total"]) == (
        "enrich_order",
        "0.00",
    )
