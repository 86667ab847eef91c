"""Each call of the step lost before and after the shop acted: one order, one invoice, stock right.

Nothing here is a fake but Amazon's reader: the shop is the stand-in on a socket, the ledger is in
PostgreSQL, and every run is a worker of its own.
"""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.errors import CannotMap, OutcomeUnknown
from pipeline.base.http import Http, Method, Reply
from pipeline.magento.client import Magento
from pipeline.orders.outcome import Cancelled, Done, HoldCode
from pipeline.orders.tables import Effect, EffectState
from pipeline.settings.model import ShopSettings
from tests.builders import NOW
from tests.magento.standing_in import StandIn
from tests.tasks.placed import Place, a_line

# The last line names no product, so its shipment would take nothing: nothing may be reserved.
LINES = (a_line("I1", "A", 3), a_line("I2", "B", 2), a_line("I3", "C", 1))

WITHOUT_C: dict[str, Any] = {"without_product": frozenset({"C"})}

CREATE = {"route": "create_order", "contains": "billing_address"}
RESERVE = {"route": "cancel_order"}
REOPEN = {"route": "create_order", "contains": "qty_canceled"}
INVOICE = {"route": "invoice"}
CALLS = {"create": CREATE, "reserve": RESERVE, "reopen": REOPEN, "invoice": INVOICE}

each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
each_loss = pytest.mark.parametrize("kind", ["cut_before", "cut_after", "html_after"])


@pytest.fixture
def shop(one_shop: StandIn) -> StandIn:
    """A shop that sells 100 A, 10 B and 10 C."""
    one_shop.tell("reset")
    one_shop.tell("products", sku="A", qty=100)
    one_shop.tell("products", sku="B", qty=10)
    one_shop.tell("products", sku="C", qty=10)
    return one_shop


def lose(shop: StandIn, call: dict[str, str], kind: str) -> None:
    shop.tell("faults", kind=kind, status=500, **call)


def stock(shop: StandIn, sku: str) -> tuple[int, ...]:
    """Source, sum of reservations, salable."""
    return tuple(int(level) for level in shop.stock(sku))


def the_order(shop: StandIn) -> Any:
    (order,) = shop.ask("orders")
    return order


@each_loss
@each_call
def test_one_order_one_invoice_and_stock_taken_once(
    shop: StandIn, sessions: Sessions, call: dict[str, str], kind: str
) -> None:
    place = Place(shop, sessions, LINES, **WITHOUT_C)
    lose(shop, call, kind)
    outcome, order = place.through()
    assert (outcome, place.waits) == (Done(), 1)
    there = the_order(shop)
    assert (there["state"], there["invoices"], there["invoice_total"]) == ("processing", 1, 60)
    assert [item["qty_shipped"] for item in there["items"]] == [0, 0, 0]
    assert (stock(shop, "A"), stock(shop, "B")) == ((100, -3, 97), (10, -2, 8))
    assert stock(shop, "C") == (10, 0, 10)
    assert (order.magento_order_id, order.magento_state) == (there["entity_id"], "processing")
    assert order.magento_increment_id == there["increment_id"]
    assert [item.magento_item_id for item in order.items] == [
        item["item_id"] for item in there["items"]
    ]
    kept = shop.rest("GET", f"/orders/{there['entity_id']}")
    told = {
        entry["key"]: entry["value"]
        for entry in kept["extension_attributes"]["payment_additional_info"]
    }
    assert told["amazon_order_id"] == place.raw["orderId"]
    assert len(kept["status_histories"]) == 1
    assert shop.ask("mails") == []


@each_loss
@each_call
def test_what_amazon_cancels_meanwhile_gives_its_stock_back(
    shop: StandIn, sessions: Sessions, call: dict[str, str], kind: str
) -> None:
    place = Place(shop, sessions, LINES, **WITHOUT_C)
    lose(shop, call, kind)
    with pytest.raises(OutcomeUnknown):
        place.run()
    place.status = "CANCELLED"
    outcome, _ = place.through()
    made_nothing = call is CREATE and kind == "cut_before"
    gone = "before it was created in Magento" if made_nothing else "and in Magento"
    assert outcome == Cancelled(f"cancelled on Amazon {gone}")
    assert (stock(shop, "A"), stock(shop, "B")) == ((100, 0, 100), (10, 0, 10))
    is_invoiced = call is INVOICE and kind != "cut_before"
    states = [order["state"] for order in shop.ask("orders")]
    assert states == ([] if made_nothing else ["closed" if is_invoiced else "canceled"])


RESERVES, REOPENS = 2, 3


class Death(BaseException):
    """The end of a worker, as far as the ledger can tell."""


class Dying(Http):
    """Ends its worker at its n-th write, before or after the shop has seen it."""

    def __init__(self, url: str, at: int, *, is_late: bool) -> None:
        super().__init__(url)
        self._left = at
        self._is_late = is_late

    def call(self, method: Method, path: str, **named: Any) -> Reply:
        self._left -= method != "GET"
        is_at_it = self._left == 0 and method != "GET"
        if is_at_it and not self._is_late:
            raise Death
        answer = super().call(method, path, **named)
        if is_at_it:
            raise Death
        return answer


def dying(url: str, at: int, *, is_late: bool) -> Magento:
    settings = ShopSettings.model_validate(
        {"base_url": url, "auth": "bearer", "access_token": "sandbox-at"}
    )
    http = Dying(url, at, is_late=is_late)
    return Magento("main", settings, http=http, now=lambda: NOW)


@pytest.mark.parametrize("is_late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", [1, 2, 3, 4], ids=list(CALLS))
def test_another_worker_goes_on_where_one_died(
    shop: StandIn, sessions: Sessions, at: int, is_late: bool
) -> None:
    place = Place(shop, sessions, LINES, **WITHOUT_C)
    place.client = dying(shop.url, at, is_late=is_late)
    with pytest.raises(Death):
        place.run()
    place.client = None
    outcome, _ = place.through()
    # What shows in the order needs no waiting: it has landed.
    shows = is_late and at in (RESERVES, REOPENS)
    assert (outcome, place.waits) == (Done(), 0 if shows else 1)
    there = the_order(shop)
    assert (there["state"], there["invoices"]) == ("processing", 1)
    assert (stock(shop, "A"), stock(shop, "B")) == ((100, -3, 97), (10, -2, 8))
    with sessions() as session:
        assert set(session.scalars(select(Effect.state))) == {EffectState.DONE}


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
def test_before_2_4_7_a_reservation_without_answer_is_for_a_person(
    shop: StandIn, sessions: Sessions, kind: str
) -> None:
    place = Place(shop, sessions, LINES, **WITHOUT_C, version="2.4.6")
    lose(shop, RESERVE, kind)
    if kind == "cut_after":
        # The order says that it was reserved.
        assert place.through()[0] == Done()
        assert stock(shop, "A") == (100, -3, 97)
        return
    with pytest.raises(CannotMap) as held:
        place.through()
    assert held.value.code == HoldCode.RESERVATION_UNCLEAR
    assert stock(shop, "A") == (100, 0, 100)
    # What its sentence says: cancelled by hand it goes on by itself.
    shop.tell("cancel", entity_id=the_order(shop)["entity_id"])
    assert place.through()[0] == Done()
    assert (the_order(shop)["state"], stock(shop, "A")) == ("processing", (100, -3, 97))


def test_an_order_that_somebody_held_meanwhile_waits_until_it_is_let_go(
    shop: StandIn, sessions: Sessions
) -> None:
    place = Place(shop, sessions, LINES, **WITHOUT_C)
    lose(shop, RESERVE, "cut_before")
    with pytest.raises(OutcomeUnknown):
        place.run()
    entity_id = the_order(shop)["entity_id"]
    shop.rest("POST", f"/orders/{entity_id}/hold")
    for _ in range(2):
        with pytest.raises(CannotMap, match="before its stock could be reserved") as held:
            place.through()
        assert held.value.code == HoldCode.RESERVATION_UNCLEAR
    shop.rest("POST", f"/orders/{entity_id}/unhold")
    assert place.through()[0] == Done()
    assert (the_order(shop)["state"], stock(shop, "A")) == ("processing", (100, -3, 97))


def test_an_order_invoiced_before_it_was_reserved_is_for_a_person(
    shop: StandIn, sessions: Sessions
) -> None:
    place = Place(shop, sessions, LINES, **WITHOUT_C)
    lose(shop, RESERVE, "cut_before")
    with pytest.raises(OutcomeUnknown):
        place.run()
    shop.rest("POST", f"/order/{the_order(shop)['entity_id']}/invoice", {"capture": True})
    with pytest.raises(CannotMap) as held:
        place.through()
    assert held.value.code == HoldCode.RESERVATION_UNCLEAR
    assert (the_order(shop)["invoices"], stock(shop, "A")) == (1, (100, 0, 100))
