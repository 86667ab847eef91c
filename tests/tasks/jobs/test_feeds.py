"""Feeds from collection to result, over real PostgreSQL and the stand-in, with crashes between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import func, select, update

from pipeline.amazon.connection import Connection
from pipeline.amazon.feed_documents import FeedKind
from pipeline.amazon.feeds import Document, FeedsApi, FeedStatus
from pipeline.base.db import Sessions
from pipeline.base.errors import WritesStopped
from pipeline.base.http import Http
from pipeline.orders.machine import owner
from pipeline.orders.order_words import ARE_SEALED, shown
from pipeline.orders.package_tables import Shipment
from pipeline.orders.tables import Order, OrderPrivate, Status
from pipeline.shipping.feeds import Feeds
from pipeline.shipping.tables import Feed, FeedMessage, FeedState
from sandbox.amazon.app import create_app
from sandbox.amazon.builders import a_line, stamped
from sandbox.amazon.builders import an_order as amazons_order
from sandbox.amazon.state import Options, open_store, save_order
from sandbox.core import Store, make
from tasks.jobs.feeds import SETTLES, FeedWay
from tests.amazon.scripted import an_account
from tests.builders import ACCOUNT, NOW, a_shipment, a_vault, an_item, an_order, loaded

CREDENTIALS = {
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
    "refresh_token": "Atzr|sandbox-main",
}
WORKED_ON = timedelta(minutes=3)
CONFIRMATIONS, CANCELLATIONS = FeedKind.CONFIRMATIONS, FeedKind.CANCELLATIONS


class Crash(BaseException):
    """The process ends here."""


@dataclass
class Clock:
    """One time for us and for Amazon, moved by hand."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at

    def on(self, delta: timedelta) -> None:
        self.at += delta


class CrashingApi(FeedsApi):
    """Ends the process before or after one of its calls."""

    point: tuple[str, str]

    def _crash(self, name: str, when: str) -> None:
        if (name, when) == self.point:
            raise Crash

    def new_document(self, content_type: str) -> Document:
        document = super().new_document(content_type)
        self._crash("new_document", "after")
        return document

    def upload(self, document: Document, content: bytes, content_type: str) -> None:
        super().upload(document, content, content_type)
        self._crash("upload", "after")

    def create(
        self,
        feed_type: str,
        marketplace_ids: Sequence[str],
        document_id: str,
        options: Mapping[str, str] | None = None,
    ) -> str:
        self._crash("create", "before")
        feed_id = super().create(feed_type, marketplace_ids, document_id, options)
        self._crash("create", "after")
        return feed_id

    def feed(self, feed_id: str) -> FeedStatus:
        self._crash("feed", "before")
        return super().feed(feed_id)

    def report(self, document_id: str) -> bytes:
        report = super().report(document_id)
        self._crash("report", "after")
        return report


@dataclass
class Rig:
    """One account with its database and its Amazon."""

    sessions: Sessions
    store: Store
    url: str
    clock: Clock
    is_read_only: bool = False

    def ask(self, account: str) -> None:
        if self.is_read_only:
            raise WritesStopped(f"nothing is written for {account}", retry_after_s=60)

    def api(self, kind: Callable[..., FeedsApi] = FeedsApi) -> FeedsApi:
        account = an_account(self.url, **CREDENTIALS)
        return kind(Connection(ACCOUNT, account, sleep=lambda _: None), Http(""))

    def go(self, kind: FeedKind = CONFIRMATIONS, api: FeedsApi | None = None) -> None:
        """One run of the job, as by a new process."""
        way = FeedWay(Feeds(self.sessions, a_vault()), api or self.api(), self.clock, self.ask)
        way.go(ACCOUNT, "A1SELLER", kind)

    def through(self, kind: FeedKind = CONFIRMATIONS) -> None:
        """Run until the open feed has ended, as beat would; bounded."""
        for _ in range(8):
            self.go(kind)
            if not self.open(kind):
                return
            self.clock.on(WORKED_ON)
        raise AssertionError("the feed never ended")

    def until_it_crashes(self, feeds: Feeds, api: FeedsApi) -> None:
        for _ in range(3):
            try:
                way = FeedWay(feeds, api, self.clock, self.ask)
                way.go(ACCOUNT, "A1SELLER", CONFIRMATIONS)
            except Crash:
                return
            self.clock.on(WORKED_ON)
        raise AssertionError("it never crashed")

    def open(self, kind: FeedKind = CONFIRMATIONS) -> Feed | None:
        return Feeds(self.sessions, a_vault()).open(ACCOUNT, kind)

    def feeds(self) -> list[tuple[str, str | None]]:
        with self.sessions() as session:
            return [
                (feed.state, feed.outcome)
                for feed in session.scalars(select(Feed).order_by(Feed.id))
            ]

    def amazons_feeds(self) -> list[dict[str, Any]]:
        return self.control("GET", "feeds")["feeds"]  # type: ignore[no-any-return]

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.url}/_control/{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def waiting(self, count: int = 2, parts: int = 1) -> list[int]:
        """Orders whose packages wait for a feed, here and at Amazon."""
        return self._orders(count, parts, lambda order: _packages(order, parts), {})

    def to_cancel(self, count: int = 1, **changes: Any) -> list[int]:
        """Orders that are to be cancelled."""
        facts = {"cancel_reason": "NoInventory", "cancellation": "asked", **changes}
        return self._orders(count, 2, lambda _: [], facts)

    def _orders(
        self,
        count: int,
        units: int,
        packages: Callable[[Order], list[Shipment]],
        changes: dict[str, Any],
    ) -> list[int]:
        line = a_line("MUG-BLUE", units, item_id="I1")
        orders = [
            an_order(
                **{
                    "step": "sync_tracking",
                    "status": Status.WAITING,
                    "due_at": NOW + timedelta(days=9),
                    "items": [an_item(magento_item_id=501)],
                    **changes,
                }
            )
            for _ in range(count)
        ]
        with self.store.transaction() as db:
            for order in orders:
                theirs = amazons_order(order.external_id, lines=[line])
                save_order(db, "main", stamped(theirs, NOW - timedelta(days=1)))
        with self.sessions() as session, session.begin():
            for order in orders:
                order.shipments = packages(order)
            session.add_all(orders)
            session.flush()
            return [order.id for order in orders]

    def at_amazon(self, order_id: int) -> Any:
        return self.control("GET", f"orders/{loaded(self.sessions, order_id).external_id}")


def _packages(order: Order, count: int) -> list[Shipment]:
    """Packages of one unit each."""
    bodies = [
        {
            "order": order.external_id,
            "reference": str(71 + number),
            "date": NOW.isoformat(),
            "carrier_code": "DHL",
            "carrier_name": "",
            "tracking": "123",
            "items": {"I1": 1},
            "announcement": "dhl/DHL/123",
        }
        for number in range(count)
    ]
    return [
        a_shipment(71 + number, items={}, tracking_number="123", confirmation="feed", to_feed=body)
        for number, body in enumerate(bodies)
    ]


@pytest.fixture
def rig(sessions: Sessions, tmp_path: Path) -> Iterator[Rig]:
    clock = Clock()
    store = open_store(tmp_path / "amazon.sqlite")
    server = make(create_app(store, Options(), clock=clock), 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Rig(sessions, store, f"http://127.0.0.1:{server.server_port}", clock)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        store.close()


def test_while_nothing_may_be_written_no_feed_is_begun_and_begun_ones_are_read(rig: Rig) -> None:
    rig.waiting()
    rig.is_read_only = True
    rig.go()
    assert (rig.feeds(), rig.amazons_feeds()) == ([("collected", None)], [])
    rig.is_read_only = False
    rig.clock.on(timedelta(seconds=60))
    rig.go()
    assert rig.feeds() == [("submitted", None)]
    rig.is_read_only = True
    rig.clock.on(WORKED_ON)
    rig.go()
    assert rig.feeds() == [("ended", "done")]


def told(rig: Rig, order_id: int) -> tuple[Any, ...]:
    (package,) = loaded(rig.sessions, order_id).shipments
    return package.confirmation, package.confirmed_as, package.confirmed_times, package.feed_id


def test_a_feed_confirms_its_packages_and_wakes_their_orders(rig: Rig) -> None:
    first, second = rig.waiting(2)
    rig.go()
    feed = rig.open()
    assert feed is not None
    assert (feed.state, feed.marketplace_ids) == (FeedState.SUBMITTED, ["A1PA6795UKMFR9"])
    assert told(rig, first) == ("sent", None, 0, feed.id)
    assert loaded(rig.sessions, first).due_at == NOW + timedelta(days=9)
    rig.clock.on(WORKED_ON)
    rig.go()
    assert rig.feeds() == [("ended", "done")]
    for order_id in (first, second):
        assert told(rig, order_id) == ("accepted", "dhl/DHL/123", 1, None)
        order = loaded(rig.sessions, order_id)
        assert (order.due_at, order.news, order.version) == (rig.clock.at, 2, 1)
        amazon = rig.at_amazon(order_id)
        assert amazon["order"]["fulfillment"]["fulfillmentStatus"] == "SHIPPED"
        assert amazon["confirmations"] == {"71": {"calls": 1, "edits": 0}}


def test_nothing_is_collected_twice_nor_within_twenty_minutes(rig: Rig) -> None:
    rig.go()
    assert rig.feeds() == []
    rig.waiting(1)
    rig.go()
    rig.waiting(1)
    rig.clock.on(WORKED_ON)
    rig.go()
    rig.go()
    assert rig.feeds() == [("ended", "done")]
    rig.clock.on(timedelta(minutes=16, seconds=59))
    rig.go()
    assert len(rig.feeds()) == 1
    rig.clock.on(timedelta(seconds=1))
    rig.go()
    assert rig.feeds() == [("ended", "done"), ("submitted", None)]


@pytest.mark.parametrize(
    "point",
    [
        ("new_document", "after"),
        ("upload", "after"),
        ("create", "before"),
        ("create", "after"),
        ("feed", "before"),
        ("report", "after"),
    ],
)
def test_after_a_crash_the_next_process_sends_nothing_twice(
    rig: Rig, point: tuple[str, str]
) -> None:
    order_ids = rig.waiting(2)
    api = rig.api(type("Api", (CrashingApi,), {"point": point}))
    rig.until_it_crashes(Feeds(rig.sessions, a_vault()), api)
    rig.through()
    assert [feed["processingStatus"] for feed in rig.amazons_feeds()] == ["DONE"]
    assert rig.feeds() == [("ended", "done")]
    for order_id in order_ids:
        assert told(rig, order_id) == ("accepted", "dhl/DHL/123", 1, None)
        assert rig.at_amazon(order_id)["confirmations"] == {"71": {"calls": 1, "edits": 0}}


@pytest.mark.parametrize("method", ["uploaded", "submitted", "end"])
def test_what_was_done_but_not_written_down_is_found_again(rig: Rig, method: str) -> None:
    def crash(*_: Any) -> None:
        raise Crash

    (order_id,) = rig.waiting(1)
    feeds = type("Crashing", (Feeds,), {method: crash})(rig.sessions, a_vault())
    rig.until_it_crashes(feeds, rig.api())
    rig.through()
    assert len(rig.amazons_feeds()) == 1
    assert told(rig, order_id) == ("accepted", "dhl/DHL/123", 1, None)


def test_a_creation_without_an_answer_is_looked_for_once_it_must_have_landed(rig: Rig) -> None:
    (order_id,) = rig.waiting(1)
    rig.control("POST", "faults", {"route": "create_feed", "kind": "cut_after"})
    rig.go()
    feed = rig.open()
    assert feed is not None
    assert (feed.state, feed.feed_id, feed.submitted_at) == ("uploaded", None, NOW)
    rig.clock.on(SETTLES - timedelta(seconds=1))
    rig.go()
    assert "get_feeds" not in rig.control("GET", "calls")
    rig.clock.on(timedelta(seconds=1))
    rig.go()
    rig.clock.on(WORKED_ON)
    rig.go()
    assert len(rig.amazons_feeds()) == 1
    assert told(rig, order_id)[0] == "accepted"


def test_a_feed_of_another_programs_is_not_taken_for_ours(rig: Rig) -> None:
    """Its report does not account for our messages, so that they are sent again."""
    api = rig.api()
    document = api.new_document("text/xml; charset=UTF-8")
    api.upload(document, b"<AmazonEnvelope/>", "text/xml; charset=UTF-8")
    (order_id,) = rig.waiting(1)
    rig.control("POST", "faults", {"route": "create_feed", "kind": "cut_before"})
    rig.go()
    api.create("POST_ORDER_FULFILLMENT_DATA", ["A1PA6795UKMFR9"], document.document_id)
    rig.through()
    assert told(rig, order_id)[:3] == ("feed", None, 0)
    rig.clock.on(timedelta(minutes=20))
    rig.through()
    assert told(rig, order_id)[:3] == ("accepted", "dhl/DHL/123", 1)


@pytest.mark.parametrize("status", [429, 400])
def test_a_creation_that_amazon_declined_needs_no_search(rig: Rig, status: int) -> None:
    rig.waiting(1)
    body = {"errors": [{"code": "No", "message": "not now"}]}
    fault = {"route": "create_feed", "kind": "status", "status": status, "body": body}
    rig.control("POST", "faults", fault)
    rig.go()
    assert "get_feeds" not in rig.control("GET", "calls")
    rig.clock.on(timedelta(minutes=20))
    rig.through()
    assert len(rig.amazons_feeds()) == 1


def test_each_refusal_is_kept_with_amazons_code_and_its_words_are_sealed(rig: Rig) -> None:
    good, bad = rig.waiting(2)
    key = a_vault().new_key(owner(loaded(rig.sessions, bad)))
    with rig.sessions() as session, session.begin():
        package = session.scalars(select(Shipment).where(Shipment.order_id == bad)).one()
        changed = {"carrier_code": "Nobody", "carrier_name": "Karla Quandt"}
        package.to_feed = {**(package.to_feed or {}), **changed}
        session.add(OrderPrivate(order_id=bad, wrapped_key=key))
    rig.go()
    rig.clock.on(WORKED_ON)
    rig.go()
    assert told(rig, good)[0] == "accepted"
    (package,) = loaded(rig.sessions, bad).shipments
    assert (package.confirmation, package.confirmed_as) == ("refused", None)
    assert package.refusal == f"Amazon's code 18028{ARE_SEALED}"
    assert (package.to_feed, package.feed_id) == (None, None)
    assert loaded(rig.sessions, bad).due_at == rig.clock.at
    with rig.sessions() as session:
        messages = session.scalars(select(FeedMessage).order_by(FeedMessage.message_id))
        assert [(message.outcome, message.body["carrier_name"]) for message in messages] == [
            ("accepted", ""),
            ("refused", ""),
        ]
        [said] = shown(session, a_vault(), session.get_one(Order, bad), key)
    assert said.words == "CarrierCode is invalid."
    assert said.about == f"confirmation of package {package.package_reference}"


@pytest.mark.parametrize(
    ("fate", "outcome", "words"),
    [
        ("FATAL", "fatal", "Amazon ended the feed as FATAL"),
        ("CANCELLED", "cancelled", "Amazon ended the feed as CANCELLED"),
    ],
)
def test_a_feed_without_results_is_sent_again_and_the_third_time_is_for_a_person(
    rig: Rig, fate: str, outcome: str, words: str
) -> None:
    (order_id,) = rig.waiting(1)
    for _ in range(3):
        assert told(rig, order_id)[0] == "feed"
        rig.control("POST", "feeds", {"fate": fate})
        rig.through()
        rig.clock.on(timedelta(minutes=20))
    assert rig.feeds() == [("ended", outcome)] * 3
    (package,) = loaded(rig.sessions, order_id).shipments
    assert package.confirmation == "refused"
    assert package.refusal == f"no result after 3 feeds: {words}"
    with rig.sessions() as session:
        assert set(session.scalars(select(Feed.trouble))) == {words}


def test_amazons_trouble_puts_the_feed_off_and_loses_nothing(rig: Rig) -> None:
    (order_id,) = rig.waiting(1)
    for route in ("create_feed_document", "put_feed_document"):
        rig.control("POST", "faults", {"route": route, "kind": "status", "times": 4})
        rig.go()
        feed = rig.open()
        assert feed is not None
        assert feed.state == FeedState.COLLECTED
        assert feed.due_at == rig.clock.at + timedelta(minutes=1)
        assert feed.trouble
        rig.control("DELETE", "faults")
        rig.clock.on(timedelta(minutes=1))
    rig.through()
    assert told(rig, order_id)[0] == "accepted"
    assert len(rig.amazons_feeds()) == 1


def test_cancellations_reach_amazon_and_its_refusals_reach_the_order(rig: Rig) -> None:
    good, bad = rig.to_cancel(2)
    rig.go(CANCELLATIONS)
    assert loaded(rig.sessions, good).cancellation == "sent"
    number = loaded(rig.sessions, bad).external_id
    rig.control("POST", f"orders/{number}/status", {"status": "SHIPPED"})
    rig.clock.on(WORKED_ON)
    rig.go(CANCELLATIONS)
    order = loaded(rig.sessions, good)
    assert (order.cancellation, order.cancel_refusal) == ("accepted", None)
    assert (order.due_at, order.version) == (rig.clock.at, 1)
    amazon = rig.at_amazon(good)["order"]
    assert amazon["fulfillment"]["fulfillmentStatus"] == "CANCELLED"
    assert amazon["orderItems"][0]["cancellation"]["cancellationExecution"] == {
        "cancelledBy": "MERCHANT",
        "cancelReason": "NoInventory",
    }
    order = loaded(rig.sessions, bad)
    assert order.cancellation == "refused"
    assert order.cancel_refusal == "Amazon's code 18028"


@pytest.mark.parametrize(
    "changes",
    [
        {"remote_status": "SHIPPED"},
        {"remote_status": "PARTIALLY_SHIPPED"},
        {"fulfilled_by": "FBA"},
        {"status": Status.DONE},
        {"account": "other"},
        {"cancellation": "sent"},
    ],
)
def test_an_order_that_cannot_be_cancelled_never_goes_into_a_feed(
    rig: Rig, changes: dict[str, Any]
) -> None:
    rig.to_cancel(1, **changes)
    rig.go(CANCELLATIONS)
    assert rig.feeds() == []


def test_nor_does_one_of_which_goods_have_left(rig: Rig) -> None:
    (order_id,) = rig.to_cancel(1)
    with rig.sessions() as session, session.begin():
        session.add(a_shipment(order_id=order_id))
    rig.go(CANCELLATIONS)
    assert rig.feeds() == []


def test_a_package_whose_order_was_cancelled_meanwhile_is_left_out(rig: Rig) -> None:
    (order_id,) = rig.waiting(1)
    with rig.sessions() as session, session.begin():
        session.execute(update(Order).values(remote_status="CANCELLED"))
    rig.go()
    assert rig.feeds() == []
    assert told(rig, order_id)[0] == "feed"


def test_three_thousand_packages_go_in_one_feed_and_each_gets_its_own_result(rig: Rig) -> None:
    rig.waiting(150, parts=20)
    with rig.sessions() as session, session.begin():
        wrong = session.scalars(select(Shipment).where(Shipment.id % 500 == 0)).all()
        unknown = {package.id for package in wrong}
        for package in wrong:
            package.to_feed = {**(package.to_feed or {}), "items": {"NOT-HERE": 1}}
    rig.go()
    rig.clock.on(WORKED_ON)
    rig.go()
    (feed,) = rig.amazons_feeds()
    assert feed["document"].count("<MessageID>") == 3000
    with rig.sessions() as session:
        counts = session.execute(
            select(Shipment.confirmation, func.count()).group_by(Shipment.confirmation)
        )
        assert {row[0]: row[1] for row in counts} == {"accepted": 2994, "refused": 6}
        refused = session.scalars(select(Shipment.id).where(Shipment.confirmation == "refused"))
        assert set(refused) == unknown
    calls = rig.control("GET", "calls")
    assert calls["create_feed"] == {"202": 1}
    assert "confirm_shipment" not in calls
