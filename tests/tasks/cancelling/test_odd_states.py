"""Orders that Amazon cancels while the shop's order is in a state of its own."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from pipeline.base.db import Sessions
from pipeline.base.errors import CannotMap, OutcomeUnknown
from pipeline.orders.outcome import Cancelled, Done, Hold, HoldCode
from pipeline.orders.tables import EffectState
from tests.magento.standing_in import StandIn
from tests.tasks.cancelling.test_from_amazon_in_shop import LINES, Cancelling
from tests.tasks.placed import SETTLED, Place


@pytest.fixture
def shop(one_shop: StandIn) -> StandIn:
    one_shop.tell("reset")
    for sku in ("A", "B"):
        one_shop.tell("products", sku=sku, qty=100)
    return one_shop


def save(one: Cancelling, **row: Any) -> None:
    in_shop = one.there()
    payment = {"entity_id": in_shop["payment"]["entity_id"], "method": in_shop["payment"]["method"]}
    entity = {"entity_id": one.id, "state": in_shop["state"], "status": in_shop["status"], **row}
    one.place.shop.rest("PUT", "/orders/create", {"entity": {**entity, "payment": payment}})


@pytest.mark.parametrize("invoice", ["leave", "create"])
def test_one_whose_payment_is_under_review_is_held_until_that_is_over(
    shop: StandIn, sessions: Sessions, invoice: str
) -> None:
    one = Cancelling(shop, sessions, invoice=invoice)
    before = one.there()
    save(one, state="payment_review", status="payment_review")
    with pytest.raises(CannotMap) as held:
        one.run()
    assert held.value.code is HoldCode.CANCEL_REFUSED
    assert one.there()["state"] == "payment_review"
    save(one, state=before["state"], status=before["status"])
    one.ends("canceled" if invoice == "leave" else "closed")


def test_one_that_was_put_on_hold_after_its_invoice_is_held_until_it_is_taken_off(
    shop: StandIn, sessions: Sessions
) -> None:
    one = Cancelling(shop, sessions)
    one.post(f"/orders/{one.id}/hold", None)
    with pytest.raises(CannotMap) as held:
        one.run()
    assert held.value.code is HoldCode.CANCEL_REFUSED
    assert one.effects()["cancel-refund"][0] == EffectState.REFUSED
    one.post(f"/orders/{one.id}/unhold", None)
    one.ends("closed")


def test_lines_without_a_product_are_given_back_too(shop: StandIn, sessions: Sessions) -> None:
    place = Place(shop, sessions, LINES, without_product=frozenset({"A"}))
    assert place.through()[0] == Done()
    place.status = "CANCELLED"
    assert isinstance(place.run()[0], Cancelled)
    (shown,) = shop.ask("orders")
    in_shop = shop.rest("GET", f"/orders/{shown['entity_id']}")
    assert (in_shop["state"], in_shop["total_refunded"]) == ("closed", 50)
    # No more of A can be sold than before: the order had reserved none.
    assert [shop.stock(sku)[2] for sku in ("A", "B")] == [100, 100]


def test_one_that_was_begun_is_seen_through_when_the_setting_turns(
    shop: StandIn, sessions: Sessions
) -> None:
    one = Cancelling(shop, sessions, invoice="leave")
    one.invoice(A=1)
    shop.tell("faults", route="cancel_order", kind="cut_before", times=9)
    one.place.status = "CANCELLED"
    with pytest.raises(OutcomeUnknown):
        one.place.run()  # the invoice is given back, the rest is not cancelled yet
    shop.rest("GET", f"/orders/{one.id}")
    one.place.settings = {**one.place.settings, "cancel_from_amazon": "hold"}
    one.place.now += SETTLED
    clear(shop)
    one.ends("canceled")


def test_one_that_was_not_begun_is_left_when_the_setting_turns(
    shop: StandIn, sessions: Sessions
) -> None:
    one = Cancelling(shop, sessions, invoice="leave")
    one.place.settings = {**one.place.settings, "cancel_from_amazon": "hold"}
    outcome, _ = one.run()
    assert isinstance(outcome, Hold)
    assert one.there()["state"] == "new"


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
def test_a_creation_that_is_in_doubt_when_amazon_cancels(
    shop: StandIn, sessions: Sessions, kind: str
) -> None:
    place = Place(shop, sessions, LINES)
    shop.tell("faults", route="create_order", kind=kind)
    with pytest.raises(OutcomeUnknown):
        place.run()
    place.status = "CANCELLED"
    assert isinstance(place.through()[0], Cancelled)
    states = [order["state"] for order in shop.ask("orders")]
    assert states == ([] if kind == "cut_before" else ["canceled"])
    assert (shop.stock("A"), shop.stock("B")) == ((100, 0, 100), (100, 0, 100))


def clear(shop: StandIn) -> None:
    requests.delete(f"{shop.url}/_control/faults", timeout=10).raise_for_status()
