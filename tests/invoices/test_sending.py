"""Invoices from the shipped order to Amazon's result, over PostgreSQL, sockets and crashes."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.base.incidents import Incidents
from pipeline.base.security_log import Signature
from pipeline.invoices.acts import CannotUpload, upload_again
from pipeline.invoices.pauses import TRY_ROLE_AGAIN
from pipeline.invoices.sending import GIVE_UP, SETTLES
from pipeline.invoices.tables import InvoiceUpload, UploadState
from pipeline.invoices.upload_changes import NOT_DISPATCHED_AGAIN, PDF_COMES_WITHIN
from pipeline.invoices.wanted import REACH, SEVERAL
from pipeline.orders.tables import Note, Order, Status
from tests.builders import ACCOUNT, GERMANY, NOW, a_vault
from tests.invoices.rig import FEED, Crash, CrashingApi, Rig, pdf_of


def test_an_invoice_goes_out_once(rig: Rig) -> None:
    order_id = rig.sold()
    assert rig.known("100000231") == 1
    rig.through()
    assert rig.state(order_id) == (UploadState.ACCEPTED, None)
    assert rig.known("100000231") == 0
    rig.through()
    assert rig.amazons() == [("100000231", None)]
    upload, pdf = rig.upload(order_id), pdf_of("100000231")
    assert (upload.size, upload.digest) == (len(pdf), hashlib.sha256(pdf).hexdigest())


def test_nothing_of_the_pdf_is_stored(rig: Rig) -> None:
    order_id = rig.sold()
    rig.known("100000231")
    rig.through()
    with rig.sessions() as session:
        row = session.execute(
            select(InvoiceUpload.__table__).where(InvoiceUpload.order_id == order_id)
        ).one()
    assert "Mustermann" not in str(row)


@pytest.mark.parametrize(
    "changes",
    [
        {"remote_status": "UNSHIPPED"},
        {"remote_status": "PARTIALLY_SHIPPED"},
        {"status": Status.CANCELLED},
        {"magento_invoiced": None},
        {"magento_invoiced": Decimal(0)},
        {"marketplace_id": "ATVPDKIKX0DER"},
        {"purged_at": NOW},
        {"updated_at": NOW - REACH - timedelta(minutes=1)},
    ],
)
def test_only_shipped_and_invoiced_orders_of_late(rig: Rig, changes: dict[str, Any]) -> None:
    rig.sold(**changes)
    assert rig.known("100000231") == 0


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_around_create_feed_uploads_once(rig: Rig, when: str) -> None:
    order_id = rig.sold()
    rig.known("100000231")
    api = rig.api(CrashingApi)
    object.__setattr__(api, "when", when)
    with pytest.raises(Crash):
        rig.go(api)
    assert rig.upload(order_id).state == UploadState.UPLOADED
    rig.go()  # too soon to know
    rig.later(SETTLES)
    rig.through()
    assert rig.state(order_id) == (UploadState.ACCEPTED, None)
    assert rig.amazons() == [("100000231", None)]


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
def test_a_lost_answer_uploads_once(rig: Rig, kind: str) -> None:
    order_id = rig.sold()
    rig.known("100000231")
    rig.control("POST", "faults", {"route": "create_feed", "kind": kind})
    rig.go()
    assert rig.upload(order_id).feed_ids == []
    rig.later(timedelta(minutes=6))
    rig.through()
    assert rig.state(order_id) == (UploadState.ACCEPTED, None)
    assert rig.amazons() == [("100000231", None)]


def test_no_other_invoice_is_sent_while_an_answer_is_lost(rig: Rig) -> None:
    first = rig.sold()
    rig.known("100000231")
    rig.control("POST", "faults", {"route": "create_feed", "kind": "cut_after"})
    rig.go()
    second = rig.sold(number="100000232")
    rig.known("100000232")
    rig.go()
    assert rig.upload(second).submitted_at is None
    rig.later(timedelta(minutes=6))
    rig.through()
    rig.through()
    assert [rig.state(order)[0] for order in (first, second)] == [UploadState.ACCEPTED] * 2
    assert rig.amazons() == [("100000231", None), ("100000232", None)]


def test_amazon_does_not_count_it_as_dispatched_yet(rig: Rig) -> None:
    order_id = rig.sold("UNSHIPPED")
    rig.known("100000231")
    rig.through()
    assert rig.state(order_id) == (UploadState.WAITING, 79517)
    external_id = rig.uploads.owner(rig.upload(order_id)).external_id
    rig.control("POST", f"orders/{external_id}/status", {"status": "SHIPPED"})
    rig.later(NOT_DISPATCHED_AGAIN)
    rig.later()
    assert rig.state(order_id) == (UploadState.ACCEPTED, None)
    assert rig.amazons() == [("100000231", 79517), ("100000231", None)]


def test_never_dispatched_ends_with_a_person(rig: Rig) -> None:
    order_id = rig.sold("UNSHIPPED")
    rig.known("100000231")
    for _ in range(5):
        rig.through()
        rig.later(NOT_DISPATCHED_AGAIN)
    assert rig.state(order_id) == (UploadState.REFUSED, 79517)
    assert rig.amazons() == [("100000231", 79517)] * 3


def test_a_missing_role_stops_invoices_and_names_it(rig: Rig) -> None:
    order_id = rig.sold()
    rig.known("100000231")
    rig.control("POST", "roles", {"without": [FEED]})
    rig.go()
    (incident,) = Incidents(rig.sessions).all_open()
    assert (incident.key, "Tax Invoicing" in incident.text) == (f"invoice-role:{ACCOUNT}", True)
    rig.control("POST", "roles", {"without": []})
    rig.later(timedelta(hours=1))
    assert rig.amazons() == []
    rig.later(TRY_ROLE_AGAIN)
    rig.later()
    assert rig.state(order_id) == (UploadState.ACCEPTED, None)
    assert rig.incidents() == []


@pytest.mark.parametrize(("totals", "code"), [(False, 79513), (True, None)])
def test_totals_by_setting(rig: Rig, totals: bool, code: int | None) -> None:
    rig.options = {"invoice_totals": totals}
    order_id = rig.sold()
    rig.known("100000231")
    rig.control("POST", "invoices", {"needs_totals": True})
    rig.through()
    assert rig.state(order_id)[1] == code


def test_waits_for_the_pdf_and_then_asks_a_person(rig: Rig) -> None:
    order_id = rig.sold()
    path = rig.folder / "100000231.pdf"
    path.unlink()
    rig.known("100000231")
    rig.go()
    assert rig.state(order_id) == (UploadState.WAITING, None)
    assert "is not there yet" in (rig.upload(order_id).trouble or "")
    rig.later(PDF_COMES_WITHIN)
    assert rig.state(order_id) == (UploadState.HELD, None)
    path.write_bytes(pdf_of("100000231"))
    again(rig, order_id)
    rig.through()
    assert rig.state(order_id) == (UploadState.ACCEPTED, None)


def again(rig: Rig, order_id: int, **more: Any) -> None:
    upload_again(rig.sessions, a_vault(), order_id, Signature("anna", "", rig.at), **more)


def test_several_invoices_are_a_persons_choice(rig: Rig) -> None:
    order_id = rig.sold(number="100000232")
    rig.known("100000231", "100000232")
    rig.through()
    upload = rig.upload(order_id)
    assert (upload.state, upload.trouble) == (UploadState.HELD, SEVERAL)
    with pytest.raises(CannotUpload, match="choose 100000231 or 100000232"):
        again(rig, order_id)
    with pytest.raises(CannotUpload, match="has no invoice 100000239"):
        again(rig, order_id, increment_id="100000239")
    again(rig, order_id, increment_id="100000232")
    rig.through()
    assert rig.amazons() == [("100000232", None)]
    with rig.sessions() as session:
        assert [note.author for note in session.scalars(select(Note))] == ["anna"]


def test_a_person_cannot_interrupt(rig: Rig) -> None:
    order_id = rig.sold()
    with pytest.raises(CannotUpload):
        again(rig, order_id)
    rig.known("100000231")
    rig.go()
    with pytest.raises(CannotUpload):
        again(rig, order_id)


@pytest.mark.parametrize("fate", ["FATAL", "NO_REPORT", "BAD_REPORT"])
def test_without_a_result_it_is_not_sent_again(rig: Rig, fate: str) -> None:
    order_id = rig.sold()
    rig.known("100000231")
    rig.control("POST", "feeds", {"fate": fate})
    rig.through()
    rig.later(timedelta(days=1))
    assert rig.state(order_id) == (UploadState.UNKNOWN, None)
    assert len(rig.control("GET", "feeds")["feeds"]) == 1


def test_a_stuck_feed_ends_with_a_person(rig: Rig) -> None:
    order_id = rig.sold()
    rig.known("100000231")
    rig.control("POST", "feeds", {"fate": "STUCK"})
    rig.through()
    assert rig.upload(order_id).state == UploadState.SUBMITTED
    rig.later(GIVE_UP)
    assert rig.state(order_id) == (UploadState.UNKNOWN, None)


def test_a_cancelled_feed_is_sent_again(rig: Rig) -> None:
    order_id = rig.sold()
    rig.known("100000231")
    rig.control("POST", "feeds", {"fate": "CANCELLED"})
    rig.through()
    rig.later(timedelta(minutes=6))
    rig.later()
    assert rig.state(order_id) == (UploadState.ACCEPTED, None)
    assert rig.amazons() == [("100000231", None)]


def test_nothing_is_sent_while_read_only_or_off(rig: Rig) -> None:
    order_id = rig.sold()
    rig.known("100000231")
    rig.is_read_only = True
    rig.through()
    rig.is_read_only, rig.options = False, {"invoices_to_amazon": "off"}
    rig.through()
    assert rig.state(order_id) == (UploadState.WAITING, None)
    assert rig.control("GET", "feeds")["feeds"] == []


def test_an_order_that_is_gone_takes_its_upload_along(rig: Rig) -> None:
    order_id = rig.sold()
    rig.known("100000231")
    with rig.sessions() as session, session.begin():
        session.delete(session.get_one(Order, order_id))
    with rig.sessions() as session:
        assert session.scalars(select(InvoiceUpload)).all() == []


def test_a_marketplace_that_is_off_keeps_no_other_waiting(rig: Rig) -> None:
    first = rig.sold(number="100000231")
    rig.known("100000231")
    rig.takes = ("A13V1IB3VIYZZH",)
    rig.through()
    assert rig.uploads.due(rig.takes, rig.at, 100) == []
    rig.takes = (GERMANY,)
    rig.through()
    assert rig.state(first) == (UploadState.ACCEPTED, None)


def test_what_amazon_refuses_to_tell_is_not_refused(rig: Rig) -> None:
    order_id = rig.sold()
    rig.known("100000231")
    rig.go()
    fault = {"route": "get_feed", "kind": "status", "status": 400, "times": 9, "body": {}}
    rig.control("POST", "faults", fault)
    rig.later()
    assert rig.upload(order_id).state == UploadState.UNKNOWN


def test_a_report_that_never_comes_ends_with_a_person(rig: Rig) -> None:
    order_id = rig.sold()
    rig.known("100000231")
    rig.go()
    fault = {"route": "get_feed", "kind": "status", "status": 500, "times": 99, "body": {}}
    rig.control("POST", "faults", fault)
    rig.later()
    rig.later(timedelta(hours=13))
    assert rig.upload(order_id).state == UploadState.UNKNOWN
