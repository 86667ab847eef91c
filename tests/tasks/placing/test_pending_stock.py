"""Stock held for a pending order, in a shop: the stand-in, and a real ledger."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from pipeline.base.db import Sessions
from pipeline.base.errors import OutcomeUnknown, Transient
from pipeline.orders.ledger import Ledger
from pipeline.orders.outcome import Cancelled, Done, Hold, HoldCode, Outcome, Wait
from pipeline.orders.tables import Order
from tasks.engine.runner import Step
from tests.builders import NOW, a_raw_order, an_item, an_order, stored
from tests.magento.standing_in import StandIn, client_of
from tests.tasks.as_run import create_order, enrich_order, verify_order
from tests.tasks.fakes import clients
from tests.tasks.placed import SETTLED, a_line

DAY = timedelta(days=1)
LINES = [a_line("I1", "A", 3), a_line("I2", "B", 2)]


@pytest.fixture
def shop(one_shop: StandIn) -> StandIn:
    """A shop that sells 100 A and 10 B."""
    one_shop.tell("reset")
    one_shop.tell("products", sku="A", qty=100)
    one_shop.tell("products", sku="B", qty=10)
    return one_shop


@dataclass
class Pending:
    """A pending order; each run of a step is a worker that knows what the database knows."""

    shop: StandIn
    sessions: Sessions
    lines: list[dict[str, Any]] = field(default_factory=lambda: deepcopy(LINES))
    settings: dict[str, Any] = field(default_factory=dict)
    now: datetime = NOW
    status: str = "PENDING"

    def __post_init__(self) -> None:
        total = {"amount": f"{10 * sum(line['quantityOrdered'] for line in self.lines)}.00"}
        self.raw = a_raw_order(
            status=self.status,
            purchased_at=NOW - DAY,
            orderItems=self.lines,
            proceeds={"grandTotal": total | {"currencyCode": "EUR"}},
        )
        self.id = stored(self.sessions, an_order(raw=self.raw))
        self.reserved_until: datetime | None = None
        self.products: dict[str, Any] = {}

    def run(self, step: Step = verify_order) -> tuple[Outcome, Order]:
        raw = deepcopy(self.raw)
        raw["fulfillment"]["fulfillmentStatus"] = self.status
        items = [
            an_item(
                external_item_id=line["orderItemId"],
                sku=line["product"]["sellerSku"],
                quantity=line["quantityOrdered"],
                product=self.products.get(line["product"]["sellerSku"]),
            )
            for line in self.lines
        ]
        order = an_order(raw=raw, id=self.id, items=items, reserved_until=self.reserved_until)
        ready = clients(
            shop=client_of(self.shop.url),
            ledger=Ledger(self.sessions, lambda: self.now),
            **{"pending_orders": "reserve", **self.settings},
        )
        outcome = step(order, replace(ready, now=lambda: self.now))
        self.reserved_until = order.reserved_until
        self.products = {item.sku: item.product for item in order.items}
        return outcome, order

    def through(self, step: Step = verify_order) -> Outcome:
        for _ in range(4):
            try:
                return self.run(step)[0]
            except (OutcomeUnknown, Transient):
                self.now += SETTLED
        return self.run(step)[0]

    def helpers(self) -> list[Any]:
        return [
            order
            for order in self.shop.ask("orders")
            if order["increment_id"].startswith("PENDING")
        ]


def levels(shop: StandIn) -> tuple[Any, Any]:
    return shop.stock("A"), shop.stock("B")


FREE = ((100, 0, 100), (10, 0, 10))
HELD = ((100, -3, 97), (10, -2, 8))


def test_its_goods_are_held_by_an_order_that_nobody_can_ship(
    shop: StandIn, sessions: Sessions
) -> None:
    pending = Pending(shop, sessions)
    outcome, order = pending.run()
    assert outcome == Wait(
        "Amazon has not verified the payment yet; its stock is reserved until 2026-11-28 12:00 UTC",
        timedelta(hours=1),
    )
    assert order.reserved_until == NOW + 6 * DAY
    assert order.magento_order_id is None
    assert levels(shop) == HELD
    (helper,) = pending.helpers()
    assert (helper["state"], helper["grand_total"]) == ("holded", 0)
    assert helper["ext_order_id"] == f"pending {order.external_id}"
    assert client_of(shop.url).orders.find(order.external_id) == []
    kept = shop.rest("GET", f"/orders/{helper['entity_id']}")
    assert "Berta" not in str(kept)
    assert "Karla" not in str(kept)
    assert len(kept["status_histories"]) == 1
    shop.rest("POST", f"/order/{helper['entity_id']}/ship", {"notify": False}, expect=400)
    shop.rest("POST", f"/order/{helper['entity_id']}/invoice", {"capture": True}, expect=400)
    assert shop.ask("mails") == []
    # The next look changes nothing.
    pending.run()
    assert (levels(shop), len(pending.helpers())) == (HELD, 1)


CALLS = {
    "create": {"route": "create_order", "contains": "billing_address"},
    "reserve": {"route": "cancel_order"},
    "reopen": {"route": "create_order", "contains": "qty_canceled"},
    "hold": {"route": "hold_order"},
}
ENDS = {"unhold": {"route": "unhold_order"}, "cancel": {"route": "cancel_order"}}
LOSSES = ("cut_before", "cut_after", "html", "html_after")


def lose(shop: StandIn, call: dict[str, str], kind: str) -> None:
    shop.tell("faults", kind=kind, status=500, **call)


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_lost_answer_holds_the_goods_once(
    shop: StandIn, sessions: Sessions, call: dict[str, str], kind: str
) -> None:
    pending = Pending(shop, sessions)
    lose(shop, call, kind)
    assert isinstance(pending.through(), Wait)
    assert levels(shop) == HELD
    assert [helper["state"] for helper in pending.helpers()] == ["holded"]


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("call", [*CALLS.values(), *ENDS.values()], ids=[*CALLS, *ENDS])
def test_what_amazon_cancels_meanwhile_holds_nothing(
    shop: StandIn, sessions: Sessions, call: dict[str, str], kind: str
) -> None:
    pending = Pending(shop, sessions)
    is_end = call in ENDS.values() and "unhold" in str(call)
    if not is_end:
        lose(shop, call, kind)
    try:
        pending.run()
    except OutcomeUnknown:
        pending.now += SETTLED
    if is_end:
        lose(shop, call, kind)
    pending.status = "CANCELLED"
    assert pending.through() == Cancelled("cancelled on Amazon before it was created in Magento")
    assert levels(shop) == FREE
    assert {helper["state"] for helper in pending.helpers()} <= {"canceled"}
    assert pending.reserved_until is None


@pytest.mark.parametrize("kind", [None, *LOSSES])
@pytest.mark.parametrize("call", ENDS.values(), ids=ENDS)
def test_when_its_time_is_over_the_goods_are_free_once(
    shop: StandIn, sessions: Sessions, call: dict[str, str], kind: str | None
) -> None:
    pending = Pending(shop, sessions)
    pending.run()
    pending.now = NOW + 6 * DAY - timedelta(minutes=5)
    outcome, _ = pending.run()
    assert isinstance(outcome, Wait)
    assert outcome.delay == timedelta(minutes=5)
    assert levels(shop) == HELD
    pending.now += timedelta(minutes=5)
    if kind is not None:
        lose(shop, call, kind)
    last = pending.through()
    assert isinstance(last, Wait)
    assert last.reason.endswith(
        "; its stock was reserved until 2026-11-28 12:00 UTC; the reservation is released"
    )
    assert levels(shop) == FREE
    # It does not begin again.
    pending.run()
    assert (levels(shop), len(pending.helpers())) == (FREE, 1)


@pytest.mark.parametrize("kind", [None, *LOSSES])
@pytest.mark.parametrize("call", ENDS.values(), ids=ENDS)
def test_the_real_order_takes_over_what_was_held(
    shop: StandIn, sessions: Sessions, call: dict[str, str], kind: str | None
) -> None:
    shop.tell("products/A", qty=3)
    shop.tell("products/B", qty=2)
    pending = Pending(shop, sessions)
    pending.run()
    assert levels(shop) == ((3, -3, 0), (2, -2, 0))
    pending.status = "UNSHIPPED"
    assert pending.run()[0] == Done()
    # Nothing is left to sell but what is held for this order itself.
    assert pending.run(enrich_order)[0] == Done()
    if kind is not None:
        contains = {} if "unhold" in str(call) else {"contains": "orders/1/"}
        lose(shop, {**call, **contains}, kind)
    assert pending.through(create_order) == Done()
    assert levels(shop) == ((3, -3, 0), (2, -2, 0))
    assert [helper["state"] for helper in pending.helpers()] == ["canceled"]
    (real,) = [order for order in shop.ask("orders") if order not in pending.helpers()]
    assert (real["state"], real["grand_total"], real["invoices"]) == ("processing", 50, 1)
    shop.tell("ship", entity_id=real["entity_id"])
    assert levels(shop) == ((0, 0, 0), (0, 0, 0))


def test_more_than_what_is_held_is_still_looked_for(shop: StandIn, sessions: Sessions) -> None:
    pending = Pending(shop, sessions)
    pending.run()
    shop.tell("products/A", qty=3)
    pending.status = "UNSHIPPED"
    pending.lines[0]["quantityOrdered"] = 4
    pending.lines[0]["proceeds"] = a_line("I1", "A", 4)["proceeds"]
    pending.raw["proceeds"]["grandTotal"]["amount"] = "60.00"
    outcome, _ = pending.run(enrich_order)
    assert isinstance(outcome, Hold)
    assert outcome.code == HoldCode.OUT_OF_STOCK


def test_what_the_catalogue_does_not_have_is_not_held_and_said(
    shop: StandIn, sessions: Sessions
) -> None:
    lines = [a_line("I1", "A", 3), a_line("I2", "NOT-THERE", 2)]
    outcome, _ = Pending(shop, sessions, lines).run()
    assert isinstance(outcome, Wait)
    assert outcome.reason.endswith("reserved until 2026-11-28 12:00 UTC, except that of NOT-THERE")
    assert shop.stock("A") == (100, -3, 97)
    outcome, _ = Pending(shop, sessions, lines[1:]).run()
    assert isinstance(outcome, Wait)
    assert outcome.reason.endswith("no stock is reserved: NOT-THERE is not in Magento's catalogue")


@pytest.mark.parametrize(
    "settings", [{"pending_orders": "ignore"}, {"stock": "server"}, {"stock": "none"}]
)
def test_by_default_a_pending_order_holds_nothing(
    shop: StandIn, sessions: Sessions, settings: dict[str, str]
) -> None:
    outcome, _ = Pending(shop, sessions, settings=settings).run()
    assert outcome == Wait("Amazon has not verified the payment yet", timedelta(hours=1))
    assert shop.answered() == {}


def test_an_order_that_waits_too_long_already_holds_nothing(
    shop: StandIn, sessions: Sessions
) -> None:
    pending = Pending(shop, sessions, now=NOW + 30 * DAY)
    outcome, _ = pending.run()
    assert isinstance(outcome, Wait)
    assert (pending.helpers(), levels(shop)) == ([], FREE)


def test_without_the_setting_what_was_held_is_let_go(shop: StandIn, sessions: Sessions) -> None:
    pending = Pending(shop, sessions)
    pending.run()
    pending.settings = {"pending_orders": "ignore"}
    pending.run()
    assert levels(shop) == FREE
    pending.settings = {}
    outcome, _ = pending.run()
    assert isinstance(outcome, Wait)
    assert outcome.reason.endswith("; the reservation is released: its holding order was cancelled")
    assert levels(shop) == FREE
