"""An admin destroys a buyer's data on the order's page."""

from __future__ import annotations

import pytest

from pipeline.base.db import Sessions
from pipeline.orders.tables import Status
from tests.builders import loaded
from tests.buyers_orders import HELD, kept, taken_in
from tests.console.conftest import SignedIn

WHY = {"why": "request 17"}


def test_an_admin_destroys_it(sessions: Sessions, browser: SignedIn) -> None:
    order_id, other = taken_in(sessions), taken_in(sessions)
    path = f"/orders/{order_id}"
    assert 'id="act-purge"' in browser.get(path).text
    done = browser.post(f"{path}/purge", WHY)
    assert (done.status_code, kept(sessions)) == (303, [other])
    page = browser.get(done.headers["Location"]).text
    assert "The buyer’s data of this order is destroyed." in page
    assert "destroyed the buyer&#39;s data on demand: request 17" in page
    assert 'id="act-purge"' not in page
    again = browser.post(f"{path}/purge", WHY)
    assert again.status_code == 409
    assert "Nothing was changed: its personal data was purged." in again.text


def test_nobody_else_does(sessions: Sessions, operator: SignedIn, viewer: SignedIn) -> None:
    order_id = taken_in(sessions)
    for person in (operator, viewer):
        assert 'id="act-purge"' not in person.get(f"/orders/{order_id}").text
        assert person.post(f"/orders/{order_id}/purge", WHY).status_code == 403
    assert kept(sessions) == [order_id]


def test_an_order_that_needs_it_ends_only_if_that_is_confirmed(
    sessions: Sessions, browser: SignedIn
) -> None:
    order_id = taken_in(sessions, **HELD)
    path = f"/orders/{order_id}"
    assert 'name="also-live"' in browser.get(path).text
    refused = browser.post(f"{path}/purge", WHY)
    assert (refused.status_code, kept(sessions)) == (409, [order_id])
    assert "it is not in Magento yet" in refused.text
    assert browser.post(f"{path}/purge", {**WHY, "also-live": "on"}).status_code == 303
    assert (kept(sessions), loaded(sessions, order_id).status) == ([], Status.DONE)


@pytest.mark.parametrize("step", ["create_order", "ship_order"])
def test_a_running_step_is_not_disturbed(sessions: Sessions, browser: SignedIn, step: str) -> None:
    order_id = taken_in(sessions, status=Status.RUNNING, step=step)
    path = f"/orders/{order_id}"
    assert 'id="act-purge"' not in browser.get(path).text
    assert browser.post(f"{path}/purge", {**WHY, "also-live": "on"}).status_code == 409
    assert kept(sessions) == [order_id]
