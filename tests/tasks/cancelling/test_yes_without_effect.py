"""A shop that answers yes and changes nothing: the stand-in over HTTP, and a real ledger."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.errors import CannotMap
from pipeline.orders.outcome import Cancelled, Done, HoldCode, Wait
from pipeline.orders.tables import Effect, EffectState
from tests.magento.standing_in import StandIn
from tests.tasks.cancelling.test_from_amazon_in_shop import Cancelling
from tests.tasks.cancelling.test_part_cancelled_in_shop import LEAVE, LINES, ONE_LESS, Cut
from tests.tasks.placed import Place
from tests.tasks.placing.test_pending_stock import Pending

CANCEL: dict[str, Any] = {"route": "cancel_order", "body": True}
# Saves alone name the order's id.
SAVE: dict[str, Any] = {
    "route": "create_order",
    "body": {"entity_id": 1},
    "contains": '"entity_id"',
}


@pytest.fixture
def shop(one_shop: StandIn) -> StandIn:
    """A shop that sells 100 A and 10 B."""
    one_shop.tell("reset")
    one_shop.tell("products", sku="A", qty=100)
    one_shop.tell("products", sku="B", qty=10)
    return one_shop


def says_yes(shop: StandIn, route: str, **fault: Any) -> None:
    shop.tell("faults", route=route, kind="status", status=200, **fault)


def held(sessions: Sessions, error: CannotMap, code: HoldCode, kind: str) -> None:
    assert (error.code, error.facts) == (code, {"write": kind})
    assert error.reason == (
        f"the {kind} was reported as done but has not happened: find out what prevents it there, "
        "or do it by hand, and this goes on by itself"
    )
    assert state(sessions, kind) == EffectState.REFUSED


def state(sessions: Sessions, kind: str) -> str:
    with sessions() as session:
        return session.scalars(select(Effect.state).where(Effect.kind == kind)).one()


@pytest.mark.parametrize(
    ("fault", "code", "kind"),
    [
        (CANCEL, HoldCode.RESERVATION_UNCLEAR, "reservation"),
        (SAVE, HoldCode.RESERVATION_UNCLEAR, "reopening"),
        (SAVE | {"contains": "amazon_open"}, HoldCode.STATUS_REFUSED, "status"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_an_order_is_placed_reserved_and_invoiced_once(
    shop: StandIn, sessions: Sessions, fault: dict[str, Any], code: HoldCode, kind: str
) -> None:
    place = Place(shop, sessions, LINES, settings={"order_status": "amazon_open"})
    says_yes(shop, **fault)
    with pytest.raises(CannotMap) as error:
        place.run()
    held(sessions, error.value, code, kind)
    outcome, order = place.run()
    assert outcome == Done()
    (in_shop,) = shop.ask("orders")
    assert (in_shop["state"], in_shop["status"]) == ("processing", "amazon_open")
    assert (in_shop["invoices"], in_shop["invoice_total"]) == (1, 50)
    assert (shop.stock("A"), shop.stock("B")) == ((100, -3, 97), (10, -2, 8))
    assert (order.magento_state, state(sessions, kind)) == ("processing", EffectState.DONE)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (SAVE, "marking"),
        (CANCEL, "partial cancellation"),
        (SAVE | {"contains": '"subtotal"'}, "lowering"),
    ],
    ids=["marked", "cancelled", "saved"],
)
def test_a_part_is_taken_off_once(
    shop: StandIn, sessions: Sessions, fault: dict[str, Any], kind: str
) -> None:
    less = Cut(Place(shop, sessions, LINES, settings=LEAVE), *ONE_LESS)
    says_yes(shop, **fault)
    with pytest.raises(CannotMap) as error:
        less.run()
    held(sessions, error.value, HoldCode.PARTLY_CANCELLED, kind)
    outcome, order = less.run()
    assert isinstance(outcome, Wait)
    in_shop = less.there()
    assert (in_shop["state"], in_shop["grand_total"], order.grand_total) == ("new", 40, Decimal(40))
    assert (shop.stock("A"), shop.stock("B")) == ((100, -2, 98), (10, -2, 8))


def test_a_credit_memo_that_was_never_made_gives_no_money_back_without_its_units(
    shop: StandIn, sessions: Sessions
) -> None:
    less = Cut(Place(shop, sessions, LINES), *ONE_LESS)
    says_yes(shop, "refund", body="7")
    with pytest.raises(CannotMap) as error:
        less.run()
    held(sessions, error.value, HoldCode.PARTLY_CANCELLED, "credit memo")
    assert less.memos() == []
    assert isinstance(less.run()[0], Wait)
    assert [memo["grand_total"] for memo in less.memos()] == [10]
    assert shop.stock("A") == (100, -2, 98)


def test_a_cancellation_is_made_once(shop: StandIn, sessions: Sessions) -> None:
    one = Cancelling(shop, sessions, invoice="leave")
    says_yes(shop, **CANCEL)
    with pytest.raises(CannotMap) as error:
        one.run()
    assert (error.value.code, error.value.facts) == (HoldCode.CANCEL_REFUSED, {"state": "new"})
    one.ends("canceled")


def test_a_comment_that_was_not_kept_is_told_and_stops_nobody(
    shop: StandIn, sessions: Sessions
) -> None:
    one = Cancelling(shop, sessions, invoice="leave", order_comments=True)
    says_yes(shop, "order_comment", body=True)
    outcome, _ = one.run()
    assert isinstance(outcome, Cancelled)
    assert "no comment on Magento's order: the comment was reported as done" in outcome.reason
    assert state(sessions, "comment") == EffectState.REFUSED
    one.run()
    comments = shop.rest("GET", f"/orders/{one.id}/comments")["items"]
    assert [row["comment"] for row in comments].count(comments[0]["comment"]) == 1


PENDING = "stock of a pending order: "


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (CANCEL, "reserve"),
        (SAVE, "reopen"),
        ({"route": "hold_order", "body": True}, "hold"),
    ],
    ids=["reserve", "reopen", "hold"],
)
def test_stock_of_a_pending_order_is_held_once(
    shop: StandIn, sessions: Sessions, fault: dict[str, Any], kind: str
) -> None:
    pending = Pending(shop, sessions, settings={"pending_orders": "reserve"})
    says_yes(shop, **fault)
    with pytest.raises(CannotMap) as error:
        pending.run()
    held(sessions, error.value, HoldCode.RESERVATION_UNCLEAR, PENDING + kind)
    pending.run()
    (in_shop,) = shop.ask("orders")
    assert in_shop["state"] == "holded"
    assert (shop.stock("A"), shop.stock("B")) == ((100, -3, 97), (10, -2, 8))


@pytest.mark.parametrize(
    ("fault", "kind"),
    [({"route": "unhold_order", "body": True}, "unhold"), (CANCEL, "end")],
    ids=["unhold", "end"],
)
def test_stock_of_a_pending_order_is_let_go_once(
    shop: StandIn, sessions: Sessions, fault: dict[str, Any], kind: str
) -> None:
    pending = Pending(shop, sessions, settings={"pending_orders": "reserve"})
    pending.run()
    pending.status = "CANCELLED"
    says_yes(shop, **fault)
    with pytest.raises(CannotMap) as error:
        pending.run()
    held(sessions, error.value, HoldCode.RESERVATION_UNCLEAR, PENDING + kind)
    pending.run()
    (in_shop,) = shop.ask("orders")
    assert in_shop["state"] == "canceled"
    assert (shop.stock("A"), shop.stock("B")) == ((100, 0, 100), (10, 0, 10))
