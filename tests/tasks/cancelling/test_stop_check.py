"""What each step does with an order that the decision table does not let go on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from pipeline.clients import Clients
from pipeline.orders.machine import STEPS
from pipeline.orders.outcome import Cancelled, Done, Hold, HoldCode, Outcome, Skipped, Wait
from pipeline.orders.tables import Order
from tasks.workflow import WORKFLOW
from tests.builders import NOW, a_raw_item, a_raw_order, an_order
from tests.tasks.as_run import import_order, verify_order
from tests.tasks.fakes import clients

Step = Callable[[Order, Clients], Outcome]

AN_HOUR = timedelta(hours=1)
GATED = [step for name, (step, _) in WORKFLOW.items() if name != STEPS[0]]
NOT_PAID = Wait("Amazon has not verified the payment yet", AN_HOUR)
PRE_ORDER = Wait("pre-order, not released yet", AN_HOUR)
NOT_SHIPPED = Wait("Amazon has not shipped this order yet", AN_HOUR)
NEVER_CREATED = Cancelled("cancelled on Amazon before it was created in Magento")
CANNOT = Hold(HoldCode.UNFULFILLABLE, "Amazon says that this order cannot be fulfilled")
STRANGE = Hold(
    HoldCode.UNKNOWN_STATUS,
    "Amazon reports a status not known here: look at it in Seller Central",
)

STOPS: list[tuple[str, str, dict[str, Any], Outcome, bool]] = [
    ("FBM", "PENDING", {}, NOT_PAID, False),
    ("FBM", "PENDING_AVAILABILITY", {}, PRE_ORDER, False),
    ("FBM", "CANCELLED", {}, NEVER_CREATED, True),
    ("FBM", "UNFULFILLABLE", {}, CANNOT, True),
    ("FBM", "SOMETHING_NEW", {}, STRANGE, True),
    ("FBA", "PENDING", {}, NOT_SHIPPED, False),
    ("FBA", "UNSHIPPED", {}, NOT_SHIPPED, False),
    ("FBA", "PARTIALLY_SHIPPED", {}, NOT_SHIPPED, False),
    ("FBA", "CANCELLED", {}, NEVER_CREATED, True),
    ("FBA", "UNFULFILLABLE", {}, NEVER_CREATED, True),
    ("FBA", "SOMETHING_NEW", {}, STRANGE, True),
    (
        "FBA",
        "SHIPPED",
        {"fba_orders": "ignore"},
        Skipped("shown only: FBA SHIPPED, fba_orders = ignore"),
        True,
    ),
    *(
        (
            channel,
            status,
            {"import_orders": False},
            Skipped("shown only: import_orders = false"),
            True,
        )
        for channel, status in (
            ("FBM", "PENDING"),
            ("FBM", "UNSHIPPED"),
            ("FBM", "CANCELLED"),
            ("FBA", "SHIPPED"),
        )
    ),
]


@pytest.mark.parametrize("step", GATED)
@pytest.mark.parametrize(("channel", "status", "settings", "outcome", "shown"), STOPS)
def test_every_step_asks_the_decision_table_first(
    step: Step,
    channel: str,
    status: str,
    settings: dict[str, Any],
    outcome: Outcome,
    shown: bool,
) -> None:
    order = an_order(fulfilled_by=channel, remote_status=status)
    assert step(order, clients(**settings)) == outcome
    assert order.shown is shown


@pytest.mark.parametrize(
    ("channel", "status", "settings"),
    [
        ("FBM", "UNSHIPPED", {}),
        ("FBM", "PARTIALLY_SHIPPED", {}),
        ("FBM", "SHIPPED", {}),
        ("FBA", "SHIPPED", {}),
        ("FBM", "SHIPPED", {"fba_orders": "ignore"}),
    ],
)
def test_verify_lets_go_on_what_may_be_fulfilled(
    channel: str, status: str, settings: dict[str, Any]
) -> None:
    order = an_order(fulfilled_by=channel, remote_status=status)
    assert verify_order(order, clients(**settings)) == Done()
    assert order.shown


@pytest.mark.parametrize("step", GATED)
def test_every_step_holds_what_the_buyer_picks_up(step: Step) -> None:
    order = an_order(programs=["IN_STORE_PICK_UP"])
    assert step(order, clients()) == Hold(
        HoldCode.OTHER_FULFILMENT,
        "the buyer picks it up in your store: hand it over and report it in Seller Central",
    )


@pytest.mark.parametrize("step", GATED)
def test_every_step_holds_what_a_person_holds_but_follows_a_cancellation(step: Step) -> None:
    held = an_order(kept_back="anna")
    assert step(held, clients()) == Hold(
        HoldCode.KEPT_BACK, "anna holds it; the reason is shown with the buyer's data"
    )
    assert step(an_order(kept_back="x", remote_status="CANCELLED"), clients()) == NEVER_CREATED
    assert step(an_order(kept_back="x", remote_status="PENDING"), clients()) == NOT_PAID


@pytest.mark.parametrize("step", GATED)
@pytest.mark.parametrize("marketplace", ["A2ZV50J4W1RKNI", ""])
def test_every_step_only_shows_what_was_sold_elsewhere(step: Step, marketplace: str) -> None:
    order = an_order(
        fulfilled_by="FBA",
        remote_status="SHIPPED",
        marketplace_id=marketplace,
        facts={"channel": "NON_AMAZON"},
    )
    assert step(order, clients()) == Skipped("shown only: not sold on Amazon")


def test_the_accounts_settings_count_for_a_marketplace_nobody_knows() -> None:
    order = an_order(marketplace_id="A-NEW-MARKETPLACE")
    assert verify_order(order, clients()) == Done()
    assert verify_order(order, clients(import_orders=False)) == Skipped(
        "shown only: import_orders = false"
    )


def test_verify_takes_what_amazon_told_meanwhile() -> None:
    order = an_order(raw=a_raw_order(programs=["IN_STORE_PICK_UP"]))
    assert isinstance(verify_order(order, clients()), Hold)
    assert (order.programs, order.items[0].sku) == (["IN_STORE_PICK_UP"], "MUG-BLUE")


def test_an_order_of_which_nothing_is_left_is_cancelled() -> None:
    raw = a_raw_order(orderItems=[a_raw_item(quantityOrdered=0)])
    order = an_order(raw=raw)
    assert import_order(order, clients()) == Done()
    assert verify_order(order, clients()) == NEVER_CREATED
    assert [(item.external_item_id, item.quantity) for item in order.items] == [("I1", 0)]


def test_import_keeps_what_else_is_worth_knowing_and_nothing_personal() -> None:
    raw = a_raw_order(
        salesChannel={"channelName": "AMAZON", "marketplaceId": "A1PA6795UKMFR9"},
        orderAliases=[{"aliasId": "WEB-1", "aliasType": "SELLER_ORDER_ID"}],
        associatedOrders=[{"orderId": "028-0", "associationType": "REPLACEMENT_ORIGINAL_ID"}],
        buyer=None,
    )
    order = an_order(raw=raw)
    assert import_order(order, clients()) == Done()
    assert order.facts == {
        "channel": "AMAZON",
        "replaces": "028-0",
        "aliases": ["WEB-1"],
        "missing": {"buyer name": "not given", "buyer e-mail": "not given"},
    }


def test_import_takes_the_facts_and_asks_nobody() -> None:
    raw = a_raw_order(
        programs=["PRIME"],
        orderItems=[a_raw_item(), a_raw_item(orderItemId="I2", quantityOrdered=1)],
    )
    order = an_order(raw=raw)
    for _ in range(2):  # repeating it changes nothing
        assert import_order(order, clients()) == Done()
    assert [(item.external_item_id, item.sku, item.quantity) for item in order.items] == [
        ("I1", "MUG-BLUE", 2),
        ("I2", "MUG-BLUE", 1),
    ]
    assert order.programs == ["PRIME"]
    assert order.currency == "EUR"
    assert str(order.grand_total) == "20.00"
    assert order.purchased_at == NOW - timedelta(hours=1)
    assert order.ship_by_at == NOW + timedelta(days=2)
    assert order.deliver_by_at == NOW + timedelta(days=5)
