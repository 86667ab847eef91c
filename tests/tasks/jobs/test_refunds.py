"""Credit memos of the shop become refunds at Amazon, by beat's jobs, over real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select, update

from pipeline.base.security_log import Signature
from pipeline.base.vault import SealedColumn
from pipeline.operations.acts.refunds import RefundDecisions, amount
from pipeline.orders.machine import owner
from pipeline.orders.tables import Order, OrderPrivate
from pipeline.refunds.states import RefundState
from pipeline.refunds.tables import AmazonRefund
from sandbox.amazon.app import create_app
from sandbox.amazon.builders import a_line, stamped
from sandbox.amazon.builders import an_order as amazons_order
from sandbox.amazon.state import Options, open_store, save_order
from sandbox.core import Store
from sandbox.magento.app import create_app as create_shop
from sandbox.magento.schema import SCHEMA
from tasks.engine.runtime import build
from tasks.jobs.feeds import run_feeds
from tasks.jobs.refunds import run_refunds
from tests.builders import ACCOUNT, NOW, a_raw_order, an_item, settings
from tests.refunds.rig import CREDENTIALS, WORKED_ON, Clock
from tests.tasks.cancelling.test_cancelled_by_seller import served
from tests.tasks.conftest import close
from tests.tasks.jobs.refund_world import TOKEN, World

Begin = Callable[..., "Refunding"]


class Refunding(World):
    """The world of a shop with the stand-in of its Amazon."""

    amazon: str
    store: Store

    def shipped(self, **changes: Any) -> int:
        """An order of 28.79 EUR that was shipped, here and at Amazon; our id."""
        order_id = self.placed()
        number = self.order(order_id).external_id
        lines = [a_line("MUG-BLUE", 2, unit="14.39", item_id="I1")]
        raw = amazons_order(number, lines=lines, status="SHIPPED")
        with self.store.transaction() as db:
            save_order(db, "main", stamped(raw, NOW - timedelta(days=1)))
        with self.parts.sessions() as session, session.begin():
            session.execute(
                update(Order).where(Order.id == order_id).values(remote_status="SHIPPED", **changes)
            )
            order = session.get_one(Order, order_id)
            vault, whole = self.parts.vault, {**a_raw_order(), **raw}
            key = vault.new_key(owner(order))
            sealed = vault.seal(key, owner(order), SealedColumn.REPORT, whole)
            (line,) = self.rest("GET", f"/orders/{order.magento_order_id}")["items"]
            item = {"external_item_id": "I1", "quantity": 2, "magento_item_id": line["item_id"]}
            order.items = [an_item(**item)]
            session.merge(OrderPrivate(order_id=order_id, wrapped_key=key, sealed=sealed))
        return order_id

    def refund(self, order_id: int) -> AmazonRefund:
        with self.parts.sessions() as session:
            return session.scalars(
                select(AmazonRefund).where(AmazonRefund.order_id == order_id)
            ).one()

    def press(self, order_id: int) -> None:
        """A person has Amazon refund the buyer."""
        row = self.refund(order_id)
        hand = RefundDecisions(
            self.parts.sessions, self.parts.vault, Signature("otto", "", self.clock())
        )
        hand.send(order_id, row.id, amount(row))

    def runs(self, count: int = 4) -> None:
        for _ in range(count):
            run_refunds(self.parts, ACCOUNT)
            run_feeds(self.parts, ACCOUNT)
            self.clock.on(WORKED_ON)

    def paid(self) -> list[str]:
        """Every refund that Amazon paid, by its own count."""
        answer = requests.get(f"{self.amazon}/_control/refunds", timeout=10)
        return [one["total"] for one in answer.json()["refunds"]]


@pytest.fixture
def begin(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Begin]:
    with ExitStack() as stack:

        def made(**marketplace: Any) -> Refunding:
            clock = Clock()
            shop, amazon = Store(tmp_path / "shop", SCHEMA), open_store(tmp_path / "amazon")
            stack.callback(shop.close)
            stack.callback(amazon.close)
            shop_url = stack.enter_context(served(create_shop(shop, now=clock)))
            url = stack.enter_context(served(create_app(amazon, Options(), clock=clock)))
            ours = settings(
                database_url=database_url,
                redis_url=redis_url,
                marketplace=marketplace,
                account={
                    "base_url": url,
                    "token_url": url,
                    "seller_id": "A1SELLER",
                    **CREDENTIALS,
                },
                shop={"base_url": shop_url, "access_token": TOKEN},
            )
            parts = build(ours, clock)
            stack.callback(close, parts)
            world = Refunding(parts, clock, shop_url)  # type: ignore[arg-type]
            world.amazon, world.store = url, amazon
            run_refunds(parts, ACCOUNT)
            clock.on(WORKED_ON)
            return world

        yield made


def test_a_person_presses_and_amazon_pays_once(begin: Begin) -> None:
    world = begin()
    order_id = world.shipped()
    world.by_clerk(order_id, 5)
    world.runs()
    row = world.refund(order_id)
    assert (row.state, row.total, row.reason) == (RefundState.ASKED, Decimal(5), None)
    assert world.paid() == []
    world.press(order_id)
    world.runs()
    assert world.paid() == ["5.00"]
    assert world.refund(order_id).state == RefundState.ACCEPTED


def test_send_waits_for_the_delay(begin: Begin) -> None:
    world = begin(refunds_to_amazon="send", refund_delay_minutes=60)
    order_id = world.shipped()
    world.by_clerk(order_id, 5)
    world.runs()
    assert (world.refund(order_id).state, world.paid()) == (RefundState.WAITING, [])
    world.clock.on(timedelta(hours=1))
    world.runs()
    assert world.paid() == ["5.00"]


@pytest.mark.parametrize(
    ("marketplace", "state"),
    [
        ({"refunds_to_amazon": "never"}, RefundState.HELD),
        ({"refunds_to_amazon": "send", "refund_at_most": 4}, RefundState.ASKED),
    ],
)
def test_the_settings_keep_it_here(
    begin: Begin, marketplace: dict[str, Any], state: RefundState
) -> None:
    world = begin(refund_delay_minutes=0, **marketplace)
    order_id = world.shipped()
    world.by_clerk(order_id, 5)
    world.runs()
    assert (world.refund(order_id).state, world.paid()) == (state, [])


def test_amazons_own_orders_are_never_refunded(begin: Begin) -> None:
    world = begin(refunds_to_amazon="send", refund_delay_minutes=0)
    order_id = world.shipped(fulfilled_by="FBA")
    world.by_clerk(order_id, 5)
    world.runs()
    assert (world.refund(order_id).state, world.paid()) == (RefundState.NEVER, [])


def test_a_word_that_comes_late_stops_it(begin: Begin) -> None:
    world = begin()
    order_id = world.shipped()
    world.by_clerk(order_id, 5)
    world.runs()
    memo_id = world.refund(order_id).memo_id
    comment = {"entity": {"comment": "no-amazon-refund", "parent_id": memo_id}}
    world.rest("POST", f"/creditmemo/{memo_id}/comments", comment)
    world.press(order_id)
    world.runs()
    assert (world.refund(order_id).state, world.paid()) == (RefundState.NEVER, [])
