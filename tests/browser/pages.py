"""Every page of the console, and the orders that fill them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from pipeline.base.db import Sessions
from pipeline.invoices.tables import UploadState
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
from tests.console.test_made_at_amazon import compare as compared
from tests.console.test_order_invoice import upload
from tests.console.test_order_refunds import a_refund
from tests.console.test_returns import TODAY, a_return
from tests.console.test_settlements import settled
from tests.finances.settlement_files import Line, sales

PAID = Decimal("14.36")
UNCLEAR = "Amazon gave no result for the feed; look in Seller Central whether it has the refund"
PAGES = {
    "today": "/",
    "orders": "/orders",
    "orders, filtered": "/orders?status=held&all=1",
    "orders, filters that are wrong": "/orders?min=abc&from=never",
    "an order that is held": "/orders/{held}",
    "an order that was shipped": "/orders/{shipped}",
    "an order whose refunds need a person": "/orders/{refunding}",
    "an order whose refunds are done": "/orders/{refunded}",
    "an order that Amazon ships": "/orders/{by_amazon}",
    "held by cause": "/held",
    "ship-by": "/ship-by",
    "returns to refund": "/returns",
    "refunds to decide": "/refunds",
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
    held, shipped, waiting, _, *returned = store(
        sessions,
        a_held_order(1),
        a_shipped_order(2),
        an_order(3),
        a_pending_order(4),
        a_shipped_order(5, grand_total=PAID),
        a_shipped_order(6, grand_total=PAID + 1),
        a_shipped_order(7, grand_total=PAID, fulfilled_by="FBA", shipments=[]),
    )
    after_the_parcel(sessions, *returned)
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
        **dict(zip(("refunding", "refunded", "by_amazon"), returned, strict=True)),
    }


def after_the_parcel(sessions: Sessions, refunding: int, refunded: int, by_amazon: int) -> None:
    """Store refunds, money and invoices: two need a person, the others are done."""
    with sessions() as session:
        numbers = {
            order_id: session.get_one(Order, order_id).external_id
            for order_id in (refunding, refunded, by_amazon)
        }
    for place, number in enumerate(numbers.values()):
        lines = [replace(line, order=number) for line in sales(1)]
        paid = [replace(lines[0], amount=lines[0].amount - place), *lines[1:]]
        settled(sessions, paid, lines, f"9{place}")
    a_refund(sessions, refunding, memo_at=NOW)
    unclear = {
        "state": "unknown",
        "memo_id": 8,
        "memo_at": NOW,
        "reason": UNCLEAR,
        "hold_code": "unknown",
    }
    a_refund(sessions, refunding, **unclear)
    compared(sessions, refunding)
    upload(sessions, refunding, UploadState.REFUSED)
    a_refund(sessions, refunded, state="accepted", needs_person=False, memo_at=NOW)
    compared(sessions, refunded, needs_person=False, sentence="")
    upload(sessions, refunded, UploadState.ACCEPTED)
    with sessions() as session, session.begin():
        session.add(a_return(numbers[refunded], reference="Dx8RMA", refunded_total=Decimal(12)))
        session.add(a_return(numbers[by_amazon], reference="", fulfilled_by="FBA"))
