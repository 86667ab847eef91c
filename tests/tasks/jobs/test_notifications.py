"""Notifications from Amazon's stand-in through a real queue to the orders they are about."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from sqlalchemy import select, text

from pipeline.amazon.sqs import Message, Queue
from pipeline.amazon.subscriptions import Notifications, Topic
from pipeline.base.quota import Lane
from pipeline.finances.money_reads import MoneyReads
from pipeline.monitoring.tables import Belonging
from pipeline.orders.tables import Order
from sandbox.amazon.app import create_app
from sandbox.amazon.builders import an_order
from sandbox.amazon.quota import USAGE_PLAN, Quota
from sandbox.amazon.state import Options, open_store
from sandbox.amazon.times import iso
from sandbox.amazon.transaction_update import transaction_update
from sandbox.core import make
from tasks.engine.runtime import Runtime, build
from tasks.jobs.notifications import GIVEN_OUT_OFTEN, fetch_orders, read_notifications, take_in
from tasks.jobs.search_and_sweep import poll_amazon
from tests.builders import ACCOUNT, NOW, settings
from tests.queues import TestQueue, a_queue
from tests.sandbox.conftest import Caller

POSTCODE = "99423"
SECRETS = {
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
    "refresh_token": "Atzr|sandbox-main",
}


class World:
    """One account whose changed orders Amazon reports to its queue."""

    def __init__(self, parts: Runtime, app: Celery, amazon: Caller, queue: TestQueue) -> None:
        self.parts, self.amazon, self.queue = parts, amazon, queue
        self._app = app

    def delivery(self, **how: int) -> None:
        self.amazon.control("POST", "notifications", how)

    def place(self, *numbers: str, **changes: Any) -> None:
        for number in numbers:
            order = an_order(number, **changes)
            order["recipient"]["deliveryAddress"]["postalCode"] = POSTCODE
            self.amazon.place(order)

    def move(self, number: str, status: str) -> None:
        self.amazon.control("POST", f"orders/{number}/status", {"status": status})

    def read(self, queue: Queue | None = None) -> None:
        queues = {ACCOUNT: queue} if queue is not None else self.parts.queues
        read_notifications(replace(self.parts, queues=queues), ACCOUNT)

    def fetch(self) -> None:
        fetch_orders(self._app, self.parts, ACCOUNT)

    def fetch_all(self) -> None:
        while self.rows("SELECT 1 FROM to_fetch"):
            self.fetch()

    def poll(self) -> None:
        poll_amazon(self._app, self.parts, ACCOUNT)

    def calls(self, route: str) -> dict[str, int]:
        """How often Amazon was called, by status."""
        counted: dict[str, dict[str, int]] = self.amazon.control("GET", "calls")
        return counted.get(route, {})

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.parts.sessions() as session:
            return [tuple(row) for row in session.execute(text(query)).all()]

    def wanted(self) -> list[str]:
        return [row[0] for row in self.rows("SELECT external_id FROM to_fetch ORDER BY 1")]

    def statuses(self) -> dict[str, str]:
        with self.parts.sessions() as session:
            found = session.execute(select(Order.external_id, Order.remote_status)).all()
            assert len({row[0] for row in found}) == len(found)
            return {row[0]: row[1] for row in found}


@pytest.fixture
def amazon(tmp_path: Path, sqs_url: str) -> Iterator[Caller]:
    quotas = {operation: Quota(100.0, 200) for operation in USAGE_PLAN}
    options = Options(search_delay_s=0, quotas=quotas, sqs_endpoint=sqs_url)
    store = open_store(tmp_path / "amazon.sqlite")
    server = make(create_app(store, options), 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Caller(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        store.close()


@pytest.fixture
def world(
    app: Celery, database_url: str, redis_url: str, amazon: Caller, sqs_url: str
) -> Iterator[World]:
    queue = a_queue(sqs_url, visibility_s=1)
    account = {
        **SECRETS,
        **queue.settings(),
        "base_url": amazon.url,
        "token_url": amazon.url,
        "start_from": "2020-01-01T00:00:00Z",
    }
    timing = {"first_retry_s": 0.1, "longest_retry_s": 0.5}
    given = settings(account=account, timing=timing, database_url=database_url, redis_url=redis_url)
    parts = build(given)
    own = Notifications(ACCOUNT, given.accounts[ACCOUNT])
    own.create_subscription(own.create_destination("orders", queue.arn).destination_id)
    yield World(parts, app, amazon, queue)
    parts.broker.close()


def numbers(count: int) -> list[str]:
    return [f"305-{number:07}-{number:07}" for number in range(1, count + 1)]


[A, B] = numbers(2)


def test_a_new_order_is_here_without_a_search(world: World) -> None:
    world.place(A)
    world.read()
    assert world.wanted() == [A]
    world.fetch()
    assert world.statuses() == {A: "UNSHIPPED"}
    assert (world.wanted(), world.queue.left()) == ([], (0, 0))
    assert (world.calls("get_order"), world.calls("search_orders")) == ({"200": 1}, {})
    assert world.parts.broker.llen("orderbridge:amazon") == 1


def test_an_order_named_20_times_in_a_burst_is_read_once(world: World) -> None:
    world.place(A)
    for _ in range(19):
        world.move(A, "UNSHIPPED")
    assert world.amazon.control("GET", "notifications")["sent"] == 20
    world.read()
    assert world.wanted() == [A]
    world.fetch_all()
    assert world.calls("get_order") == {"200": 1}


def test_a_notification_that_comes_twice_is_one(world: World) -> None:
    world.delivery(copies=3)
    world.place(A)
    queue = world.parts.queues[ACCOUNT]
    messages = queue.receive(1)
    assert len(messages) == 3
    assert take_in(world.parts, ACCOUNT, queue, messages) == 1
    world.fetch_all()
    world.queue.send(messages[0].body)  # once more, days later
    world.read()
    assert (world.wanted(), world.queue.left()) == ([], (0, 0))
    assert world.rows("SELECT count(*) FROM seen_notifications") == [(1,)]
    assert world.calls("get_order") == {"200": 1}


def test_the_newest_state_counts_whatever_came_last(world: World) -> None:
    world.delivery(hold=1)
    world.place(A, status="PENDING")
    world.move(A, "UNSHIPPED")
    world.read()
    world.poll()  # the poll was first
    world.move(A, "CANCELLED")
    world.amazon.control("POST", "notifications/release", {"reversed": True})
    world.read()
    world.fetch_all()
    assert world.statuses() == {A: "CANCELLED"}
    # A report that is older than what is known changes nothing.
    updated_at = world.rows("SELECT remote_updated_at, news FROM orders")
    world.amazon.control("POST", "clock", {"offset_s": -3600})
    world.move(A, "PENDING")
    world.delivery(hold=0)
    world.move(A, "PENDING")
    world.read()
    world.fetch_all()
    assert world.statuses() == {A: "CANCELLED"}
    assert world.rows("SELECT remote_updated_at, news FROM orders") == updated_at


class Dying(Queue):
    """Ends its worker when it is about to delete."""

    def delete(self, messages: Sequence[Message]) -> list[Message]:
        raise SystemExit


def dying(world: World) -> Dying:
    account = world.parts.settings.accounts[ACCOUNT]
    assert account.notifications is not None
    return Dying(account, account.notifications)


def test_a_worker_that_dies_before_it_deletes_loses_nothing_and_doubles_nothing(
    world: World,
) -> None:
    world.place(A)
    with pytest.raises(SystemExit):
        world.read(dying(world))
    assert world.wanted() == [A]  # committed
    world.fetch_all()
    until_back(world, 1)
    world.read()
    assert (world.wanted(), world.queue.left()) == ([], (0, 0))
    assert world.calls("get_order") == {"200": 1}
    assert world.statuses() == {A: "UNSHIPPED"}


def until_back(world: World, count: int) -> None:
    """Return when what was given out may be given out again."""
    pause = threading.Event()
    for _ in range(100):
        if world.queue.left() == (count, 0):
            return
        pause.wait(0.1)
    raise AssertionError(world.queue.left())


class Keeping(Queue):
    """Deletes no message of the first call but its last, and says so."""

    kept = 0

    def delete(self, messages: Sequence[Message]) -> list[Message]:
        if self.kept:
            return super().delete(messages)
        self.kept = len(messages) - 1
        return [*messages[:-1], *super().delete(messages[-1:])]


def test_a_message_that_sqs_did_not_delete_is_known_when_it_comes_again(world: World) -> None:
    world.place(*numbers(3))
    account = world.parts.settings.accounts[ACCOUNT]
    assert account.notifications is not None
    queue = Keeping(account, account.notifications)
    [*messages] = queue.receive(1)
    assert len(messages) == 3
    assert take_in(world.parts, ACCOUNT, queue, messages) == 3
    world.fetch_all()
    until_back(world, 2)
    world.read(queue)
    assert (world.wanted(), world.queue.left()) == ([], (0, 0))
    assert world.calls("get_order") == {"200": 3}


GARBAGE = ["not JSON", "[]", '{"NotificationType": "ORDER_CHANGE", "Payload": null}']


def test_garbage_holds_up_nothing_and_is_deleted_in_the_end(world: World) -> None:
    world.queue.configure(VisibilityTimeout="0")
    world.amazon.control("POST", "notifications/garbage", {"bodies": GARBAGE})
    world.place(A)
    world.read()  # comes back at once, so one run sees it as often as it takes
    assert world.wanted() == [A]
    assert world.queue.left() == (0, 0)


def test_garbage_is_left_at_first(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.amazon.control("POST", "notifications/garbage", {"bodies": [f"Berta {POSTCODE}"]})
    queue = world.parts.queues[ACCOUNT]
    [message] = queue.receive(1)
    for times in (1, GIVEN_OUT_OFTEN):
        again = replace(message, times=times)
        assert take_in(world.parts, ACCOUNT, queue, [again]) == 0
        assert world.queue.left() == (0, 1)
    take_in(world.parts, ACCOUNT, queue, [replace(message, times=GIVEN_OUT_OFTEN + 1)])
    assert world.queue.left() == (0, 0)
    assert "Berta" not in capfd.readouterr().err


def test_a_dead_letter_queue_gets_what_nobody_can_read(world: World, sqs_url: str) -> None:
    dead = a_queue(sqs_url)
    policy = {"deadLetterTargetArn": dead.arn, "maxReceiveCount": 1000}
    world.queue.configure(RedrivePolicy=json.dumps(policy))
    world.queue.send("not JSON")
    queue = world.parts.queues[ACCOUNT]
    [message] = queue.receive(1)
    take_in(world.parts, ACCOUNT, queue, [replace(message, times=999)])
    assert world.queue.left() == (0, 1)


def test_what_is_not_about_an_order_of_ours_is_deleted_unheeded(world: World) -> None:
    world.place(A)
    [message] = world.parts.queues[ACCOUNT].receive(1)
    accounts = world.parts.settings.accounts
    of_somebody = accounts[ACCOUNT].model_copy(update={"seller_id": "SOMEBODY"})
    changed = world.parts.settings.model_copy(update={"accounts": {ACCOUNT: of_somebody}})
    parts = replace(world.parts, settings=changed)
    assert take_in(parts, ACCOUNT, world.parts.queues[ACCOUNT], [message]) == 0
    world.queue.send('{"notificationType": "FEED_PROCESSING_FINISHED"}')
    world.read()
    assert (world.wanted(), world.queue.left()) == ([], (0, 0))


def test_a_queue_that_refuses_us_is_an_incident_until_it_answers(world: World) -> None:
    open_incidents = "SELECT key, account FROM incidents WHERE ended_at IS NULL"
    gone = world.parts.settings.accounts[ACCOUNT].notifications
    assert gone is not None
    gone = gone.model_copy(update={"queue_url": f"{gone.queue_url}-gone"})
    world.read(Queue(world.parts.settings.accounts[ACCOUNT], gone))
    world.read(Queue(world.parts.settings.accounts[ACCOUNT], gone))
    assert world.rows(open_incidents) == [(f"notifications:{ACCOUNT}", ACCOUNT)]
    world.read()
    assert world.rows(open_incidents) == []


def test_an_sqs_that_is_away_is_none(world: World) -> None:
    away = world.parts.settings.accounts[ACCOUNT].notifications
    assert away is not None
    away = away.model_copy(update={"endpoint_url": "http://127.0.0.1:1"})
    world.read(Queue(world.parts.settings.accounts[ACCOUNT], away))
    assert world.rows("SELECT 1 FROM incidents") == []


def test_two_readers_at_once_take_each_notification_in_once(world: World) -> None:
    placed = numbers(12)
    world.place(*placed)
    for number in placed:
        world.move(number, "UNSHIPPED")
    for number in placed:
        world.move(number, "UNSHIPPED")
    queue = world.parts.queues[ACCOUNT]
    taken: list[int] = []

    def read_all() -> None:
        while messages := queue.receive(1):
            taken.append(take_in(world.parts, ACCOUNT, queue, messages))

    threads = [threading.Thread(target=read_all) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 36
    assert (world.wanted(), world.queue.left()) == (placed, (0, 0))


def test_of_two_jobs_at_once_one_reads(world: World) -> None:
    world.place(A)
    with world.parts.leases.hold(f"notifications:{ACCOUNT}", "another run"):
        world.read()
    assert (world.wanted(), world.queue.left()) == ([], (1, 0))


def test_one_notification_in_five_lost_loses_no_order(world: World) -> None:
    world.delivery(drop_every=5, copies=2)
    placed = numbers(50)
    world.place(*placed)
    world.read()
    world.fetch_all()
    assert len(world.statuses()) == 40
    assert world.calls("get_order") == {"200": 40}
    world.poll()
    assert world.statuses() == dict.fromkeys(placed, "UNSHIPPED")
    assert world.rows("SELECT count(*) FROM order_private") == [(50,)]
    assert world.rows("SELECT DISTINCT news FROM orders") == [(0,)]
    assert world.parts.broker.llen("orderbridge:amazon") == 50
    assert world.calls("search_orders") == {"200": 1}


def test_a_throttled_read_comes_again_and_loses_nothing(world: World) -> None:
    [first] = numbers(3)[2:]
    world.place(first)
    world.read()
    world.fetch_all()  # the rate that Amazon allows is known from here on
    world.place(A, B)
    throttled = {"errors": [{"code": "QuotaExceeded", "message": "You exceeded your quota"}]}
    fault = {"route": "get_order", "kind": "status", "status": 429, "body": throttled}
    world.amazon.control("POST", "faults", fault)
    world.read()
    world.fetch_all()
    assert world.statuses() == dict.fromkeys(numbers(3), "UNSHIPPED")
    assert world.calls("get_order") == {"200": 3, "429": 1}


def test_nothing_personal_is_kept_outside_the_sealed_reply(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.place(A)
    world.queue.send(f'{{"DestinationPostalCode": "{POSTCODE}"}}')
    world.read()
    kept = world.rows("SELECT to_fetch::text FROM to_fetch")
    kept += world.rows("SELECT seen_notifications::text FROM seen_notifications")
    assert len(kept) == 2
    world.fetch_all()
    kept += world.rows("SELECT orders::text FROM orders")
    assert POSTCODE not in str(kept)
    assert POSTCODE not in capfd.readouterr().err


def test_nothing_is_taken_out_of_the_queue_while_nothing_may_be_written(world: World) -> None:
    world.place(A)
    with world.parts.sessions() as session, session.begin():
        session.add(Belonging(name="shops.main", value="shop.example", noted_at=NOW, noted_by=""))
    world.read()
    assert (world.queue.left(), world.wanted()) == ((1, 0), [])


def posted(world: World, *, seller: str = "", order: str | None = A, name: str = "OrderId") -> str:
    """Amazon's message that money was posted, as the stand-in writes it."""
    money = {
        **{"order_id": order, "marketplace": "A1PA6795UKMFR9", "kind": "Shipment"},
        **{"posted_at": iso(NOW), "total": "10.00", "currency": "EUR"},
    }
    message = transaction_update(money, "main", "a-subscription", 7, NOW)
    update = message["Payload"]["TransactionUpdateNotification"]
    if order is not None:
        update["RelatedIdentifiers"][0]["RelatedIdentifierName"] = name
    if seller:
        update["SellingPartnerMetadata"]["SellingPartnerId"] = seller
    return json.dumps(message)


MONEY = "SELECT account, external_id, lane, due_at - asked_at FROM money_reads ORDER BY 1, 2"
IN_5_MIN = timedelta(minutes=5)


@pytest.mark.parametrize("name", ["OrderId", "ORDER_ID", "orderId"])
def test_posted_money_has_its_order_read_some_minutes_later(world: World, name: str) -> None:
    for _ in range(3):
        world.queue.send(posted(world, name=name))
    world.queue.send(posted(world, order=B))
    MoneyReads(world.parts.sessions).ask("na", [A], NOW, Lane.NEW)
    world.read()
    assert world.rows(MONEY) == [
        *((ACCOUNT, number, "backfill", IN_5_MIN) for number in (A, B)),
        ("na", A, "new", timedelta(0)),
    ]
    assert (world.wanted(), world.queue.left()) == ([], (0, 0))


def test_amazon_tells_of_posted_money_where_the_account_is_subscribed(world: World) -> None:
    own = Notifications(ACCOUNT, world.parts.settings.accounts[ACCOUNT])
    destination = own.destination(world.queue.arn)
    assert destination is not None
    own.create_subscription(destination.destination_id, Topic.TRANSACTION_UPDATE)
    world.place(A, status="SHIPPED")
    world.read()
    assert [row[1] for row in world.rows(MONEY)] == [A]
    assert world.wanted() == [A]


def test_a_message_about_money_that_says_nothing_is_counted_and_ignored(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = json.loads(posted(world))
    odd["Payload"] = {"TransactionUpdateNotification": {"RelatedIdentifiers": "none"}}
    for body in (posted(world, order=None), posted(world, name="RefundId"), json.dumps(odd)):
        world.queue.send(body)
    world.queue.send(json.dumps({"NotificationType": "TRANSACTION_UPDATE"}))
    world.read()
    assert (world.rows(MONEY), world.queue.left()) == ([], (0, 0))
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    counts = [line for line in told if line["event"] == "notification.other"]
    assert {line["code"] for line in counts} == {"TRANSACTION_UPDATE"}
    assert sum(line["count"] for line in counts) == 4


def test_posted_money_of_another_seller_or_of_an_account_without_money_is_not_read(
    world: World,
) -> None:
    accounts = world.parts.settings.accounts
    named = accounts[ACCOUNT].model_copy(update={"seller_id": "A1SELLER"})
    mine = world.parts.settings.model_copy(update={"accounts": {ACCOUNT: named}})
    world.parts = replace(world.parts, settings=mine)
    world.queue.send(posted(world, seller="A2ANOTHER"))
    world.read()
    assert world.rows(MONEY) == []
    off = accounts[ACCOUNT].model_copy(update={"finances": "off"})
    without = world.parts.settings.model_copy(update={"accounts": {ACCOUNT: off}})
    clients = replace(world.parts.clients, in_force=lambda: without)
    world.parts = replace(world.parts, settings=without, clients=clients)
    world.queue.send(posted(world))
    world.read()
    assert (world.rows(MONEY), world.queue.left()) == ([], (0, 0))
