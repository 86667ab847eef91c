"""A worker that comes late changes nothing: each state is left by one worker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from pipeline.base.security_log import Signature
from pipeline.invoices.acts import CannotUpload, ignore, upload_again
from pipeline.invoices.tables import NEED_A_PERSON, InvoiceUpload, UploadState
from pipeline.invoices.upload_changes import Overtaken, UploadChanges
from tests.builders import a_vault
from tests.invoices.rig import Rig

MOVES: dict[str, Callable[[UploadChanges, InvoiceUpload], None]] = {
    "later": lambda make, upload: make.later(upload, timedelta(0), "late"),
    "again": lambda make, upload: make.again(upload, 79517, "late", timedelta(0)),
    "end": lambda make, upload: make.end(upload, UploadState.REFUSED, code=79503),
    "uploaded": lambda make, upload: make.change(
        upload, state=UploadState.UPLOADED, document_id="late"
    ),
    "intended": lambda make, upload: make.change(upload, submitted_at=upload.due_at),
    "result": lambda make, upload: make.take(upload, b"records successful 1"),
}


def the_row(rig: Rig, order_id: int) -> dict[str, Any]:
    upload = rig.upload(order_id)
    return {column.name: getattr(upload, column.name) for column in InvoiceUpload.__table__.columns}


@pytest.mark.parametrize(
    ("seen_at", "now_at"),
    [
        ("waiting", "submitted"),
        ("waiting", "accepted"),
        ("waiting", "asked again"),
        ("submitted", "accepted"),
        ("submitted", "asked again"),
    ],
)
def test_a_late_worker_changes_nothing(rig: Rig, seen_at: str, now_at: str) -> None:
    order_id = rig.ready("1")
    seen = {"waiting": rig.upload(order_id)}
    rig.go()
    seen["submitted"] = rig.upload(order_id)
    if now_at != "submitted":
        rig.later()
    if now_at == "asked again":
        rig.at += timedelta(minutes=1)
        upload_again(rig.sessions, a_vault(), order_id, Signature("anna", "", rig.at))
    before = the_row(rig, order_id)
    make = UploadChanges(rig.uploads, rig.pauses, rig.now)
    for move in MOVES.values():
        with pytest.raises(Overtaken):
            move(make, seen[seen_at])
        assert the_row(rig, order_id) == before
    assert not rig.uploads.submitted(seen[seen_at], "late", rig.at)
    assert the_row(rig, order_id) == before


def test_a_feed_of_before_is_not_the_one_of_now(rig: Rig) -> None:
    """The first feed's refusal came, the second was sent: the first's late copy is another's."""
    order_id = rig.ready("1", amazons="UNSHIPPED")
    rig.go()
    seen = rig.upload(order_id)
    rig.later()
    rig.later(timedelta(hours=4))
    now = rig.upload(order_id)
    assert (seen.state, now.state) == (UploadState.SUBMITTED, UploadState.SUBMITTED)
    assert len(now.feed_ids) == 2
    make = UploadChanges(rig.uploads, rig.pauses, rig.now)
    with pytest.raises(Overtaken):
        make.end(seen, UploadState.ACCEPTED)
    assert rig.upload(order_id).state == UploadState.SUBMITTED


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
def test_two_workers_around_a_lost_answer(rig: Rig, kind: str) -> None:
    """The late one has not seen that createFeed was called, or not that the feed was found."""
    order_id = rig.ready("1")
    rig.control("POST", "faults", {"route": "create_feed", "kind": kind})
    rig.go()
    lost = rig.upload(order_id)
    assert (lost.state, lost.submitted_at) == (UploadState.UPLOADED, rig.at)
    before = rig.upload(order_id)
    before.submitted_at = None
    make = UploadChanges(rig.uploads, rig.pauses, rig.now)
    with pytest.raises(Overtaken):
        make.change(before, submitted_at=rig.at + timedelta(minutes=1))
    assert rig.upload(order_id).submitted_at == rig.at
    if kind == "cut_after":
        rig.at += timedelta(minutes=6)
        rig.go()
        assert rig.upload(order_id).state == UploadState.SUBMITTED
        with pytest.raises(Overtaken):
            make.change(lost, submitted_at=None)
        assert rig.upload(order_id).submitted_at is not None


@pytest.mark.parametrize("state", UploadState)
def test_only_what_needs_a_person_can_be_ignored(rig: Rig, state: UploadState) -> None:
    order_id = rig.ready("1")
    with rig.sessions() as session, session.begin():
        session.get_one(InvoiceUpload, order_id).state = state
    if state in NEED_A_PERSON:
        ignore(rig.sessions, a_vault(), order_id, Signature("anna", "", rig.at))
        assert rig.upload(order_id).state == UploadState.IGNORED
        return
    with pytest.raises(CannotUpload):
        ignore(rig.sessions, a_vault(), order_id, Signature("anna", "", rig.at))
    assert rig.upload(order_id).state == state
