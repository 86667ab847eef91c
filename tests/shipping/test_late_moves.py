"""A worker that comes back late, with an answer about a feed that another one has moved on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.amazon.feed_documents import MessageOutcome, MessageResult
from pipeline.base.db import Sessions
from pipeline.invoices.tables import InvoiceUpload
from pipeline.invoices.uploads import Uploads
from pipeline.orders.tables import Order
from pipeline.refunds.feeds import RefundFeeds
from pipeline.returns.reports import Reports
from pipeline.returns.tables import AmazonReport, ReportOutcome
from pipeline.shipping.feeds import Feeds
from pipeline.shipping.tables import Feed, FeedMessage
from tests.builders import ACCOUNT, NOW, a_vault, an_order, stored

LATER = NOW + timedelta(minutes=20)
AGAIN = {1: MessageResult(MessageOutcome.AGAIN, "lost")}
Move = Callable[[Feeds, Feed], object]
COLLECTED: dict[str, Any] = {"state": "collected"}
UPLOADED: dict[str, Any] = {"state": "uploaded", "document_id": "D1"}
CREATING = {**UPLOADED, "submitted_at": NOW}
CREATING_ANEW = {**UPLOADED, "submitted_at": LATER}
SUBMITTED = {**CREATING, "state": "submitted", "feed_id": "F1"}
SUBMITTED_ANEW = {**CREATING_ANEW, "state": "submitted", "feed_id": "F2"}
LOOKING = {**SUBMITTED, "state": "looking"}
ENDED = {**SUBMITTED, "state": "ended", "ended_at": LATER, "outcome": "done"}


def a_feed(sessions: Sessions, kind: str, **values: Any) -> Feed:
    """A feed with one message, as a worker reads it."""
    order_id = stored(sessions, an_order())
    with sessions() as session, session.begin():
        feed = Feed(
            account=ACCOUNT,
            kind=kind,
            marketplace_ids=[],
            due_at=NOW,
            created_at=NOW - timedelta(minutes=1),
            **values,
        )
        session.add(feed)
        session.flush()
        session.add(FeedMessage(feed_id=feed.id, message_id=1, order_id=order_id, body={}))
    with sessions() as session:
        return session.get_one(Feed, feed.id)


def columns(row: Any) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


def uploaded(feeds: Feeds, feed: Feed) -> None:
    feeds.uploaded(feed, "D9")


def intend(feeds: Feeds, feed: Feed) -> None:
    assert not feeds.intend(feed, LATER)


def not_created(feeds: Feeds, feed: Feed) -> None:
    feeds.not_created(feed)


def submitted(feeds: Feeds, feed: Feed) -> None:
    feeds.submitted(feed, "F9", LATER)


def end(feeds: Feeds, feed: Feed) -> None:
    assert sum(feeds.end(feed, "refused", AGAIN, LATER).values()) == 0


def look(feeds: Feeds, feed: Feed) -> None:
    assert sum(feeds.look(feed, "fatal", AGAIN, LATER).values()) == 0


def looked(feeds: Feeds, feed: Feed) -> None:
    feeds.looked(feed, LATER)


@pytest.mark.parametrize("kind", [Feeds, RefundFeeds])
@pytest.mark.parametrize(
    ("read", "now", "move"),
    [
        (COLLECTED, UPLOADED, uploaded),
        (COLLECTED, SUBMITTED, uploaded),
        (COLLECTED, ENDED, uploaded),
        (UPLOADED, CREATING, intend),
        (UPLOADED, ENDED, intend),
        (CREATING, CREATING_ANEW, not_created),
        (CREATING, SUBMITTED, not_created),
        (CREATING, ENDED, not_created),
        (CREATING, SUBMITTED_ANEW, submitted),
        (CREATING, LOOKING, submitted),
        (CREATING, ENDED, submitted),
        # Amazon refused this worker's feed, and has another worker's.
        (UPLOADED, SUBMITTED, end),
        (UPLOADED, CREATING, end),
        (COLLECTED, UPLOADED, end),
        # Amazon lists no such feed, or ended it, and has the one that was created since.
        (CREATING, CREATING_ANEW, look),
        (SUBMITTED, SUBMITTED_ANEW, look),
        (SUBMITTED, SUBMITTED_ANEW, end),
        (SUBMITTED, ENDED, look),
        (SUBMITTED, ENDED, end),
        (SUBMITTED, LOOKING, end),
        (LOOKING, ENDED, looked),
    ],
)
def test_a_late_move_of_a_feed_changes_nothing(
    sessions: Sessions, kind: type[Feeds], read: dict[str, Any], now: dict[str, Any], move: Move
) -> None:
    feed = a_feed(sessions, "refunds" if kind is RefundFeeds else "confirmations", **read)
    with sessions() as session, session.begin():
        row = session.get_one(Feed, feed.id)
        for name, value in now.items():
            setattr(row, name, value)
    move(kind(sessions, a_vault()), feed)
    with sessions() as session:
        row = session.get_one(Feed, feed.id)
        assert {name: getattr(row, name) for name in now} == now
        assert session.scalars(select(FeedMessage.outcome)).all() == [None]


def test_a_late_answer_is_taken_while_nobody_has_created_the_feed_anew(sessions: Sessions) -> None:
    feed = a_feed(sessions, "confirmations", **CREATING)
    feeds = Feeds(sessions, a_vault())
    feeds.not_created(feed)
    feeds.submitted(feed, "F9", LATER)
    current = feeds.by_id(feed.id)
    assert current is not None
    assert (current.state, current.feed_id, current.submitted_at) == ("submitted", "F9", NOW)


def an_upload(sessions: Sessions, **values: Any) -> InvoiceUpload:
    order: Order = an_order()
    order_id = stored(sessions, order)
    with sessions() as session, session.begin():
        session.add(
            InvoiceUpload(
                order_id=order_id,
                account=ACCOUNT,
                marketplace_id="M",
                increment_id="1",
                numbers=["1"],
                grand_total=Decimal(1),
                tax_total=Decimal(0),
                created_at=NOW,
                due_at=NOW,
                **values,
            )
        )
    with sessions() as session:
        return session.get_one(InvoiceUpload, order_id)


@pytest.mark.parametrize(
    ("read", "now", "values"),
    [
        # Amazon cancelled the feed, and another worker has sent the invoice since.
        ({"state": "submitted", "submitted_at": NOW}, {"submitted_at": LATER}, "again"),
        ({"state": "uploaded", "submitted_at": NOW}, {"submitted_at": LATER}, "not created"),
        ({"state": "submitted", "submitted_at": NOW}, {"state": "accepted"}, "again"),
    ],
)
def test_a_late_move_of_an_invoice_changes_nothing(
    sessions: Sessions, read: dict[str, Any], now: dict[str, Any], values: str
) -> None:
    upload = an_upload(sessions, **read)
    with sessions() as session, session.begin():
        row = session.get_one(InvoiceUpload, upload.order_id)
        for name, value in now.items():
            setattr(row, name, value)
        session.flush()
        before = columns(row)
    moves: dict[str, dict[str, Any]] = {
        "again": {"state": "waiting", "submitted_at": None, "tries": 1},
        "not created": {"submitted_at": None},
    }
    Uploads(sessions, ACCOUNT).change(upload, **moves[values])
    with sessions() as session:
        assert columns(session.get_one(InvoiceUpload, upload.order_id)) == before


def test_a_late_answer_is_an_invoices_while_nobody_has_sent_it_anew(sessions: Sessions) -> None:
    upload = an_upload(sessions, state="uploaded", submitted_at=NOW)
    uploads = Uploads(sessions, ACCOUNT)
    uploads.change(upload, submitted_at=None)
    uploads.submitted(upload, "F9", LATER)
    with sessions() as session:
        row = session.get_one(InvoiceUpload, upload.order_id)
        assert (row.state, row.feed_ids, row.submitted_at) == ("submitted", ["F9"], NOW)


ReportMove = Callable[[Reports, AmazonReport, datetime], object]


@pytest.mark.parametrize(
    ("read", "now", "move"),
    [
        ("wanted", "ready", lambda rows, one, at: rows.requested(one, "R9", at)),
        ("wanted", "requested", lambda rows, one, at: rows.not_created(one)),
        ("wanted", "requested", lambda rows, one, at: rows.intend(one, at)),
        ("requested", "ready", lambda rows, one, at: rows.ready(one, "D9", at)),
        ("requested", "ready", lambda rows, one, at: rows.end(one, ReportOutcome.FATAL, at)),
        ("requested", "ended", lambda rows, one, at: rows.ready(one, "D9", at)),
    ],
)
def test_a_late_move_of_a_report_changes_nothing(
    sessions: Sessions, read: str, now: str, move: ReportMove
) -> None:
    report = AmazonReport(
        account=ACCOUNT,
        report_type="R",
        marketplace_ids=[],
        since_at=NOW,
        until_at=NOW,
        created_at=NOW,
        state_since=NOW,
        due_at=NOW,
        asked_at=NOW,
        state=read,
    )
    with sessions() as session, session.begin():
        session.add(report)
    with sessions() as session:
        late = session.get_one(AmazonReport, report.id)
    with sessions() as session, session.begin():
        row = session.get_one(AmazonReport, report.id)
        row.state = now
        session.flush()
        before = columns(row)
    move(Reports(sessions), late, LATER)
    with sessions() as session:
        assert columns(session.get_one(AmazonReport, report.id)) == before
