"""An order that Amazon cancelled, in a shop: the stand-in, and a real ledger."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, select

from pipeline.base.db import Sessions
from pipeline.base.errors import CannotMap, OutcomeUnknown, Transient
from pipeline.orders.outcome import Cancelled, Done, Hold, HoldCode, Outcome
from pipeline.orders.tables import Effect, EffectState, Order
from tests.builders import NOW
from tests.cases import case_file
from tests.magento.standing_in import StandIn
from tests.tasks.placed import SETTLED, Place, a_line

LINES = (a_line("I1", "A", 3), a_line("I2", "B", 2))
GONE = "cancelled on Amazon and in Magento"


@pytest.fixture
def shop(one_shop: StandIn) -> StandIn:
    one_shop.tell("reset")
    for sku in ("A", "B", "SKU-1"):
        one_shop.tell("products", sku=sku, qty=100)
    return one_shop


class Cancelling:
    """An order in the shop that Amazon then cancels whole."""

    def __init__(self, shop: StandIn, sessions: Sessions, raw: Any = None, **settings: Any) -> None:
        lines = raw["orderItems"] if raw else LINES
        self.place = Place(shop, sessions, lines, settings=settings)
        if raw:
            total = raw["proceeds"]["grandTotal"]
            self.place.raw["proceeds"] = {"grandTotal": total}
            self.place.total = Decimal(total["amount"])
        outcome, self.placed = self.place.through()
        assert outcome == Done()
        self.id = self.placed.magento_order_id

    def post(self, path: str, body: Any) -> Any:
        return self.place.shop.rest("POST", path, body)

    def items(self) -> dict[str, int]:
        return {item["sku"]: item["item_id"] for item in self.there()["items"]}

    def invoice(self, **units: int) -> None:
        ids = self.items()
        items = [{"order_item_id": ids[sku], "qty": count} for sku, count in units.items()]
        self.post(f"/order/{self.id}/invoice", {"items": items, "capture": True})

    def refund(self, units: dict[str, int], **arguments: Any) -> None:
        ids = self.items()
        items = [{"order_item_id": ids[sku], "qty": count} for sku, count in units.items()]
        self.post(f"/order/{self.id}/refund", {"items": items, "arguments": arguments})

    def there(self) -> Any:
        return self.place.shop.rest("GET", f"/orders/{self.id}")

    def run(self) -> tuple[Outcome, Order]:
        self.place.status = "CANCELLED"
        for _ in range(4):
            try:
                return self.place.run()
            except (OutcomeUnknown, Transient):
                self.place.now += SETTLED
        return self.place.run()

    def effects(self) -> dict[str, tuple[str, str | None]]:
        with self.place.sessions() as session:
            rows = session.execute(select(Effect.key, Effect.state, Effect.remote_id)).all()
        return {key.split(":")[0]: (state, remote_id) for key, state, remote_id in rows}

    def ends(self, state: str) -> Any:
        """Run it, and see that all that was paid is given back and nothing is left to ship."""
        outcome, order = self.run()
        assert isinstance(outcome, Cancelled)
        in_shop = self.there()
        assert in_shop["state"] == order.magento_state == state
        for prefix in ("", "base_"):
            paid = in_shop.get(f"{prefix}total_paid", 0)
            assert in_shop.get(f"{prefix}total_refunded", 0) == pytest.approx(paid, abs=0.004)
        assert all(remote_id for _, remote_id in self.effects().values())
        return in_shop


def a_case(name: str) -> Any:
    return json.loads(case_file(f"{name}.json").read_text(encoding="utf-8"))["order"]


@pytest.mark.parametrize(
    ("name", "paid"),
    [("A1-cancel-with-shipping-tax", 19.8), ("A2-cancel-with-shipping-promotion", None)],
)
def test_all_that_was_paid_is_given_back(
    shop: StandIn, sessions: Sessions, name: str, paid: float | None
) -> None:
    one = Cancelling(shop, sessions, a_case(name))
    there = one.ends("closed")
    assert there["total_refunded"] == there["total_paid"] == (paid or there["grand_total"])


def test_an_open_order_is_cancelled(shop: StandIn, sessions: Sessions) -> None:
    Cancelling(shop, sessions, invoice="leave").ends("canceled")


@pytest.mark.parametrize(
    "invoices", [[{"A": 1}], [{"A": 1}, {"A": 1}], [{"A": 3}], [{"A": 1}, {"A": 2, "B": 2}]]
)
def test_what_is_invoiced_is_refunded_and_the_rest_is_cancelled(
    shop: StandIn, sessions: Sessions, invoices: list[dict[str, int]]
) -> None:
    one = Cancelling(shop, sessions, invoice="leave")
    for units in invoices:
        one.invoice(**units)
    whole = sum(sum(units.values()) for units in invoices) == 5
    there = one.ends("closed" if whole else "canceled")
    for item in there["items"]:
        assert item["qty_refunded"] + item["qty_canceled"] == item["qty_ordered"]


@pytest.mark.parametrize(
    ("units", "arguments"),
    [
        ({"A": 1}, {"shipping_amount": 0}),
        ({"A": 1}, {"shipping_amount": 0, "adjustment_positive": 2.5}),
        ({"A": 1}, {"shipping_amount": 0, "adjustment_negative": 2.5}),
        ({"A": 3, "B": 2}, {"adjustment_negative": 2.5}),
        ({"A": 0}, {"shipping_amount": 0, "adjustment_positive": 2.5}),
    ],
)
@pytest.mark.parametrize("invoice", ["create", "leave"])
def test_what_a_clerk_gave_back_before_counts(
    shop: StandIn, sessions: Sessions, units: Any, arguments: Any, invoice: str
) -> None:
    one = Cancelling(shop, sessions, invoice=invoice)
    if invoice == "leave":
        one.invoice(A=3)
        units = {sku: count for sku, count in units.items() if sku == "A"}
    one.refund(units, **arguments)
    outcome, _ = one.run()
    assert isinstance(outcome, Cancelled)
    in_shop = one.there()
    assert in_shop["state"] in ("canceled", "closed")
    assert in_shop["total_refunded"] == in_shop["total_paid"]


@pytest.mark.parametrize("invoiced", [{}, {"A": 1}])
def test_an_order_on_hold_in_the_shop_is_held_until_it_is_taken_off(
    shop: StandIn, sessions: Sessions, invoiced: dict[str, int]
) -> None:
    one = Cancelling(shop, sessions, invoice="leave")
    if invoiced:
        one.invoice(**invoiced)
    one.post(f"/orders/{one.id}/hold", None)
    with pytest.raises(CannotMap) as held:
        one.run()
    assert held.value.code is HoldCode.CANCEL_REFUSED
    one.post(f"/orders/{one.id}/unhold", None)
    one.ends("canceled")


def test_what_was_shipped_in_the_shop_is_nobodys_to_cancel(
    shop: StandIn, sessions: Sessions
) -> None:
    one = Cancelling(shop, sessions, invoice="leave")
    body = {"items": [{"order_item_id": one.items()["A"], "qty": 1}]}
    one.post(f"/order/{one.id}/ship", body)
    outcome, _ = one.run()
    assert isinstance(outcome, Hold)
    assert outcome.code is HoldCode.CANCELLED_AFTER_SHIPMENT
    assert one.there()["state"] == "processing"


def test_a_cancellation_written_down_without_an_id_is_no_proof(
    shop: StandIn, sessions: Sessions
) -> None:
    one = Cancelling(shop, sessions, invoice="leave")
    one.invoice(A=1)
    one.post(f"/orders/{one.id}/cancel", None)
    assert one.there()["state"] == "processing"
    with sessions() as session, session.begin():
        session.execute(
            insert(Effect).values(
                order_id=one.place.id,
                key=f"cancel:{one.placed.account}:{one.placed.external_id}",
                kind="cancellation",
                state=EffectState.DONE,
                intended_at=NOW,
                remote_id="",
            )
        )
    outcome, order = one.run()
    assert isinstance(outcome, Cancelled)
    in_shop = one.there()
    assert in_shop["state"] == order.magento_state == "closed"
    assert in_shop["total_refunded"] == in_shop["total_paid"]


def test_a_worker_that_dies_between_refund_and_cancellation_is_followed(
    shop: StandIn, sessions: Sessions
) -> None:
    one = Cancelling(shop, sessions, invoice="leave")
    one.invoice(A=1)
    one.refund({"A": 1})
    assert one.there()["state"] == "processing"
    with sessions() as session, session.begin():
        session.execute(
            insert(Effect).values(
                order_id=one.place.id,
                key=f"cancel-refund:{one.placed.account}:{one.placed.external_id}",
                kind="credit memo",
                state=EffectState.INTENDED,
                intended_at=NOW,
            )
        )
    one.place.now += SETTLED
    outcome, _ = one.run()
    assert isinstance(outcome, Cancelled)
    in_shop = one.there()
    assert (in_shop["state"], in_shop["total_refunded"]) == ("canceled", in_shop["total_paid"])


def test_ended_by_a_clerk_with_less_given_back_than_paid_is_held_with_the_figures(
    shop: StandIn, sessions: Sessions
) -> None:
    one = Cancelling(shop, sessions, invoice="leave")
    one.invoice(A=1)
    one.refund({"A": 1}, adjustment_negative=2.5)
    one.post(f"/orders/{one.id}/cancel", None)
    assert one.there()["state"] == "canceled"
    outcome, _ = one.run()
    assert isinstance(outcome, Hold)
    assert outcome.facts == {"state": "canceled", "paid": "10", "refunded": "7.5"}


def test_a_write_that_was_begun_is_waited_for_before_anything_is_cancelled(
    shop: StandIn, sessions: Sessions
) -> None:
    one = Cancelling(shop, sessions, invoice="leave")
    with sessions() as session, session.begin():
        session.execute(
            insert(Effect).values(
                order_id=one.place.id,
                key=f"invoice:{one.placed.account}:{one.placed.external_id}",
                kind="invoice",
                state=EffectState.UNKNOWN,
                intended_at=one.place.now,
            )
        )
    one.place.status = "CANCELLED"
    with pytest.raises(Transient, match="an earlier invoice may still take effect"):
        one.place.run()
    assert one.there()["state"] == "new"
    one.place.now += SETTLED
    assert isinstance(one.run()[0], Cancelled)
    assert one.there()["state"] == "canceled"
    assert one.effects()["invoice"] == (EffectState.REFUSED, None)
