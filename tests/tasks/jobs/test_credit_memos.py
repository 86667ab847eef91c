"""Credit memos of a shop: each of an order of ours is kept once, whatever goes wrong between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select, update

from pipeline.base.db import Sessions
from pipeline.base.errors import Rejected, Transient
from pipeline.base.tables import Incident
from pipeline.finances.store import Transactions
from pipeline.intake.memo_facts import facts_of, stored_facts
from pipeline.intake.tables import Refund, Watermark
from pipeline.magento.records import CreditMemo, CreditMemoLine
from pipeline.monitoring.tables import ShopRead
from pipeline.operations.lists.timeline import Kind, timeline
from pipeline.orders.tables import Effect
from sandbox.core import Store
from sandbox.magento.app import create_app
from sandbox.magento.schema import SCHEMA
from tasks.engine.runtime import Runtime, build
from tasks.jobs.credit_memos import watch_refunds
from tests.builders import ACCOUNT, NOW, SHOP, an_item, an_order, loaded, settings, stored
from tests.finances.settlement_files import Line, a_transaction
from tests.tasks.cancelling.test_cancelled_by_seller import served
from tests.tasks.conftest import close
from tests.tasks.fakes import FakeShop, InTurn


@pytest.fixture
def parts(database_url: str, redis_url: str) -> Iterator[Runtime]:
    """A worker process's parts, of which a test replaces the shop."""
    built = build(settings(database_url=database_url, redis_url=redis_url))
    yield built
    close(built)


def with_shop(parts: Runtime, shop: FakeShop) -> Runtime:
    return replace(parts, clients=replace(parts.clients, shops={SHOP: shop}, now=lambda: NOW))


def a_memo(entity_id: int = 12, order_id: int = 900, **changes: Any) -> CreditMemo:
    """One of two mugs, shipping, and a fee kept."""
    return CreditMemo(
        **{
            "entity_id": entity_id,
            "order_id": order_id,
            "increment_id": f"{entity_id:09}",
            "created_at": NOW,
            "currency": "EUR",
            "grand_total": Decimal("12.99"),
            "shipping": Decimal("4.99"),
            "lines": (
                CreditMemoLine(
                    501, "MUG-BLUE", Decimal("1.0000"), Decimal("10.00"), row=Decimal("10.00")
                ),
            ),
            "subtotal": Decimal("10.00"),
            "adjustment_negative": Decimal("2.00"),
            "state": 2,
            **changes,
        }
    )


def placed(sessions: Sessions, magento_order_id: int = 900, **changes: Any) -> int:
    facts = {"items": [an_item(magento_item_id=501)], **changes}
    return stored(sessions, an_order(magento_order_id=magento_order_id, **facts))


def kept(sessions: Sessions) -> list[Refund]:
    with sessions() as session:
        return list(session.scalars(select(Refund).order_by(Refund.magento_creditmemo_id)))


def test_a_credit_memo_is_kept_with_what_a_refund_has_to_say(
    parts: Runtime, sessions: Sessions
) -> None:
    order_id = placed(sessions)
    shop = FakeShop(credit_memos=[a_memo(), a_memo(13, order_id=999)])
    watch_refunds(with_shop(parts, shop), SHOP)
    (refund,) = kept(sessions)
    assert (refund.order_id, refund.magento_creditmemo_id) == (order_id, 12)
    assert (refund.refunded_at, refund.currency) == (NOW, "EUR")
    assert (refund.grand_total, refund.shipping, refund.adjustment) == (
        Decimal("12.99"),
        Decimal("4.99"),
        Decimal("-2.00"),
    )
    assert refund.lines == {"I1": {"sku": "MUG-BLUE", "quantity": "1", "total": "10"}}


def test_a_discount_of_the_shipping_and_a_gift_wrap_are_no_adjustment(
    parts: Runtime, sessions: Sessions
) -> None:
    order_id = placed(sessions)
    wrap = CreditMemoLine(
        502, "amazon-gift-wrap", Decimal(1), Decimal("3.50"), row=Decimal("3.50"), name="Gift wrap"
    )
    memo = a_memo(
        lines=(*a_memo().lines, wrap),
        subtotal=Decimal("13.50"),
        discount=Decimal("1.00"),
        adjustment_negative=Decimal(0),
        grand_total=Decimal("17.49"),
    )
    watch_refunds(with_shop(parts, FakeShop(credit_memos=[memo])), SHOP)
    (refund,) = kept(sessions)
    assert (refund.shipping, refund.adjustment) == (Decimal("3.99"), Decimal(0))
    assert list(refund.lines) == ["I1"]
    facts = stored_facts(refund)
    assert facts is not None
    assert facts == facts_of(memo, {501: "I1"})
    assert [(line.item_id, line.name) for line in facts.lines] == [("I1", ""), ("", "Gift wrap")]
    ((_, _, detail),) = on_the_timeline(sessions, order_id)
    assert "(1 x MUG-BLUE 10.00, shipping 3.99, gift wrap and other lines 3.50)" in detail


def test_a_word_in_a_later_comment_counts_and_no_comment_is_stored(
    parts: Runtime, sessions: Sessions
) -> None:
    placed(sessions)
    said = a_memo(comments=("Berta Buyer called: amazon-refund: defective, No-Amazon-Refund",))
    shop = FakeShop(credit_memos=InTurn([a_memo()], []), memos_by_ids=[said])
    rows = []
    for _ in range(2):
        watch_refunds(with_shop(parts, shop), SHOP)
        rows += kept(sessions)
    assert shop.calls[-1] == ("memos_by_ids", [12])
    assert [row.id for row in rows] == [rows[0].id] * 2
    assert [(row.facts or {})["word"] for row in rows] == ["", "no-amazon-refund"]
    assert "Berta" not in str(rows[1].facts)


def test_a_memo_of_more_than_two_days_ago_is_not_read_again(
    parts: Runtime, sessions: Sessions
) -> None:
    placed(sessions)
    old = a_memo(created_at=NOW - timedelta(days=2, seconds=1))
    shop = FakeShop(credit_memos=InTurn([old], []))
    for _ in range(2):
        watch_refunds(with_shop(parts, shop), SHOP)
    assert [name for name, *_ in shop.calls] == ["credit_memos"] * 2


def test_a_memo_that_an_older_release_stored_is_read_again_until_it_is_known_or_gone(
    parts: Runtime, sessions: Sessions
) -> None:
    placed(sessions)
    old = NOW - timedelta(days=90)
    first = FakeShop(credit_memos=[a_memo(12, created_at=old), a_memo(13, created_at=old)])
    watch_refunds(with_shop(parts, first), SHOP)
    with sessions() as session, session.begin():
        session.execute(update(Refund).values(facts=None, adjustment=Decimal(-9)))
    shop = FakeShop(credit_memos=[], memos_by_ids=[a_memo(12, created_at=old)])
    for _ in range(2):
        watch_refunds(with_shop(parts, shop), SHOP)
    assert [name for name, *_ in shop.calls].count("memos_by_ids") == 1
    known, gone = kept(sessions)
    assert (stored_facts(known) is None, known.adjustment) == (False, Decimal(-2))
    assert (gone.facts, stored_facts(gone), gone.adjustment) == ({}, None, Decimal(-9))


def test_the_next_reading_begins_at_the_last_memo_less_the_overlap_and_keeps_nothing_twice(
    parts: Runtime, sessions: Sessions
) -> None:
    placed(sessions)
    late = a_memo(13, created_at=NOW + timedelta(minutes=7))
    shop = FakeShop(
        credit_memos=InTurn([a_memo(), late], Transient("cut"), [late]), memos_by_ids=[a_memo()]
    )
    for _ in range(3):
        watch_refunds(with_shop(parts, shop), SHOP)
    since = [call[1] for call in shop.calls if call[0] == "credit_memos"]
    assert since == [NOW - timedelta(days=30), *([NOW + timedelta(minutes=2)] * 2)]
    assert [one.magento_creditmemo_id for one in kept(sessions)] == [12, 13]
    with sessions() as session:
        cursor = session.get_one(Watermark, f"refunds:{SHOP}")
    assert (cursor.position, cursor.trouble) == (late.created_at, None)


def test_nothing_is_lost_when_the_shop_is_in_trouble(parts: Runtime, sessions: Sessions) -> None:
    shop = FakeShop(credit_memos=Transient("in trouble", code="x"))
    watch_refunds(with_shop(parts, shop), SHOP)
    with sessions() as session:
        cursor = session.get_one(Watermark, f"refunds:{SHOP}")
    assert (cursor.position, cursor.trouble) == (NOW - timedelta(days=30), "x: in trouble")


def test_a_shop_that_quotes_a_buyer_is_not_quoted(parts: Runtime, sessions: Sessions) -> None:
    refusal = Rejected("Magento answered 400", code="Refused", words="Berta Buyer is odd")
    watch_refunds(with_shop(parts, FakeShop(credit_memos=refusal)), SHOP)
    with sessions() as session:
        assert (
            session.get_one(Watermark, f"refunds:{SHOP}").trouble == "Refused: Magento answered 400"
        )
        (read,) = session.scalars(select(ShopRead))
        (incident,) = session.scalars(select(Incident))
    assert read.trouble == "Refused: Magento answered 400"
    assert "cannot be read: Refused: Magento answered 400." in incident.text


def on_the_timeline(sessions: Sessions, order_id: int) -> list[tuple[datetime, str, str]]:
    events = timeline(sessions, loaded(sessions, order_id))
    return [(one.at, one.what, one.detail) for one in events if one.kind is Kind.REFUND]


def test_the_order_shows_a_refund_at_amazon_once_whoever_made_it(sessions: Sessions) -> None:
    order_id = placed(sessions)
    number = loaded(sessions, order_id).external_id
    held = replace(
        a_transaction(number, [Line(Decimal("-5.00"), number)], status="DEFERRED"), kind="Refund"
    )
    copy = replace(
        held,
        transaction_id="released",
        status="RELEASED",
        identifiers={**held.identifiers, "DEFERRED_TRANSACTION_ID": held.transaction_id},
    )
    Transactions(sessions).store(loaded(sessions, order_id).account, [held, copy], NOW)
    assert on_the_timeline(sessions, order_id) == [(held.posted_at, "refund at Amazon", "5.00 EUR")]


def test_the_order_shows_a_credit_memo_that_was_made_in_the_shop(
    parts: Runtime, sessions: Sessions
) -> None:
    order_id = placed(sessions)
    watch_refunds(with_shop(parts, FakeShop(credit_memos=[a_memo()])), SHOP)
    assert on_the_timeline(sessions, order_id) == [
        (
            NOW,
            "credit memo 12",
            "12.99 EUR (1 x MUG-BLUE 10.00, shipping 4.99, adjustment -2.00); nothing was sent to "
            "Amazon: refund it in Seller Central too",
        )
    ]


@pytest.mark.parametrize(
    ("kind", "remote_id", "is_shown"),
    [
        ("credit memo", "12", False),
        ("credit memo", "11", True),
        ("cancellation", "closed", False),
        ("invoice", "12", True),
    ],
)
def test_our_own_credit_memos_are_no_refunds(
    kind: str, remote_id: str, is_shown: bool, parts: Runtime, sessions: Sessions
) -> None:
    order_id = placed(sessions)
    watch_refunds(with_shop(parts, FakeShop(credit_memos=[a_memo()])), SHOP)
    with sessions() as session, session.begin():
        session.add(
            Effect(
                order_id=order_id,
                key=f"{kind}:{ACCOUNT}",
                kind=kind,
                state="done",
                intended_at=NOW,
                remote_id=remote_id,
            )
        )
    assert bool(on_the_timeline(sessions, order_id)) is is_shown


def test_against_the_shops_stand_in(
    tmp_path: Path, database_url: str, redis_url: str, sessions: Sessions
) -> None:
    store = Store(tmp_path / "shop.sqlite", SCHEMA)
    with served(create_app(store)) as url:
        shop = {"base_url": url, "auth": "bearer", "access_token": "sandbox-at"}
        parts = build(settings(database_url=database_url, redis_url=redis_url, shop=shop))

        def call(method: str, path: str, body: Any) -> Any:
            answer = requests.request(
                method,
                f"{url}/rest/V1/{path}",
                json=body,
                headers={"Authorization": "Bearer sandbox-at"},
                timeout=10,
            )
            assert answer.status_code == 200, answer.text
            return answer.json()

        line = {
            "sku": "MUG-BLUE",
            "name": "Mug",
            "product_type": "simple",
            "qty_ordered": 2,
            "price": 10,
            "base_price": 10,
            "row_total": 20,
            "base_row_total": 20,
            "tax_amount": 3.80,
            "base_tax_amount": 3.80,
        }
        totals = {"subtotal": 20, "tax_amount": 3.80, "shipping_amount": 4.99, "grand_total": 28.79}
        made = call(
            "PUT",
            "orders/create",
            {
                "entity": {
                    "store_id": 1,
                    "state": "new",
                    "status": "pending",
                    "customer_email": "nobody@orders.invalid",
                    "order_currency_code": "EUR",
                    "base_currency_code": "EUR",
                    **totals,
                    **{f"base_{name}": amount for name, amount in totals.items()},
                    "items": [line],
                    "payment": {"method": "checkmo"},
                }
            },
        )
        entity_id, item_id = made["entity_id"], made["items"][0]["item_id"]
        call("POST", f"order/{entity_id}/invoice", {"capture": True})
        items = [{"order_item_id": item_id, "qty": 1}]
        fee = {"shipping_amount": 0, "adjustment_negative": 1}
        call("POST", f"order/{entity_id}/refund", {"items": items, "arguments": fee})
        placed(sessions, entity_id, items=[an_item(magento_item_id=item_id)])
        watch_refunds(parts, SHOP)
        watch_refunds(parts, SHOP)
        memo_id = kept(sessions)[0].magento_creditmemo_id
        (again,) = parts.clients.shops[SHOP].credit_memos.by_ids([memo_id, memo_id + 1])
        close(parts)
    store.close()
    (refund,) = kept(sessions)
    assert (refund.grand_total, refund.shipping, refund.adjustment) == (
        Decimal("10.90"),
        Decimal(0),
        Decimal("-1.00"),
    )
    assert refund.lines == {"I1": {"sku": "MUG-BLUE", "quantity": "1", "total": "11.9"}}
    facts = stored_facts(refund)
    assert facts == facts_of(again, {item_id: "I1"})
    assert (facts.state, facts.subtotal, facts.tax, facts.adjustment_negative) == (
        2,
        Decimal("10"),
        Decimal("1.9"),
        Decimal("1"),
    )
