"""Every page of the console, and the orders that fill them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from pipeline.base.db import Sessions
from pipeline.operations.acts.many_orders import BulkActs
from pipeline.operations.acts.map_sku import SkuDecisions
from pipeline.operations.lists.filters import Filters
from pipeline.orders.tables import Order, Status
from pipeline.settings.overrides import SettingOverride, save
from tests.builders import a_vault, signed
from tests.console.builders import (
    NOW,
    a_held_order,
    a_note,
    a_pending_order,
    a_shipped_order,
    an_attempt,
    an_effect,
    an_order,
    store,
)
from tests.console.bulk import begin
from tests.console.test_returns import TODAY, a_return
from tests.console.test_settlements import settled
from tests.finances.settlement_files import Line, sales

PAGES = {
    "today": "/",
    "orders": "/orders",
    "orders, filtered": "/orders?status=held&all=1",
    "orders, filters that are wrong": "/orders?min=abc&from=never",
    "an order that is held": "/orders/{held}",
    "an order that was shipped": "/orders/{shipped}",
    "held by cause": "/held",
    "ship-by": "/ship-by",
    "returns to refund": "/returns",
    "settlements": "/settlements",
    "a settlement": "/settlements/{settlement}",
    "health": "/health",
    "a question about many orders": "/bulk/new?act=dismiss&whole=1",
    "many orders, followed": "/bulk/{act}",
    "bulk jobs": "/bulk",
    "mine": "/mine",
    "activity": "/activity",
    "saved views": "/views",
    "columns": "/orders/columns",
    "ship by file": "/ship",
    "an order in parcels": "/orders/{held}/ship",
    "an order to be shipped": "/orders/{waiting}",
    "an order to be shipped, in parcels": "/orders/{waiting}/ship",
    "print": "/print?order={waiting}",
    "webhooks": "/webhooks",
    "SKU map": "/sku-map",
    "settings": "/settings",
    "people": "/people",
    "tokens": "/tokens",
    "security log": "/security-log",
    "a person": "/people/1",
    "account": "/account",
    "password": "/account/password",
    "second factor": "/account/second-factor",
    "my sign-ins": "/account/sign-ins",
    "nothing here": "/orders/999999",
}


def store_for_pages(sessions: Sessions) -> dict[str, int]:
    """Store the orders; return the ids that the addresses of PAGES name."""
    held, shipped, waiting, _ = store(
        sessions, a_held_order(1), a_shipped_order(2), an_order(3), a_pending_order(4)
    )
    with sessions() as session, session.begin():
        session.add_all(
            [an_attempt(held, 5), an_effect(shipped, 4), a_note(held, 3, "otto", "asked the shop")]
        )
        external_id = session.get_one(Order, shipped).external_id
        days = (None, TODAY - timedelta(days=1), TODAY - timedelta(days=9))
        session.add_all(
            a_return(external_id, reference=f"Dx{n}RMA", arrived_on=day)
            for n, day in enumerate(days)
        )
    lines = sales(12)
    wrong = [Line(lines[0].amount + Decimal("0.01"), lines[0].order), *lines[1:]]
    settlement = settled(sessions, wrong, lines)
    act = begin(sessions, Filters(status=Status.HELD))
    BulkActs(sessions, a_vault()).go_on(NOW)
    SkuDecisions(sessions, ["eu"], "otto", NOW).sell_as("eu", "POT-1", "POT")
    save(
        sessions,
        SettingOverride("eu", None, "out_of_stock", "backorder"),
        why="as told",
        by=signed("otto", NOW),
    )
    return {
        "held": held,
        "shipped": shipped,
        "waiting": waiting,
        "act": act,
        "settlement": settlement,
    }
