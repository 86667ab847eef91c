"""The whole ways of refunds to Amazon, by beat's jobs over real sockets, with what people do in
Seller Central and in the shop."""

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

from pipeline.base.quota import Lane
from pipeline.base.security_log import Signature
from pipeline.base.vault import SealedColumn
from pipeline.finances.store import Transactions
from pipeline.operations.acts.refunds import RefundDecisions, amount
from pipeline.orders.machine import owner
from pipeline.orders.tables import Order, OrderPrivate
from pipeline.refunds.states import RefundState
from pipeline.refunds.tables import AmazonRefund
from pipeline.settings.model import Settings
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
from tests.builders import ACCOUNT, NOW, SHOP, a_raw_order, an_item, settings
from tests.refunds.rig import CREDENTIALS, WORKED_ON, Clock
from tests.tasks.cancelling.test_cancelled_by_seller import served
from tests.tasks.conftest import close
from tests.tasks.jobs.refund_world import TOKEN, World

Begin = Callable[..., "Selling"]
SEND = {"refunds_to_amazon": "send", "refund_delay_minutes": 0}
HOUR = timedelta(hours=1)


class Selling(World):
    """An account that sells into a shop, with the stand-in of its Amazon."""

    amazon: str
    store: Store

    def placed(self, *, number: str | None = None, **fields: Any) -> int:
        order_id = super().placed(**fields)
        if number is not None:
            self.change(order_id, external_id=number)
        return order_id

    def shipped(self, *, tax_by_amazon: bool = False, number: str | None = None) -> int:
        """An order of two mugs that was shipped, here and at Amazon; our id.

        With `tax_by_amazon` they cost 20.00 and 3.80 tax that Amazon collected.
        """
        order_id = self.placed(number=number)
        number = self.order(order_id).external_id
        line = a_line("MUG-BLUE", 2, unit="14.39", item_id="I1")
        if tax_by_amazon:
            line = a_line("MUG-BLUE", 2, unit="10.00", tax="3.80", item_id="I1")
        raw = amazons_order(number, lines=[line], status="SHIPPED")
        if tax_by_amazon:
            collected = {"taxCollections": [{"model": "MARKETPLACE_FACILITATOR"}]}
            raw["orderItems"][0]["tax"] = collected
        with self.store.transaction() as db:
            save_order(db, "main", stamped(raw, NOW - timedelta(days=1)))
        self.change(order_id, remote_status="SHIPPED")
        with self.parts.sessions() as session, session.begin():
            order = session.get_one(Order, order_id)
            vault, whole = self.parts.vault, {**a_raw_order(), **raw}
            key = vault.new_key(owner(order))
            sealed = vault.seal(key, owner(order), SealedColumn.REPORT, whole)
            (row,) = self.rest("GET", f"/orders/{order.magento_order_id}")["items"]
            item = {"external_item_id": "I1", "quantity": 2, "magento_item_id": row["item_id"]}
            order.items = [an_item(**item)]
            session.merge(OrderPrivate(order_id=order_id, wrapped_key=key, sealed=sealed))
        return order_id

    def change(self, order_id: int, **values: Any) -> None:
        with self.parts.sessions() as session, session.begin():
            session.execute(update(Order).where(Order.id == order_id).values(**values))

    def goods_back(self, order_id: int) -> None:
        """A clerk takes both mugs back: a memo of 23.80 with its tax, and without the shipping."""
        entity_id = self.entity_id(order_id)
        item = self.rest("GET", f"/orders/{entity_id}")["items"][0]["item_id"]
        body = {
            "items": [{"order_item_id": item, "qty": 2}],
            "arguments": {"shipping_amount": 0},
        }
        self.rest("POST", f"/order/{entity_id}/refund", body)
        self.watch()

    def by_hand(self, order_id: int, total: str) -> str:
        """Somebody refunds the goods in Seller Central; Amazon's number of the refund."""
        item = {"order_item_id": "I1", "components": {"Principal": total}}
        body = {"order_id": self.order(order_id).external_id, "items": [item]}
        answer = requests.post(f"{self.amazon}/_control/refunds", json=body, timeout=10)
        answer.raise_for_status()
        return str(answer.json()["refundId"])

    def refunds(self, order_id: int) -> list[AmazonRefund]:
        with self.parts.sessions() as session:
            own = select(AmazonRefund).where(AmazonRefund.order_id == order_id)
            return list(session.scalars(own.order_by(AmazonRefund.id)))

    def refund(self, order_id: int) -> AmazonRefund:
        (row,) = self.refunds(order_id)
        return row

    @property
    def hand(self) -> RefundDecisions:
        return RefundDecisions(
            self.parts.sessions, self.parts.vault, Signature("otto", "", self.clock())
        )

    def press(self, row: AmazonRefund) -> None:
        """A person has Amazon refund the buyer."""
        self.hand.send(row.order_id, row.id, amount(row))

    def runs(self, count: int = 4, every: timedelta = WORKED_ON) -> None:
        for _ in range(count):
            run_refunds(self.parts, self.account)
            run_feeds(self.parts, self.account)
            self.clock.on(every)

    def paid(self, by: str = "SELLER_FEED") -> list[str]:
        """Every refund that Amazon paid for a feed of ours, by its own count."""
        answer = requests.get(f"{self.amazon}/_control/refunds", timeout=10)
        return [one["total"] for one in answer.json()["refunds"] if one["by"] == by]

    def give(self, fate: str) -> None:
        """What happens to the next feed."""
        body = {"fate": fate}
        requests.post(f"{self.amazon}/_control/feeds", json=body, timeout=10).raise_for_status()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as entered:
        yield entered


@pytest.fixture
def begin(database_url: str, redis_url: str, tmp_path: Path, stack: ExitStack) -> Begin:
    """Starts the world of one account."""

    def made(**marketplace: Any) -> Selling:
        (world,) = worlds(stack, tmp_path, database_url, redis_url, [ACCOUNT], marketplace)
        return world

    return made


def worlds(
    stack: ExitStack,
    folder: Path,
    database_url: str,
    redis_url: str,
    names: list[str],
    marketplace: dict[str, Any],
) -> list[Selling]:
    """A world for each account: with a shop and an Amazon of its own, in one installation."""
    clock = Clock()
    ours: list[tuple[str, str, Settings, str, str, Store]] = []
    for name in names:
        shop = name if name != ACCOUNT else SHOP
        shop_store = Store(folder / f"shop-{name}", SCHEMA)
        amazon = open_store(folder / f"amazon-{name}")
        stack.callback(shop_store.close)
        stack.callback(amazon.close)
        shop_url = stack.enter_context(served(create_shop(shop_store, now=clock)))
        url = stack.enter_context(served(create_app(amazon, Options(), clock=clock)))
        loaded = settings(
            database_url=database_url,
            redis_url=redis_url,
            marketplace=marketplace,
            account={"base_url": url, "token_url": url, "seller_id": "A1SELLER", **CREDENTIALS},
            shop={"base_url": shop_url, "access_token": TOKEN},
        )
        ours.append((name, shop, loaded, shop_url, url, amazon))
    whole = ours[0][2].model_copy(
        update={
            "shops": {shop: one.shops[SHOP] for _, shop, one, *_ in ours},
            "accounts": {
                name: one.accounts[ACCOUNT].model_copy(update={"shop": shop})
                for name, shop, one, *_ in ours
            },
        }
    )
    parts = build(whole, clock)
    stack.callback(close, parts)
    made = []
    for name, shop, _, shop_url, url, amazon in ours:
        world = Selling(parts, clock, shop_url, name, shop)  # type: ignore[arg-type]
        world.amazon, world.store = url, amazon
        made.append(world)
        run_refunds(parts, name)
    clock.on(WORKED_ON)
    return made


@pytest.mark.parametrize("mode", ["send", "ask"])
def test_a_refund_by_hand_of_which_amazon_collected_the_tax_is_seen(
    begin: Begin, mode: str
) -> None:
    world = begin(**{**SEND, "refunds_to_amazon": mode})
    order_id = world.shipped(tax_by_amazon=True)
    reference = world.by_hand(order_id, "20.00")
    world.goods_back(order_id)
    world.runs()
    row = world.refund(order_id)
    assert (row.state, row.transaction_id) == (RefundState.SEEN, reference)
    assert (row.total, world.paid()) == (Decimal("20.00"), [])


def test_after_a_smaller_refund_by_hand_a_taxed_memo_is_above_what_is_left(begin: Begin) -> None:
    world = begin(**SEND)
    order_id = world.shipped(tax_by_amazon=True)
    world.by_hand(order_id, "19.00")
    world.goods_back(order_id)
    world.runs()
    row = world.refund(order_id)
    assert (row.state, row.hold_code, world.paid()) == ("held", "over_balance", [])


@pytest.mark.parametrize("tax_by_amazon", [False, True])
def test_a_message_without_a_result_is_seen_after_two_days(
    begin: Begin, tax_by_amazon: bool
) -> None:
    world = begin(**SEND)
    order_id = world.shipped(tax_by_amazon=tax_by_amazon)
    world.give("MISSING_RESULT")
    if tax_by_amazon:
        world.goods_back(order_id)
    else:
        world.by_clerk(order_id, 5)
    world.runs()
    row, paid = world.refund(order_id), world.paid()
    assert (row.state, row.needs_person, len(paid)) == (RefundState.UNKNOWN, False, 1)
    assert row.sent_at is not None
    assert row.due_at == row.sent_at + 48 * HOUR
    world.runs(48, HOUR)
    assert world.refund(order_id).state == RefundState.UNKNOWN
    world.runs(2, HOUR)
    row = world.refund(order_id)
    assert (row.state, row.due_at, row.needs_person) == (RefundState.SEEN, None, False)
    assert world.paid() == paid


def test_a_message_without_a_result_that_was_not_paid_is_a_persons_after_four_days(
    begin: Begin,
) -> None:
    world = begin(**SEND)
    order_id = world.shipped()
    world.give("FATAL")
    world.by_clerk(order_id, 5)
    world.runs()
    row = world.refund(order_id)
    assert (row.state, row.needs_person, world.paid()) == (RefundState.UNKNOWN, False, [])
    world.runs(95, HOUR)
    assert not world.refund(order_id).needs_person
    world.runs(8, HOUR)
    row = world.refund(order_id)
    assert (row.state, row.needs_person, row.due_at) == (RefundState.UNKNOWN, True, None)
    world.runs(5, 24 * HOUR)
    assert (world.refund(order_id).state, world.paid()) == (RefundState.UNKNOWN, [])
    world.press(world.refund(order_id))
    world.runs()
    assert (world.refund(order_id).state, world.paid()) == (RefundState.ACCEPTED, ["5.00"])


def test_own_memos_over_amazons_refunds_are_never_sent(begin: Begin) -> None:
    world = begin(**SEND, refunds_from_amazon="credit_memo")
    order_id = world.shipped()
    world.by_hand(order_id, "12.00")
    world.clock.on(49 * HOUR)
    number = world.order(order_id).external_id
    shown = world.parts.clients.finances[ACCOUNT].of_order(number, Lane.CONFIRM)
    Transactions(world.parts.sessions).store(ACCOUNT, shown, world.clock())
    world.work()
    assert len(world.memos(order_id)) == 1
    world.watch()
    world.runs(3)
    row = world.refund(order_id)
    assert (row.state, row.hold_code, row.body) == (RefundState.NEVER, "own_memo", None)
    world.clock.on(100 * HOUR)
    world.runs(3)
    assert (world.paid(), world.paid("SELLER_CENTRAL")) == ([], ["12.00"])


@pytest.mark.parametrize("knows_its_shop", [True, False])
def test_two_accounts_with_one_order_number_and_two_shops_with_one_memo_number(
    database_url: str, redis_url: str, tmp_path: Path, stack: ExitStack, knows_its_shop: bool
) -> None:
    one, two = worlds(stack, tmp_path, database_url, redis_url, [ACCOUNT, "uk"], SEND)
    number = "302-5550001-5550001"
    first, second = one.shipped(number=number), two.shipped(number=number)
    if not knows_its_shop:
        one.change(first, shop=None)
        two.change(second, shop=None)
    one.by_clerk(first, 5)
    two.by_clerk(second, 7)
    rows = []
    for _ in range(4):
        one.runs(1)
        two.runs(1)
        rows = [one.refund(first), two.refund(second)]
    assert rows[0].memo_id == rows[1].memo_id
    assert [row.shop for row in rows] == [one.shop, two.shop]
    assert (one.paid(), two.paid()) == (["5.00"], ["7.00"])
    assert [row.state for row in rows] == [RefundState.ACCEPTED] * 2


def test_a_refund_at_amazon_that_may_be_a_dismissed_memos_is_a_persons(begin: Begin) -> None:
    world = begin()
    order_id = world.shipped()
    world.by_clerk(order_id, 5)
    world.runs(1)
    (first,) = world.refunds(order_id)
    world.hand.dismiss(order_id, first.id)
    reference = world.by_hand(order_id, "5.00")
    world.by_clerk(order_id, 5)
    world.runs()
    first, second = world.refunds(order_id)
    assert (second.state, second.hold_code) == (RefundState.ASKED, "maybe_refunded")
    assert second.needs_person
    assert all(word in (second.reason or "") for word in (reference, str(first.memo_id)))
    world.press(second)
    world.runs()
    assert world.paid() == ["5.00"]
    assert [row.state for row in world.refunds(order_id)] == ["dismissed", "accepted"]


def test_a_new_refund_at_amazon_after_the_press_asks_the_person_again(begin: Begin) -> None:
    world = begin()
    order_id = world.shipped()
    for _ in range(2):
        world.by_clerk(order_id, 5)
    world.runs(1)
    second = world.refunds(order_id)[1]
    world.by_hand(order_id, "5.00")
    world.press(second)
    world.runs()
    second = world.refunds(order_id)[1]
    assert (second.state, second.hold_code) == (RefundState.ASKED, "maybe_refunded")
    world.by_hand(order_id, "5.00")
    world.press(second)
    world.runs()
    assert (world.refunds(order_id)[1].state, world.paid()) == (RefundState.ASKED, [])


def test_two_refunds_by_hand_are_those_of_two_memos(begin: Begin) -> None:
    world = begin()
    order_id = world.shipped()
    references = {world.by_hand(order_id, "5.00") for _ in range(2)}
    for _ in range(2):
        world.by_clerk(order_id, 5)
    world.runs()
    rows = world.refunds(order_id)
    assert [row.state for row in rows] == [RefundState.SEEN] * 2
    assert {row.transaction_id for row in rows} == references


def test_a_wrong_seen_is_taken_back_and_decided_again(begin: Begin) -> None:
    world = begin()
    order_id = world.shipped()
    reference = world.by_hand(order_id, "5.00")
    world.by_clerk(order_id, 5)
    world.runs()
    row = world.refund(order_id)
    assert (row.state, row.transaction_id) == (RefundState.SEEN, reference)
    world.hand.take_back(order_id, row.id)
    world.runs()
    row = world.refund(order_id)
    assert (row.state, row.needs_person, row.transaction_id) == (RefundState.ASKED, True, None)
    assert reference in (row.reason or "")
    world.press(row)
    world.runs()
    assert (world.refund(order_id).state, world.paid()) == (RefundState.ACCEPTED, ["5.00"])


def test_a_message_without_a_result_taken_back_is_looked_for_again(begin: Begin) -> None:
    world = begin(**SEND)
    order_id = world.shipped()
    world.give("MISSING_RESULT")
    world.by_clerk(order_id, 5)
    world.runs()
    world.runs(50, HOUR)
    row = world.refund(order_id)
    assert row.state == RefundState.SEEN
    world.hand.take_back(order_id, row.id)
    assert world.refund(order_id).state == RefundState.UNKNOWN
    world.runs(60, HOUR)
    row = world.refund(order_id)
    assert (row.state, row.needs_person) == (RefundState.UNKNOWN, True)
    assert world.paid() == ["5.00"]


def test_another_reason_after_the_press_asks_the_person_again(begin: Begin) -> None:
    world = begin()
    order_id = world.shipped()
    world.by_clerk(order_id, 5)
    world.runs()
    row = world.refund(order_id)
    comment = {"comment": "amazon-refund: DifferentItem", "parent_id": row.memo_id}
    world.rest("POST", f"/creditmemo/{row.memo_id}/comments", {"entity": comment})
    world.press(row)
    world.runs()
    row = world.refund(order_id)
    assert (row.state, row.needs_person, world.paid()) == (RefundState.ASKED, True, [])
    assert (row.body or {})["reason"] == "DifferentItem"
    world.press(row)
    world.runs()
    assert world.paid() == ["5.00"]


def test_a_refund_at_amazon_in_unknown_words_holds_the_memo(begin: Begin) -> None:
    world = begin(**SEND)
    order_id = world.shipped()
    item = {"order_item_id": "I1", "components": {"Other": "3.00"}}
    body = {"order_id": world.order(order_id).external_id, "items": [item]}
    requests.post(f"{world.amazon}/_control/refunds", json=body, timeout=10).raise_for_status()
    world.by_clerk(order_id, 5)
    world.runs()
    row = world.refund(order_id)
    assert (row.state, row.hold_code, row.needs_person) == ("held", "refund_unclear", True)
    assert "OtherConcession" in (row.reason or "")
    assert world.paid() == []
