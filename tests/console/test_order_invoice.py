"""The card of an order's invoice, and having it uploaded again from there."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.invoices.acts import NOTE
from pipeline.invoices.tables import InvoiceUpload, UploadState
from pipeline.operations.lists.filters import Filters
from pipeline.operations.lists.invoices import WhichInvoice
from pipeline.operations.lists.orders import Listing
from pipeline.orders.tables import Note
from tests.builders import ACCOUNT, GERMANY, NOW, an_order, stored
from tests.console.conftest import SignedIn
from tests.security_log import rows


def with_invoice(sessions: Sessions, state: UploadState) -> int:
    order_id = stored(sessions, an_order(shown=True))
    upload(sessions, order_id, state)
    return order_id


def upload(sessions: Sessions, order_id: int, state: UploadState) -> None:
    """Store the order's invoice as far as `state`."""
    with sessions() as session, session.begin():
        session.add(
            InvoiceUpload(
                order_id=order_id,
                account=ACCOUNT,
                marketplace_id=GERMANY,
                state=state,
                increment_id="100000231",
                numbers=["100000231"],
                grand_total=Decimal("19.98"),
                tax_total=Decimal("3.19"),
                created_at=NOW,
                due_at=NOW,
                code=79513,
                trouble="Amazon lacks an option",
            )
        )


def test_an_order_without_an_invoice_has_no_card(sessions: Sessions, operator: SignedIn) -> None:
    order_id = stored(sessions, an_order())
    assert "Invoice for Amazon" not in operator.get(f"/orders/{order_id}").text


def test_a_refusal_is_shown_and_uploaded_again(sessions: Sessions, operator: SignedIn) -> None:
    order_id = with_invoice(sessions, UploadState.REFUSED)
    page = operator.get(f"/orders/{order_id}").text
    for words in ("100000231", "refused by Amazon", "79513", "Amazon lacks an option"):
        assert words in page
    done = operator.post(f"/orders/{order_id}/upload-invoice", {})
    assert done.status_code == 303
    with sessions() as session:
        row = session.get_one(InvoiceUpload, order_id)
        assert (row.state, row.code, row.asked_by) == (UploadState.WAITING, None, "otto")
        assert [note.text for note in session.scalars(select(Note))] == [NOTE]
    (logged,) = rows(sessions, Action.INVOICE_UPLOADED_AGAIN)
    assert (logged.person, logged.address, logged.object, logged.facts) == (
        "otto",
        "127.0.0.1",
        f"order {order_id}",
        {"invoice": "100000231"},
    )


@pytest.mark.parametrize(
    "state", [UploadState.WAITING, UploadState.UPLOADED, UploadState.SUBMITTED]
)
def test_an_invoice_on_its_way_is_left_alone(
    sessions: Sessions, operator: SignedIn, state: UploadState
) -> None:
    order_id = with_invoice(sessions, state)
    assert 'id="upload-invoice"' not in operator.get(f"/orders/{order_id}").text
    refused = operator.post(f"/orders/{order_id}/upload-invoice", {})
    assert (refused.status_code, "on its way" in refused.text) == (409, True)


def test_ignored_it_needs_nobody(sessions: Sessions, operator: SignedIn) -> None:
    order_id = with_invoice(sessions, UploadState.UNKNOWN)
    assert "ignore-invoice" in operator.get(f"/orders/{order_id}").text
    assert operator.post(f"/orders/{order_id}/ignore-invoice", {}).status_code == 303
    page = operator.get(f"/orders/{order_id}").text
    assert "ignored" in page
    assert "ignore-invoice" not in page
    assert operator.post(f"/orders/{order_id}/ignore-invoice", {}).status_code == 409
    (logged,) = rows(sessions, Action.INVOICE_IGNORED)
    assert (logged.person, logged.address, logged.object, logged.facts) == (
        "otto",
        "127.0.0.1",
        f"order {order_id}",
        {"invoice": "100000231"},
    )


def test_today_leads_to_the_orders_whose_invoice_needs_a_person(
    sessions: Sessions, operator: SignedIn
) -> None:
    stored(sessions, an_order())
    before = operator.get("/").text
    assert 'id="invoices"' not in before
    assert "Nothing needs you right now" in before
    needed = {
        with_invoice(sessions, state)
        for state in (UploadState.REFUSED, UploadState.HELD, UploadState.UNKNOWN)
    }
    for state in (UploadState.ACCEPTED, UploadState.WANTED, UploadState.MADE_BY_AMAZON):
        with_invoice(sessions, state)
    today = operator.get("/").text
    assert 'id="invoices"' in today
    assert "Nothing needs you right now" not in today
    assert "/orders?invoice=person" in today
    listed = Listing(sessions).matching(Filters(invoice=WhichInvoice.NEEDS_A_PERSON))
    assert set(listed) == needed
    page = operator.get("/orders?invoice=person").text
    assert "needs a person" in page
