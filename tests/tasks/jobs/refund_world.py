"""A shop and an account whose orders Amazon refunded, on a clock that is moved by hand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from pipeline.amazon.transactions import Leaf, Transaction, TransactionItem
from pipeline.finances.store import Transactions
from pipeline.intake.credit_memos import Refunds
from pipeline.intake.tables import Refund
from pipeline.magento.client import Magento
from pipeline.magento.records import CreditMemo
from pipeline.orders.tables import Order
from pipeline.refunds.made_at_amazon_tables import MadeAtAmazon
from pipeline.refunds.tables import AmazonRefund
from pipeline.settings.model import Settings
from sandbox.core import Store
from sandbox.magento.app import create_app
from sandbox.magento.schema import SCHEMA
from tasks.engine.runtime import Runtime, build
from tasks.jobs.refunds_from_amazon import refunds_from_amazon
from tests.builders import ACCOUNT, GERMANY, NOW, SHOP, an_order, settings, stored
from tests.sandbox.test_magento_orders import a_line
from tests.sandbox.test_magento_orders import an_order as magentos_order
from tests.tasks.cancelling.test_cancelled_by_seller import served
from tests.tasks.conftest import close
from tests.tasks.jobs.test_feeds import Clock

OLD = NOW - timedelta(days=3)
"""When a refund was posted that Amazon has shown for long enough."""
LATE = timedelta(minutes=20)
TOKEN = "sandbox-at"
_numbers = itertools.count(1)


@dataclass
class World:
    """One account and one shop; each method is what somebody does, or beat's job."""

    parts: Runtime
    clock: Clock
    url: str
    account: str = ACCOUNT
    shop: str = SHOP
    shown: Transaction = field(init=False, repr=False)

    def rest(self, method: str, path: str, body: Any = None) -> Any:
        """What the shop's own people do."""
        answer = requests.request(
            method,
            f"{self.url}/rest/default/V1{path}",
            json=body,
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=10,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def tell(self, what: str, **body: Any) -> Any:
        """What happens to the shop."""
        answer = requests.post(f"{self.url}/_control/{what}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def placed(self, *, invoice: bool = True, **fields: Any) -> int:
        """An order of 28.79 EUR that is in the shop and through; our id of it."""
        money = {"order_currency_code": "EUR", "base_currency_code": "EUR"}
        facts = {"state": "processing", "status": "processing", **money, **fields}
        entity = magentos_order(a_line(qty_shipped=2), **facts)
        made = self.rest("PUT", "/orders/create", {"entity": entity})
        if invoice:
            self.rest("POST", f"/order/{made['entity_id']}/invoice")
        return stored(
            self.parts.sessions,
            an_order(
                account=self.account,
                magento_order_id=made["entity_id"],
                magento_status="complete",
                shop=self.shop,
                step="sync_tracking",
                status="done",
                due_at=None,
                currency="EUR",
                grand_total=Decimal("28.79"),
            ),
        )

    def refunded(self, order_id: int, amount: str, at: datetime = OLD, **more: Any) -> str:
        """Amazon shows that the buyer got an amount back; the refund's id."""
        refund_id = f"R{next(_numbers)}"
        self.shown = a_refund(self.order(order_id).external_id, refund_id, amount, at, **more)
        self.walk()
        return refund_id

    def walk(self) -> None:
        """The walk over Amazon's transactions reads the last one, perhaps once more."""
        Transactions(self.parts.sessions).store(self.account, [self.shown], self.clock())

    def sent_to_amazon(self, order_id: int, memo_id: int, total: str, state: str) -> None:
        """The product sent a refund for a credit memo."""
        with self.parts.sessions() as session, session.begin():
            memo = Refund(
                order_id=order_id,
                magento_creditmemo_id=memo_id,
                refunded_at=OLD,
                currency="EUR",
                grand_total=Decimal(total),
                shipping=Decimal(0),
                adjustment=Decimal(0),
                lines={},
            )
            session.add(memo)
            session.flush()
            session.add(
                AmazonRefund(
                    order_id=order_id,
                    refund_id=memo.id,
                    shop=self.shop,
                    memo_id=memo_id,
                    memo_at=OLD,
                    state=state,
                    changed_at=OLD,
                    needs_person=False,
                    total=Decimal(total),
                    currency="EUR",
                )
            )

    def by_clerk(self, order_id: int, amount: float) -> None:
        """A clerk makes a credit memo over an amount, and the watch stores it."""
        entity_id = self.entity_id(order_id)
        item = self.rest("GET", f"/orders/{entity_id}")["items"][0]["item_id"]
        body = {
            "items": [{"order_item_id": item, "qty": 0}],
            "arguments": {"shipping_amount": 0, "adjustment_positive": amount},
        }
        self.rest("POST", f"/order/{entity_id}/refund", body)
        self.watch()

    def watch(self) -> None:
        """The job that stores the shop's credit memos."""
        self.keep(self.read())

    def read(self) -> list[CreditMemo]:
        """All credit memos of the shop."""
        return self.magento.credit_memos.since(NOW - timedelta(days=30))

    def keep(self, memos: list[CreditMemo]) -> None:
        """Store credit memos, perhaps once more."""
        Refunds(self.parts.sessions).store([self.account], self.shop, memos)

    def work(self) -> None:
        """Beat's job."""
        refunds_from_amazon(self.parts, self.shop)

    def row(self, order_id: int) -> MadeAtAmazon:
        """What is known of the order's refunds."""
        with self.parts.sessions() as session:
            return session.get_one(MadeAtAmazon, order_id)

    def memos(self, order_id: int) -> list[dict[str, Any]]:
        """The shop's credit memos of the order."""
        found = self.rest("GET", "/creditmemos?searchCriteria=")["items"]
        return [one for one in found if one["order_id"] == self.entity_id(order_id)]

    def comments(self, order_id: int) -> list[str]:
        """The comments on the shop's order, oldest first."""
        found = self.rest("GET", f"/orders/{self.entity_id(order_id)}/comments")["items"]
        return [one["comment"] for one in found]

    def calls(self) -> dict[str, int]:
        """How often each route of the shop was called since the last time."""
        counted = requests.get(f"{self.url}/_control/calls", timeout=10).json()
        return {route: sum(by_status.values()) for route, by_status in counted.items()}

    def entity_id(self, order_id: int) -> int:
        """The shop's number of the order."""
        return self.order(order_id).magento_order_id or 0

    def order(self, order_id: int) -> Order:
        """Our order."""
        with self.parts.sessions() as session:
            return session.get_one(Order, order_id)

    @property
    def magento(self) -> Magento:
        """The client of the shop."""
        return self.parts.clients.shops[self.shop]


def a_refund(number: str, refund_id: str, amount: str, at: datetime, **more: Any) -> Transaction:
    """A refund of the price alone, as Amazon's Finances show it."""
    price = -Decimal(amount)
    return Transaction(
        **{
            "transaction_id": f"T-{refund_id}",
            "kind": "Refund",
            "status": "RELEASED",
            "posted_at": at,
            "currency": "EUR",
            "total": price,
            "marketplace_id": GERMANY,
            "identifiers": {"ORDER_ID": number, "REFUND_ID": refund_id, **more.pop("named", {})},
            "items": (
                TransactionItem(
                    "MUG-BLUE", 1, price, (Leaf("ProductCharges", "OurPricePrincipal", price),)
                ),
            ),
            "leaves": (),
            **more,
        }
    )


@contextmanager
def a_world(folder: Path, database_url: str, redis_url: str, **marketplace: Any) -> Iterator[World]:
    """One account that sells into one shop, with the operator's settings."""
    clock = Clock()
    store = Store(folder / "shop.sqlite", SCHEMA)
    with ExitStack() as stack:
        url = stack.enter_context(served(create_app(store, now=clock)))
        loaded = settings(
            database_url=database_url,
            redis_url=redis_url,
            marketplace=marketplace,
            shop={"base_url": url, "access_token": TOKEN},
        )
        parts = build(loaded, clock)
        yield World(parts, clock, url)
        close(parts)
    store.close()


@contextmanager
def two_worlds(folder: Path, database_url: str, redis_url: str) -> Iterator[tuple[World, World]]:
    """Two accounts that sell into two shops, which count their orders alike."""
    clock = Clock()
    stores = [Store(folder / f"{name}.sqlite", SCHEMA) for name in ("one", "two")]
    with ExitStack() as stack:
        urls = [stack.enter_context(served(create_app(store, now=clock))) for store in stores]
        parts = build(_two_shops(database_url, redis_url, *urls), clock)
        yield World(parts, clock, urls[0]), World(parts, clock, urls[1], "uk", "second")
        close(parts)
    for store in stores:
        store.close()


def _two_shops(database_url: str, redis_url: str, first: str, second: str) -> Settings:
    one, two = (
        settings(
            database_url=database_url,
            redis_url=redis_url,
            marketplace={"refunds_from_amazon": "credit_memo"},
            account={"shop": name} if name == SHOP else {},
            shop={"base_url": url, "access_token": TOKEN},
        )
        for name, url in ((SHOP, first), ("second", second))
    )
    account = two.accounts[ACCOUNT].model_copy(update={"shop": "second"})
    return one.model_copy(
        update={
            "shops": {SHOP: one.shops[SHOP], "second": two.shops[SHOP]},
            "accounts": {ACCOUNT: one.accounts[ACCOUNT], "uk": account},
        }
    )
