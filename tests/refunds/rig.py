"""An account with orders to refund, its database and the stand-in of its Amazon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import requests
from sqlalchemy import select

from pipeline.amazon.connection import Connection
from pipeline.amazon.feed_documents import FeedKind
from pipeline.amazon.feeds import FeedsApi
from pipeline.base.db import Sessions
from pipeline.base.errors import WritesStopped
from pipeline.base.http import Http
from pipeline.intake.memo_facts import MemoFacts, MemoLine
from pipeline.intake.tables import Refund
from pipeline.orders.tables import Order
from pipeline.refunds.feeds import RefundFeeds
from pipeline.refunds.states import RefundState
from pipeline.refunds.tables import AmazonRefund
from pipeline.shipping.tables import Feed
from sandbox.amazon.builders import a_line, stamped
from sandbox.amazon.builders import an_order as amazons_order
from sandbox.amazon.state import save_order
from sandbox.core import Store
from tasks.jobs.feeds import FeedWay
from tests.amazon.scripted import an_account
from tests.builders import ACCOUNT, NOW, a_raw_order, a_vault, an_item, an_order, stored

CREDENTIALS = {
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
    "refresh_token": "Atzr|sandbox-main",
}
WORKED_ON = timedelta(minutes=3)
ITEM = "I1"


@dataclass
class Clock:
    """One time for us and for Amazon, moved by hand."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at

    def on(self, delta: timedelta) -> None:
        self.at += delta


@dataclass
class Rig:
    """One account with its database and its Amazon."""

    sessions: Sessions
    store: Store
    url: str
    clock: Clock
    is_read_only: bool = False
    memo_ids: list[int] = field(default_factory=lambda: [900])

    def ask(self, account: str) -> None:
        if self.is_read_only:
            raise WritesStopped(f"nothing is written for {account}", retry_after_s=60)

    def api(self, kind: Callable[..., FeedsApi] = FeedsApi) -> FeedsApi:
        account = an_account(self.url, **CREDENTIALS)
        return kind(Connection(ACCOUNT, account, sleep=lambda _: None), Http(""))

    def go(self, api: FeedsApi | None = None, feeds: RefundFeeds | None = None) -> None:
        """One run of the feeds' job, as by a new process."""
        rows = feeds or RefundFeeds(self.sessions, a_vault())
        way = FeedWay(rows, api or self.api(), self.clock, self.ask)
        way.go(ACCOUNT, "A1SELLER", FeedKind.REFUNDS)

    def runs(self, count: int = 8, every: timedelta = WORKED_ON) -> None:
        """Several runs, as beat has them."""
        for _ in range(count):
            self.go()
            self.clock.on(every)

    def order(self, *, unit: str = "29.99", units: int = 3, **changes: Any) -> Order:
        """An order that is shipped, here and at Amazon."""
        raw = a_raw_order()
        order = an_order(
            **{
                "step": "sync_tracking",
                "status": "done",
                "remote_status": "SHIPPED",
                "currency": "EUR",
                "shop": "main",
                "magento_order_id": 5,
                "items": [an_item(external_item_id=ITEM, quantity=units, magento_item_id=501)],
                **changes,
            }
        )
        theirs = amazons_order(
            order.external_id,
            lines=[a_line("MUG-BLUE", units, unit=unit, item_id=ITEM)],
            status="SHIPPED",
        )
        with self.store.transaction() as db:
            save_order(db, "main", stamped(theirs, NOW - timedelta(days=1)))
        order.report._open_reply = lambda: {**raw, **theirs}
        stored(self.sessions, order)
        return order

    def memo(self, order_id: int, total: str = "29.99", units: int = 1, **changes: Any) -> int:
        """A credit memo of the order's item, as the shop's job stores it; its refund's id there."""
        self.memo_ids.append(self.memo_ids[-1] + 1)
        amount = Decimal(total)
        facts = MemoFacts(
            memo_id=self.memo_ids[-1],
            created_at=self.clock(),
            currency="EUR",
            grand_total=amount,
            lines=(MemoLine(ITEM, "MUG-BLUE", Decimal(units), amount, row=amount),),
            subtotal=amount,
            base_currency="EUR",
            state=2,
            **changes,
        )
        memo = Refund(
            order_id=order_id,
            magento_creditmemo_id=facts.memo_id,
            refunded_at=facts.created_at,
            currency="EUR",
            grand_total=amount,
            shipping=Decimal(0),
            adjustment=Decimal(0),
            lines={},
            facts=facts.as_json(),
        )
        with self.sessions() as session, session.begin():
            session.add(memo)
            session.flush()
            return memo.id

    def chosen(self, total: str = "29.99", **changes: Any) -> int:
        """A refund that is ready for the next feed; its id."""
        order_id = changes.pop("order_id", None) or self.order().id
        memo_id = self.memo(order_id, total)
        with self.sessions() as session, session.begin():
            order, memo = session.get_one(Order, order_id), session.get_one(Refund, memo_id)
            row = AmazonRefund(
                **{
                    "order_id": order_id,
                    "refund_id": memo_id,
                    "shop": "main",
                    "memo_id": memo.magento_creditmemo_id,
                    "memo_at": memo.refunded_at,
                    "state": RefundState.CHOSEN,
                    "changed_at": self.clock(),
                    "due_at": self.clock(),
                    "looked_at": self.clock(),
                    "needs_person": False,
                    "currency": "EUR",
                    "total": Decimal(total),
                    "body": body(order.external_id, memo.magento_creditmemo_id, total),
                    **changes,
                }
            )
            session.add(row)
            session.flush()
            return row.id

    def row(self, refund_id: int) -> AmazonRefund:
        with self.sessions() as session:
            return session.get_one(AmazonRefund, refund_id)

    def look_again(self) -> None:
        """The look into Finances, as the refunds' job has it."""
        with self.sessions() as session, session.begin():
            for row in session.scalars(select(AmazonRefund)):
                row.looked_at = self.clock()

    def feeds(self) -> list[tuple[str, str | None]]:
        with self.sessions() as session:
            return [(f.state, f.outcome) for f in session.scalars(select(Feed).order_by(Feed.id))]

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.url}/_control/{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def give(self, fate: str) -> None:
        self.control("POST", "feeds", {"fate": fate})

    def paid(self) -> list[str]:
        """Every refund that Amazon paid, by its own count."""
        return [refund["total"] for refund in self.control("GET", "refunds")["refunds"]]

    def at_amazon(self) -> list[str]:
        return [feed["processingStatus"] for feed in self.control("GET", "feeds")["feeds"]]


def body(order: str, memo_id: int, total: str, **changes: Any) -> dict[str, Any]:
    """The message of a refund of the order's item."""
    item = {
        "item": ITEM,
        "reference": f"cm-{memo_id}-1",
        "units": "1",
        "amounts": {"Principal": total},
    }
    return {
        "order": order,
        "currency": "EUR",
        "reason": "CustomerReturn",
        "by_amazon": "0",
        "rounding": "0",
        "items": [item],
        **changes,
    }
