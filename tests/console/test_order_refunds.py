"""The refunds to Amazon on the order's page: the preview, the decision, who may decide."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.intake.tables import Refund
from pipeline.orders.tables import Order
from pipeline.refunds.states import RefundState
from pipeline.refunds.tables import AmazonRefund
from tests.builders import NOW, stored, with_keys
from tests.console.builders import a_shipped_order
from tests.console.conftest import SignedIn
from tests.security_log import rows


def asked(sessions: Sessions) -> tuple[int, int]:
    """An order whose refund waits for a person; their ids."""
    order = a_shipped_order(1)
    order.remote_status = "SHIPPED"
    order_id = stored(sessions, order)
    with_keys(sessions)
    return order_id, a_refund(sessions, order_id)


def a_refund(sessions: Sessions, order_id: int, **changed: Any) -> int:
    """A refund of the order that waits for a person, and its credit memo; the refund's id."""
    amounts = {"Principal": "10.00", "Shipping": "2.50"}
    item = {"item": "I1", "reference": "cm-7-1", "units": "1", "amounts": amounts}
    body = {"order": "X", "currency": "EUR", "reason": "CustomerReturn", "items": [item]}
    body |= {"by_amazon": "0", "rounding": "0"}
    values: dict[str, Any] = {
        "shop": "main",
        "memo_id": 7,
        "memo_at": NOW,
        "state": "asked",
        "changed_at": NOW,
        "needs_person": True,
        "currency": "EUR",
        "total": Decimal("12.50"),
        "body": body,
        **changed,
    }
    with sessions() as session, session.begin():
        memo = Refund(
            order_id=order_id,
            magento_creditmemo_id=values["memo_id"],
            refunded_at=NOW,
            currency="EUR",
            grand_total=Decimal("12.50"),
            shipping=Decimal("2.50"),
            adjustment=Decimal(0),
            lines={},
        )
        session.add(memo)
        session.flush()
        row = AmazonRefund(order_id=order_id, refund_id=memo.id, **values)
        session.add(row)
        session.flush()
        return row.id


def state(sessions: Sessions, refund_id: int) -> str:
    with sessions() as session:
        return session.get_one(AmazonRefund, refund_id).state


def test_the_preview_is_to_the_cent_and_sent_with_its_total(
    sessions: Sessions, operator: SignedIn
) -> None:
    order_id, refund_id = asked(sessions)
    page = operator.get(f"/orders/{order_id}").text
    assert f'id="send-refund-{refund_id}"' in page
    for part in ("Principal", "Shipping", "10.00", "2.50", 'name="total" value="12.50"'):
        assert part in page
    assert f'id="waiting-refund-{refund_id}"' in operator.get("/refunds").text
    path = f"/orders/{order_id}"
    operator.post(f"{path}/refund", data={"refund": str(refund_id), "total": "12.49"})
    assert state(sessions, refund_id) == "asked"
    operator.post(f"{path}/refund", data={"refund": str(refund_id), "total": "12.50"})
    assert state(sessions, refund_id) == "chosen"
    operator.post(f"{path}/undo-refund", data={"refund": str(refund_id)})
    assert state(sessions, refund_id) == "asked"
    operator.post(f"{path}/no-refund", data={"refund": str(refund_id)})
    assert state(sessions, refund_id) == "dismissed"
    assert "No refund waits for a decision." in operator.get("/refunds").text


def test_each_decision_is_in_the_security_log_and_a_refused_one_is_not(
    sessions: Sessions, operator: SignedIn
) -> None:
    order_id, refund_id = asked(sessions)
    held = a_refund(sessions, order_id, memo_id=8, state="held", total=None)
    seen = a_refund(sessions, order_id, memo_id=9, state="seen", transaction_id="R7")
    for act, which, total in (
        ("refund", refund_id, "12.49"),
        ("refund", refund_id, "12.50"),
        ("undo-refund", refund_id, ""),
        ("no-refund", refund_id, ""),
        ("prepare-refund", held, ""),
        ("undo-refund", seen, ""),
    ):
        form = {"refund": str(which), "total": total}
        operator.post(f"/orders/{order_id}/{act}", data=form)
    kinds = [action for action in Action if action.startswith("refund")]
    found = rows(sessions, *kinds)
    assert {(row.person, row.address, row.object) for row in found} == {
        ("otto", "127.0.0.1", f"order {order_id}")
    }
    with sessions() as session:
        number = session.get_one(Order, order_id).external_id
    whole = {"number": number, "memo": 7, "amount": "12.50", "currency": "EUR"}
    assert [(row.action, row.facts) for row in found] == [
        (Action.REFUND_SENT, whole),
        (Action.REFUND_TAKEN_BACK, whole),
        (Action.REFUND_LEFT_OUT, whole),
        (Action.REFUND_PREPARED, {**whole, "memo": 8, "amount": None}),
        (Action.REFUND_TAKEN_BACK, {**whole, "memo": 9, "transaction": "R7"}),
    ]


@pytest.mark.parametrize(("sent_at", "after"), [(None, "asked"), (NOW, "unknown")])
def test_a_refund_seen_in_another_ones_is_decided_again(
    sessions: Sessions, operator: SignedIn, sent_at: datetime | None, after: str
) -> None:
    order_id, _ = asked(sessions)
    refund_id = a_refund(
        sessions,
        order_id,
        memo_id=8,
        state="seen",
        needs_person=False,
        transaction_id="R7",
        sent_at=sent_at,
    )
    path = f"/orders/{order_id}"
    assert "This is another refund: decide again" in operator.get(path).text
    operator.post(f"{path}/undo-refund", data={"refund": str(refund_id)})
    with sessions() as session:
        row = session.get_one(AmazonRefund, refund_id)
    assert (row.state, row.transaction_id, row.asked_about) == (after, None, "R7")
    assert row.due_at is not None
    page = operator.get(path).text
    assert "This is another refund" not in page
    assert "said that refund R7 at Amazon is not this memo&#39;s" in page


def test_a_viewer_sees_it_and_decides_nothing(sessions: Sessions, viewer: SignedIn) -> None:
    order_id, refund_id = asked(sessions)
    page = viewer.get(f"/orders/{order_id}").text
    assert f'id="refund-{refund_id}"' in page
    assert f'id="send-refund-{refund_id}"' not in page
    form = {"refund": str(refund_id), "total": "12.50"}
    answer = viewer.post(f"/orders/{order_id}/refund", data=form)
    assert answer.status_code == 403
    assert state(sessions, refund_id) == "asked"


def test_an_order_without_credit_memos_has_no_card(sessions: Sessions, operator: SignedIn) -> None:
    order_id = stored(sessions, a_shipped_order(1))
    assert 'id="order-refunds"' not in operator.get(f"/orders/{order_id}").text


@pytest.mark.parametrize("state", [one for one in RefundState if one is not RefundState.HELD])
def test_the_timeline_never_asks_for_a_second_refund(
    sessions: Sessions, operator: SignedIn, state: str
) -> None:
    order_id = stored(sessions, a_shipped_order(1))
    a_refund(sessions, order_id, state=state)
    page = operator.get(f"/orders/{order_id}").text
    assert f"the refund to Amazon: {state}" in page
    assert "refund it in Seller Central too" not in page


@pytest.mark.parametrize(
    ("code", "is_asked_for"), [("before_start", True), ("switched_off", True), ("above", False)]
)
def test_a_refund_that_the_settings_leave_out_is_a_persons(
    sessions: Sessions, operator: SignedIn, code: str, is_asked_for: bool
) -> None:
    order_id = stored(sessions, a_shipped_order(1))
    a_refund(sessions, order_id, state="held", hold_code=code)
    page = operator.get(f"/orders/{order_id}").text
    assert ("refund it in Seller Central too" in page) is is_asked_for


def test_what_a_person_decides_comes_first_and_the_rest_is_folded(
    sessions: Sessions, operator: SignedIn
) -> None:
    order_id, refund_id = asked(sessions)
    page = operator.get(f"/orders/{order_id}").text
    assert page.index('id="order-refunds"') < page.index('id="lines"')
    assert f'id="refund-{refund_id}" open>' in page
    done_id = stored(sessions, a_shipped_order(2))
    done = a_refund(sessions, done_id, state="accepted", needs_person=False)
    page = operator.get(f"/orders/{done_id}").text
    assert page.index('id="lines"') < page.index('id="order-refunds"')
    assert f'id="refund-{done}">' in page
