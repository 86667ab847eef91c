"""What Amazon refuses: an order, one order after the other, or the whole way."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipeline.base.errors import AccountStopped
from pipeline.base.incidents import Incidents
from pipeline.invoices.pauses import TRY_ROLE_AGAIN
from pipeline.invoices.sending import GIVE_UP, MOST_LOST, ROLE_COMES_WITHIN, WHILE_REFUSED
from pipeline.invoices.tables import UploadState
from pipeline.invoices.upload_changes import REFUSED_IN_SUCCESSION
from tests.builders import ACCOUNT
from tests.invoices.rig import Rig

OFF, ROLE = f"invoices:{ACCOUNT}", f"invoice-role:{ACCOUNT}"
MADE_BY_AMAZON, REFUSED = UploadState.MADE_BY_AMAZON, UploadState.REFUSED
UNAVAILABLE = pytest.mark.parametrize(
    ("vcs", "state", "code"),
    [("generates", MADE_BY_AMAZON, 79525), ("unavailable", REFUSED, 79509)],
)


def refuse(rig: Rig, vcs: str) -> None:
    rig.control("POST", "invoices", {"vcs": vcs})


def ended(rig: Rig, number: int) -> int:
    """The invoice of another order, as far as Amazon decides about it."""
    order_id = rig.ready(str(number))
    rig.through()
    return order_id


@UNAVAILABLE
def test_a_refusal_ends_that_order_alone(rig: Rig, vcs: str, state: UploadState, code: int) -> None:
    refuse(rig, vcs)
    first = ended(rig, 1)
    assert (rig.state(first), rig.incidents()) == ((state, code), [])
    refuse(rig, "off")
    assert rig.state(ended(rig, 2)) == (UploadState.ACCEPTED, None)
    assert rig.state(first) == (state, code)


@UNAVAILABLE
def test_refusals_in_succession_stop_the_account(
    rig: Rig, vcs: str, state: UploadState, code: int
) -> None:
    refuse(rig, vcs)
    for number in range(1, REFUSED_IN_SUCCESSION):
        ended(rig, number)
    assert rig.incidents() == []
    ended(rig, 50)
    (incident,) = Incidents(rig.sessions).all_open()
    assert incident.key == OFF
    assert f"code {code}" in incident.text
    assert f"orderbridge invoices resume {ACCOUNT}" in incident.text
    waits = ended(rig, 51)
    assert rig.state(waits) == (UploadState.WAITING, None)
    assert len(rig.amazons()) == REFUSED_IN_SUCCESSION
    # The refusals of before do not count again.
    assert rig.pauses.resume(rig.at)
    rig.through()
    assert (rig.state(waits), rig.incidents()) == ((state, code), [])


def test_an_accepted_invoice_begins_the_count_anew(rig: Rig) -> None:
    for number in range(2 * REFUSED_IN_SUCCESSION):
        refuse(rig, "off" if number == REFUSED_IN_SUCCESSION - 1 else "generates")
        ended(rig, number)
        if number < 2 * REFUSED_IN_SUCCESSION - 1:
            assert rig.incidents() == []
    assert rig.incidents() == [OFF]


def test_another_accounts_refusals_do_not_count(rig: Rig) -> None:
    other = Rig(rig.sessions, rig.store, rig.url, rig.folder, account="na")
    refuse(rig, "generates")
    for number in range(REFUSED_IN_SUCCESSION - 1):
        ended(rig, number)
    other.at = rig.at
    ended(other, 77)
    assert rig.incidents() == []


@pytest.mark.parametrize("route", ["create_feed_document", "create_feed"])
def test_a_refused_write_names_the_role_at_once(rig: Rig, route: str) -> None:
    rig.ready("1")
    rig.control("POST", "faults", refusal(route, 9))
    rig.go()
    (incident,) = Incidents(rig.sessions).all_open()
    assert incident.key == ROLE
    assert "Tax Invoicing" in incident.text
    assert f"orderbridge invoices resume {ACCOUNT}" in incident.text


def refusal(route: str, times: int) -> dict[str, object]:
    errors = [{"code": "Unauthorized", "message": "Access to the resource is forbidden"}]
    body = {"errors": errors}
    return {"route": route, "kind": "status", "status": 403, "times": times, "body": body}


def calls(rig: Rig, route: str) -> int:
    return sum(rig.control("GET", "calls").get(route, {}).values())


def test_a_refused_read_names_the_role_when_it_lasts(rig: Rig) -> None:
    order_id = rig.ready("1")
    rig.go()
    rig.control("POST", "faults", refusal("get_feed", 99))
    rig.later()
    assert rig.incidents() == []  # a storm of refusals is over within the hour
    rig.later(WHILE_REFUSED)
    assert rig.incidents() == [ROLE]
    before = calls(rig, "get_feed")
    for _ in range(5):
        rig.later(timedelta(hours=1))
    assert calls(rig, "get_feed") == before
    rig.control("DELETE", "faults")
    assert rig.pauses.resume(rig.at)
    rig.later(WHILE_REFUSED)
    assert rig.state(order_id) == (UploadState.ACCEPTED, None)
    assert rig.incidents() == []


@pytest.mark.parametrize("route", ["get_feed", "get_feeds"])
def test_without_the_role_a_sent_invoice_ends_with_a_person(rig: Rig, route: str) -> None:
    order_id = rig.ready("1")
    if route == "get_feeds":
        rig.control("POST", "faults", {"route": "create_feed", "kind": "cut_after"})
    rig.go()
    rig.control("POST", "faults", refusal(route, 999))
    rig.later(timedelta(minutes=6))
    rig.later(WHILE_REFUSED)
    assert rig.incidents() == [ROLE]
    while rig.at < rig.upload(order_id).created_at + ROLE_COMES_WITHIN + TRY_ROLE_AGAIN:
        rig.later(timedelta(hours=1))
    assert rig.state(order_id) == (UploadState.UNKNOWN, None)
    assert "Tax Invoicing" in (rig.upload(order_id).trouble or "")
    assert rig.incidents() == [ROLE]


def test_lost_answers_without_end_end_with_a_person(rig: Rig) -> None:
    order_id = rig.ready("1")
    rig.control("POST", "faults", {"route": "create_feed", "kind": "cut_before", "times": 9999})
    for _ in range(40):
        rig.later(timedelta(minutes=30))
    assert rig.state(order_id) == (UploadState.UNKNOWN, None)
    assert str(MOST_LOST) in (rig.upload(order_id).trouble or "")
    assert rig.amazons() == []


def test_an_answer_counts_anew_once_amazon_has_the_feed(rig: Rig) -> None:
    order_id = rig.ready("1")
    for _ in range(2):
        rig.control("POST", "faults", {"route": "create_feed", "kind": "cut_before"})
        rig.later(timedelta(minutes=6))
    assert rig.upload(order_id).lost == 1
    rig.later(timedelta(minutes=30))
    rig.through()
    rig.later(timedelta(minutes=30))
    upload = rig.upload(order_id)
    assert (upload.state, upload.lost) == (UploadState.ACCEPTED, 0)


def test_a_revoked_token_refuses_no_invoice(rig: Rig) -> None:
    order_id = rig.ready("1")

    def revoked() -> None:
        raise AccountStopped("the refresh token is revoked", code="invalid_grant")

    rig.ask, ask = revoked, rig.ask  # type: ignore[method-assign]
    rig.go()
    assert rig.state(order_id) == (UploadState.WAITING, None)
    rig.ask = ask  # type: ignore[method-assign]
    rig.later(WHILE_REFUSED)
    rig.later(GIVE_UP / 12)
    assert rig.state(order_id) == (UploadState.ACCEPTED, None)
