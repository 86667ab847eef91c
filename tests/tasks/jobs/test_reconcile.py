"""The comparison of a world in which each thing differs once, against both stand-ins."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from celery import Celery
from sqlalchemy import delete, select, text

from pipeline.base.tables import Incident
from pipeline.monitoring.reconcile.run import Reconciler
from pipeline.monitoring.reconcile.runs import Runs
from pipeline.monitoring.reconcile.tables import Difference
from pipeline.orders.tables import Effect, Order, Status
from sandbox.amazon.app import create_app as create_amazon
from sandbox.amazon.builders import a_line
from sandbox.amazon.builders import an_order as amazons_order
from sandbox.amazon.state import open_store
from sandbox.core import Store
from sandbox.magento.app import create_app as create_magento
from sandbox.magento.schema import SCHEMA
from tasks.engine.runtime import Runtime, build
from tasks.jobs.reconcile import reconcile
from tasks.jobs.search_and_sweep import poll_amazon
from tasks.jobs.watch_shop import watch_shipments
from tasks.workflow import WORKFLOW
from tests.builders import ACCOUNT, SHOP
from tests.database_restores import remembers_everything
from tests.tables import METADATA
from tests.tasks.cancelling.test_cancelled_by_seller import loaded_settings, served
from tests.tasks.conftest import close
from tests.tasks.jobs.test_feeds import Clock

PLACES = (
    *("fine", "missing_here", "outdated", "missing_in_magento", "not_ours", "doubled", "totals"),
    *("unconfirmed", "not_shipped", "cancelled_there", "cancelled_here"),
)
NUMBERS = {place: f"305-{one:07}-{one:07}" for one, place in enumerate(PLACES, 1)}
NAMES = {number: place for place, number in NUMBERS.items()}
TRACK = {"carrier_code": "ups", "title": "UPS", "track_number": "1Z999AA10123456784"}


class World:
    """One account and one shop; each method is what somebody or something does to them."""

    def __init__(
        self, app: Celery, parts: Runtime, amazon: str, magento: str, shop: Store, clock: Clock
    ) -> None:
        self._app, self.parts, self._shop, self.clock = app, parts, shop, clock
        self._urls = {"amazon": amazon, "magento": magento}

    def tell(self, remote: str, what: str, method: str = "POST", **body: Any) -> Any:
        url = f"{self._urls[remote]}/_control/{what}"
        answer = requests.request(method, url, json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def calls(self) -> Any:
        return [self.tell(remote, "calls", "GET") for remote in self._urls]

    def place(self, name: str) -> None:
        order = amazons_order(NUMBERS[name], lines=[a_line("MUG-BLUE")], created_at=self.clock.at)
        self.tell("amazon", "orders", order=order)

    def poll(self) -> None:
        poll_amazon(self._app, self.parts, ACCOUNT)

    def watch(self) -> None:
        watch_shipments(self._app, self.parts, SHOP)

    def work(self) -> None:
        """What workers do with all that is due, once no message is waited for any more."""
        self.clock.on(timedelta(minutes=2))
        while due := self.parts.orders.due(self.clock.at, 100):
            for order_id, step in due:
                while self.parts.runner.run(step, WORKFLOW[step][0], order_id, "a-task"):
                    step = self.order(order_id).step
                    if self.order(order_id).status == Status.DONE:
                        break

    def order(self, which: int | str) -> Order:
        named = Order.external_id == NUMBERS[which] if isinstance(which, str) else Order.id == which
        with self.parts.sessions() as session:
            return session.scalars(select(Order).where(named)).one()

    def entity(self, name: str) -> int:
        entity_id = self.order(name).magento_order_id
        assert entity_id is not None
        return entity_id

    def in_shop(self, name: str, **row: Any) -> None:
        """Change a Magento order behind everybody's back; without a change it is deleted."""
        with self._shop.transaction() as db:
            if not row:
                db.execute("DELETE FROM orders WHERE entity_id = ?", (self.entity(name),))
                return
            for column, value in row.items():
                db.execute(
                    f"UPDATE orders SET doc = json_set(doc, '$.row.{column}', json(?))"  # noqa: S608
                    " WHERE entity_id = ?",
                    (json.dumps(value), self.entity(name)),
                )

    def twin(self, name: str) -> None:
        """Somebody places the same order in the shop once more."""
        with self._shop.transaction() as db:
            db.execute(
                "INSERT INTO orders SELECT 900, '000000900', store_id, json_set(doc,"
                " '$.row.entity_id', 900, '$.row.increment_id', '000000900')"
                " FROM orders WHERE entity_id = ?",
                (self.entity(name),),
            )

    def reconcile(self) -> dict[str, tuple[str, str]]:
        """The job, once a day; what is open then, by order."""
        self.clock.on(timedelta(days=1, minutes=1))
        reconcile(self.parts)
        return self.open_differences()

    def open_differences(self) -> dict[str, tuple[str, str]]:
        with self.parts.sessions() as session:
            rows = session.scalars(select(Difference).where(Difference.ended_at.is_(None))).all()
        assert len({row.external_id for row in rows}) == len(rows)
        return {NAMES[row.external_id]: (row.kind, row.treatment) for row in rows}

    def incident(self) -> str | None:
        with self.parts.sessions() as session:
            return session.scalar(
                select(Incident.text).where(
                    Incident.key == f"reconcile:{ACCOUNT}", Incident.ended_at.is_(None)
                )
            )

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table."""
        with self.parts.sessions() as session:
            return {
                table.name: sorted(map(tuple, session.execute(select(table)).all()), key=repr)
                for table in METADATA.sorted_tables
            }


@pytest.fixture
def world(app: Celery, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    remembers_everything(database_url)
    # The shop goes by the machine's time, and takes no signature from the future.
    clock = Clock()
    clock.on(-timedelta(days=20))
    amazon, shop = open_store(tmp_path / "amazon.sqlite"), Store(tmp_path / "shop.sqlite", SCHEMA)
    with (
        served(create_amazon(amazon, clock=clock)) as amazon_url,
        served(create_magento(shop, bearer=False)) as magento_url,
    ):
        urls = (database_url, redis_url, amazon_url, magento_url)
        # An order that is not invoiced can be cancelled in the shop.
        parts = build(loaded_settings(*urls, invoice="leave"), clock)
        yield World(app, parts, amazon_url, magento_url, shop, clock)
        close(parts)
    amazon.close()
    shop.close()


def differ(world: World, *names: str) -> World:
    """All of these orders placed, and afterwards each made different in its way."""
    world.tell("magento", "products", sku="MUG-BLUE", qty=100)
    for name in names:
        if name != "missing_here":
            world.place(name)
    world.clock.on(timedelta(minutes=3))
    world.poll()
    world.work()
    if "not_shipped" in names:
        world.tell("amazon", f"orders/{NUMBERS['not_shipped']}/status", status="SHIPPED")
        world.clock.on(timedelta(minutes=3))
        world.poll()
        world.work()
        assert world.order("not_shipped").status == Status.DONE
    for name in names:
        _make_different(world, name)
    return world


def _make_different(world: World, name: str) -> None:
    match name:
        case "missing_here":
            world.place(name)
        case "outdated":
            world.tell("amazon", f"orders/{NUMBERS[name]}", "PATCH", programs=["PRIME"])
        case "cancelled_there":
            world.tell("amazon", f"orders/{NUMBERS[name]}/status", status="CANCELLED")
        case "cancelled_here":
            world.tell("magento", "cancel", entity_id=world.entity(name))
        case "unconfirmed":
            world.tell("magento", "ship", entity_id=world.entity(name), tracks=[TRACK])
        case "missing_in_magento":
            world.in_shop(name)
        case "totals":
            world.in_shop(name, grand_total=9.99)
        case "doubled":
            world.twin(name)
        case "not_ours":
            with world.parts.sessions() as session, session.begin():
                row = session.scalars(select(Order).where(Order.external_id == NUMBERS[name])).one()
                row.magento_order_id, row.step, row.status = None, "create_order", Status.WAITING
                row.due_at = world.clock.at + timedelta(days=99)
                session.execute(delete(Effect).where(Effect.order_id == row.id))


FOUND: Mapping[str, tuple[str, str]] = {
    "missing_here": ("missing here", "taken in"),
    "outdated": ("outdated here", "taken in"),
    "missing_in_magento": ("missing in Magento", "held"),
    "not_ours": ("in Magento, not by us", "held"),
    "doubled": ("doubled in Magento", "held"),
    "totals": ("different totals", "held"),
    "unconfirmed": ("shipped but unconfirmed", "retried"),
    "not_shipped": ("confirmed but not shipped", "held"),
    "cancelled_there": ("cancelled on one side", "taken in"),
    "cancelled_here": ("cancelled on one side", "retried"),
}
HELD = {name for name, (_, treatment) in FOUND.items() if treatment == "held"}


def test_each_difference_is_found_once_and_treated_and_closes_once_mended(world: World) -> None:
    differing = differ(world, *PLACES)
    assert differing.reconcile() == FOUND
    assert differing.incident() == (
        "5 differences between Amazon, Orderbridge and Magento need a person: "
        "`orderbridge reconcile last --account eu`"
    )
    codes = {name: differing.order(name).hold_code for name in HELD}
    assert codes == {
        "missing_in_magento": "missing_in_magento",
        "not_ours": "in_magento_already",
        "doubled": "doubled_in_magento",
        "totals": "totals_differ",
        "not_shipped": "not_shipped_in_magento",
    }
    doubled = differing.order("doubled")
    assert doubled.hold_reason == (
        f"Magento has it 2 times: {doubled.magento_increment_id} (new), 000000900 (new); ours is "
        f"{doubled.magento_increment_id}, cancel the others"
    )
    assert {differing.order(name).due_at for name in HELD} == {None}

    with differing.parts.sessions() as session:
        first = set(session.scalars(select(Difference.id)))
    differing.work()
    assert differing.order("missing_here").magento_order_id is not None
    assert differing.order("cancelled_there").status == Status.CANCELLED
    assert differing.order("cancelled_here").cancellation == "asked"
    # Not all of it can be mended within a minute: a cancellation waits for its feed.
    left = {
        **{name: FOUND[name] for name in HELD},
        "cancelled_here": FOUND["cancelled_here"],
        "unconfirmed": FOUND["unconfirmed"],
    }
    assert differing.reconcile() == left
    with differing.parts.sessions() as session:
        assert set(session.scalars(select(Difference.id))) == first
    [result] = Runs(differing.parts.sessions).latest([ACCOUNT])
    assert (result.run.state, result.run.resolved) == ("done", 3)


def test_an_order_held_for_a_difference_goes_on_once_that_is_gone(world: World) -> None:
    differing = differ(world, "totals", "doubled", "not_shipped")
    differing.reconcile()
    differing.in_shop("totals", grand_total=10.0)
    differing.tell("magento", "cancel", entity_id=900)
    # Long past the period: what is open is read order by order.
    differing.clock.on(timedelta(days=3))
    differing.reconcile()
    [result] = Runs(differing.parts.sessions).latest([ACCOUNT])
    assert (result.run.orders_seen, result.run.resolved) == (0, 2)
    assert differing.order("totals").due_at == differing.clock.at
    differing.work()
    statuses = {name: differing.order(name).status for name in ("totals", "doubled")}
    assert statuses == {"totals": Status.WAITING, "doubled": Status.WAITING}
    assert "1 difference " in (differing.incident() or "")


def test_what_a_person_accepts_is_held_no_more_until_it_changes(world: World) -> None:
    differing = differ(world, "totals", "doubled")
    differing.reconcile()
    runs = Runs(differing.parts.sessions)
    accepted = runs.accept(NUMBERS["totals"], author="anna", now=differing.clock.at)
    assert accepted == ["different totals"]
    differing.work()
    assert differing.reconcile()["totals"] == ("different totals", "accepted")
    assert differing.order("totals").status == Status.WAITING
    assert "1 difference " in (differing.incident() or "")
    differing.in_shop("totals", grand_total=9.5)
    assert differing.reconcile()["totals"] == ("different totals", "held")


def test_a_preview_changes_nothing(world: World) -> None:
    names = ("missing_here", "outdated", "doubled", "cancelled_here")
    differing = differ(world, *names)
    differing.clock.on(timedelta(days=1))
    parts, now = differing.parts, differing.clock.at
    before = differing.dump()
    reconciler = Reconciler(
        parts.sessions, parts.clients, parts.intake, parts.incidents, parts.shipments
    )
    page = reconciler.preview(ACCOUNT, now - timedelta(days=2), now - timedelta(hours=1), None)
    assert (page.orders, page.token) == (len(names), None)
    kinds = {NAMES[number]: ones[0].kind for number, ones in page.differences.items()}
    assert kinds == {name: FOUND[name][0] for name in names}
    assert differing.dump() == before


def test_it_goes_on_at_the_page_where_the_quota_ended(world: World) -> None:
    for one in range(1, 121):
        number = f"306-{one:07}-{one:07}"
        order = amazons_order(number, lines=[a_line("MUG-BLUE")], created_at=world.clock.at)
        world.tell("amazon", "orders", order=order)
    world.clock.on(timedelta(days=1))
    delayed: dict[str, Any] = {"route": "search_orders", "kind": "delay", "times": 1}
    refused: dict[str, Any] = {
        "route": "search_orders",
        "kind": "status",
        "status": 429,
        "times": 9,
    }
    for fault in (delayed, refused):
        world.tell("amazon", "faults", **fault)
    reconcile(world.parts)
    [result] = Runs(world.parts.sessions).latest([ACCOUNT])
    assert (result.run.state, result.run.orders_seen) == ("running", 100)
    assert len(result.differences) == 100
    world.tell("amazon", "faults", "DELETE")
    world.clock.on(timedelta(hours=1))
    reconcile(world.parts)
    [result] = Runs(world.parts.sessions).latest([ACCOUNT])
    assert (result.run.state, result.run.orders_seen) == ("done", 120)
    assert {difference.treatment for difference in result.differences} == {"taken in"}
    assert len(result.differences) == 120
    reconcile(world.parts)
    assert len(Runs(world.parts.sessions).latest([ACCOUNT])[0].differences) == 120


def test_one_is_begun_a_day_whatever_beat_forgot(world: World) -> None:
    reconcile(world.parts)
    reconcile(world.parts)
    world.clock.on(timedelta(hours=23))
    reconcile(world.parts)
    with world.parts.sessions() as session:
        assert session.scalar(text("SELECT count(*) FROM reconciliations")) == 1
    world.clock.on(timedelta(hours=2))
    reconcile(world.parts)
    with world.parts.sessions() as session:
        assert session.scalar(text("SELECT count(*) FROM reconciliations")) == 2
