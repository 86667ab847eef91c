"""Refunds made at Amazon come to the shop once: as a note, or as a credit memo over the amount."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, update

from pipeline.amazon.transactions import Leaf, TransactionItem
from pipeline.base.db import Sessions
from pipeline.base.security_log import Signature
from pipeline.operations.acts.made_at_amazon import settle
from pipeline.operations.acts.one_order import NotPossible
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Effect, EffectState, Order
from pipeline.refunds.made_at_amazon_tables import MadeAtAmazon
from tests.builders import NOW
from tests.tasks.jobs.refund_world import LATE, World, a_world, two_worlds

TWELVE = Decimal(12)


@pytest.fixture
def noting(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """The setting is "note"."""
    with a_world(tmp_path, database_url, redis_url) as world:
        yield world


@pytest.fixture
def booking(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """The setting is "credit_memo"."""
    with a_world(tmp_path, database_url, redis_url, refunds_from_amazon="credit_memo") as world:
        yield world


def test_a_refund_is_noted_once_and_needs_a_person_until_the_shop_shows_it(noting: World) -> None:
    order_id = noting.placed()
    refund = noting.refunded(order_id, "12.00")
    for _ in range(3):
        noting.work()
        noting.clock.on(timedelta(days=1))
    said = f"Amazon refunded the buyer 12.00 EUR (refund {refund}). This order has no credit memo"
    assert [one for one in noting.comments(order_id) if one.startswith(said)] != []
    assert len(noting.comments(order_id)) == 1
    assert noting.memos(order_id) == []
    row = noting.row(order_id)
    assert (row.needs_person, row.code, row.difference) == (True, "refunded_at_amazon", TWELVE)
    assert (row.at_amazon, row.in_shop) == (TWELVE, Decimal(0))
    assert row.sentence is not None
    assert row.sentence.startswith("Amazon refunded 12.00 EUR that no credit memo")
    noting.by_clerk(order_id, 12.00)
    noting.work()
    row = noting.row(order_id)
    assert (row.needs_person, row.code, row.in_shop, row.due_at) == (False, None, TWELVE, None)


def test_a_refund_becomes_a_memo_over_the_amount_alone(booking: World) -> None:
    order_id = booking.placed()
    refund = booking.refunded(order_id, "12.00")
    stock = booking.rest("GET", "/stockItems/MUG-BLUE")["qty"]
    for _ in range(3):
        booking.work()
        booking.clock.on(timedelta(days=1))
    (memo,) = booking.memos(order_id)
    assert (memo["grand_total"], memo["adjustment_positive"], memo["shipping_amount"]) == (
        12,
        12,
        0,
    )
    assert [item["qty"] for item in memo["items"]] == [0]
    assert [one["comment"] for one in memo["comments"]] == [
        f"Refund {refund} of Amazon: 12.00 EUR that Amazon gave the buyer back. No goods return to "
        "the stock; the amount bears no tax."
    ]
    assert booking.rest("GET", "/stockItems/MUG-BLUE")["qty"] == stock
    row = booking.row(order_id)
    assert (row.needs_person, row.at_amazon, row.in_shop) == (False, TWELVE, TWELVE)
    assert row.answers[refund]["memo"] == str(memo["entity_id"])
    with booking.parts.sessions() as session:
        (effect,) = session.scalars(select(Effect))
    assert (effect.kind, effect.state) == (EffectKind.CREDIT_MEMO, EffectState.DONE)
    assert effect.key.endswith(f":{refund}")
    assert booking.comments(order_id) == []


def test_a_refund_of_the_last_two_days_waits(booking: World) -> None:
    order_id = booking.placed()
    booking.refunded(order_id, "12.00", at=NOW - timedelta(hours=47))
    booking.work()
    assert booking.memos(order_id) == []
    assert booking.row(order_id).due_at == NOW + timedelta(hours=1)
    booking.clock.on(timedelta(hours=1))
    booking.work()
    assert len(booking.memos(order_id)) == 1


def test_what_the_shop_refunded_already_is_not_refunded_again(booking: World) -> None:
    """Whoever made the memo, and whether or not it was the reason for the refund at Amazon."""
    order_id = booking.placed()
    booking.by_clerk(order_id, 10.00)
    booking.refunded(order_id, "10.00")
    booking.work()
    second = booking.refunded(order_id, "4.50")
    booking.work()
    assert [memo["grand_total"] for memo in booking.memos(order_id)] == [10, 4.5]
    assert list(booking.row(order_id).answers) == [second]


def test_our_refund_whose_memo_is_gone_is_not_answered_with_a_memo(booking: World) -> None:
    order_id = booking.placed()
    booking.sent_to_amazon(order_id, memo_id=77, total="10.00", state="accepted")
    booking.refunded(order_id, "10.00")
    booking.work()
    assert booking.memos(order_id) == []
    assert not booking.row(order_id).needs_person


def test_memos_over_units_that_amazon_cancelled_hide_no_refund(booking: World) -> None:
    order_id = booking.placed()
    booking.by_clerk(order_id, 10.00)
    with booking.parts.sessions() as session, session.begin():
        session.add(
            Effect(
                order_id=order_id,
                key="reduce:eu:1:I1=1",
                kind=EffectKind.CREDIT_MEMO,
                state=EffectState.DONE,
                remote_id="1",
                intended_at=NOW,
            )
        )
    booking.refunded(order_id, "4.50")
    booking.work()
    assert [memo["grand_total"] for memo in booking.memos(order_id)] == [10, 4.5]


def test_a_memo_is_capped_at_what_magento_allows_and_the_rest_needs_a_person(
    booking: World,
) -> None:
    order_id = booking.placed()
    refund = booking.refunded(order_id, "40.00")
    booking.work()
    (memo,) = booking.memos(order_id)
    assert memo["grand_total"] == 28.79
    assert memo["comments"][0]["comment"].startswith(
        f"Refund {refund} of Amazon: 28.79 EUR of 40.00"
    )
    row = booking.row(order_id)
    assert (row.needs_person, row.code, row.difference) == (
        True,
        "refunded_above_paid",
        Decimal("11.21"),
    )
    booking.clock.on(timedelta(days=2))
    booking.work()
    assert booking.row(order_id).code == "refunded_above_paid"
    assert len(booking.memos(order_id)) == 1


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"invoice": False}, "refunded_not_invoiced"),
        ({"invoice": False, "state": "canceled", "status": "canceled"}, "refunded_order_ended"),
        ({"base_grand_total": 30.00, "base_to_order_rate": 0.96}, "refunded_other_currency"),
    ],
)
def test_an_order_that_magento_cannot_refund_is_noted_with_the_reason(
    booking: World, order: dict[str, object], code: str
) -> None:
    order_id = booking.placed(**order)  # type: ignore[arg-type]
    booking.refunded(order_id, "12.00")
    booking.work()
    row = booking.row(order_id)
    assert (row.code, row.needs_person, row.difference) == (code, True, TWELVE)
    assert booking.memos(order_id) == []
    assert len(booking.comments(order_id)) == 1


def test_a_refund_in_another_currency_is_noted_whole(booking: World) -> None:
    order_id = booking.placed()
    booking.refunded(order_id, "12.00", currency="SEK")
    booking.work()
    row = booking.row(order_id)
    assert (row.code, row.needs_person) == ("refunded_other_currency", True)
    assert booking.memos(order_id) == []


def test_a_refusal_of_the_shop_is_told_and_tried_again_the_next_day(booking: World) -> None:
    order_id = booking.placed()
    booking.tell("faults", route="refund", kind="status", status=400)
    booking.refunded(order_id, "12.00")
    booking.work()
    row = booking.row(order_id)
    assert (row.code, row.needs_person) == ("refunded_memo_refused", True)
    booking.work()
    assert booking.memos(order_id) == []
    booking.clock.on(timedelta(days=1))
    booking.work()
    assert len(booking.memos(order_id)) == 1
    assert not booking.row(order_id).needs_person


def test_a_shop_that_gave_back_more_needs_a_person_after_four_days(booking: World) -> None:
    order_id = booking.placed()
    booking.by_clerk(order_id, 20.00)
    booking.refunded(order_id, "12.00")
    booking.work()
    row = booking.row(order_id)
    assert (row.needs_person, row.due_at) == (False, NOW + timedelta(hours=96))
    booking.clock.on(timedelta(hours=96))
    booking.work()
    row = booking.row(order_id)
    assert (row.needs_person, row.code, row.difference) == (
        True,
        "refunded_in_shop_only",
        Decimal(-8),
    )


def test_a_person_dismisses_a_difference_until_it_changes(noting: World) -> None:
    order_id = noting.placed()
    noting.refunded(order_id, "12.00")
    noting.work()
    by = Signature("anna", "", noting.clock())
    act = (noting.parts.sessions, noting.parts.vault, order_id, by)
    settle(*act)
    with pytest.raises(NotPossible):
        settle(*act)
    noting.clock.on(timedelta(days=1))
    noting.work()
    assert not noting.row(order_id).needs_person
    noting.refunded(order_id, "3.00")
    noting.work()
    row = noting.row(order_id)
    assert (row.needs_person, row.difference) == (True, Decimal(15))


def test_a_word_of_another_release_stays_as_it_is(noting: World) -> None:
    order_id, other_id = noting.placed(), noting.placed()
    noting.refunded(order_id, "12.00")
    noting.work()
    with noting.parts.sessions() as session, session.begin():
        session.execute(
            update(MadeAtAmazon).values(code="refunded_by_voucher", due_at=noting.clock())
        )
    noting.refunded(other_id, "3.00")
    noting.work()
    row, other = noting.row(order_id), noting.row(other_id)
    assert (row.needs_person, row.code, row.difference) == (True, "refunded_by_voucher", TWELVE)
    assert row.sentence is not None
    assert "12.00 EUR" in row.sentence
    assert (other.needs_person, other.code) == (True, "refunded_at_amazon")


def test_a_copy_of_deferred_money_is_no_second_refund(booking: World) -> None:
    order_id = booking.placed()
    booking.refunded(order_id, "12.00")
    booking.refunded(order_id, "12.00", named={"DEFERRED_TRANSACTION_ID": "T-1"})
    booking.work()
    assert [memo["grand_total"] for memo in booking.memos(order_id)] == [12]


def test_an_answer_that_is_lost_makes_no_second_memo(booking: World) -> None:
    order_id = booking.placed()
    refund = booking.refunded(order_id, "12.00")
    booking.tell("faults", route="refund", kind="cut_after")
    booking.work()
    assert len(booking.memos(order_id)) == 1
    assert booking.row(order_id).answers == {}
    booking.clock.on(LATE)
    booking.work()
    (memo,) = booking.memos(order_id)
    assert booking.row(order_id).answers[refund]["memo"] == str(memo["entity_id"])
    with booking.parts.sessions() as session:
        (effect,) = session.scalars(select(Effect))
    assert (effect.state, effect.adopted) == (EffectState.DONE, True)


def test_two_shops_that_count_alike_are_kept_apart(
    tmp_path: Path, database_url: str, redis_url: str
) -> None:
    with two_worlds(tmp_path, database_url, redis_url) as (one, two):
        first, second = one.placed(), two.placed()
        assert one.entity_id(first) == two.entity_id(second)
        one.refunded(first, "12.00")
        two.by_clerk(second, 5.00)
        two.refunded(second, "5.00")
        for world in (one, two):
            world.work()
        assert [memo["grand_total"] for memo in one.memos(first)] == [12]
        assert [memo["grand_total"] for memo in two.memos(second)] == [5]


def test_nothing_is_read_when_nothing_has_changed(booking: World) -> None:
    order_id = booking.placed()
    booking.refunded(order_id, "12.00")
    booking.work()
    booking.watch()
    booking.work()
    assert booking.row(order_id).due_at is None
    read = booking.read()
    before = booking.calls()
    booking.walk()
    booking.keep(read)
    booking.work()
    assert booking.calls() == before


def test_an_order_that_is_not_in_the_shop_has_nothing_to_note(
    booking: World, sessions: Sessions
) -> None:
    order_id = booking.placed()
    with sessions() as session, session.begin():
        session.execute(update(Order).where(Order.id == order_id).values(magento_order_id=None))
    booking.refunded(order_id, "12.00")
    booking.work()
    row = booking.row(order_id)
    assert (row.needs_person, row.due_at) == (False, None)


def test_a_look_takes_as_many_statements_for_many_orders(booking: World) -> None:
    """Refunds that the shop shows already: the usual case."""

    def counted(orders: int) -> tuple[int, int]:
        for order_id in [booking.placed() for _ in range(orders)]:
            booking.refunded(order_id, "0.01")
        before = sum(booking.calls().values())
        statements: list[str] = []
        engine = booking.parts.sessions.kw["bind"]  # type: ignore[attr-defined]

        def keep(*event_arguments: Any) -> None:
            statements.append(event_arguments[2])

        event.listen(engine, "before_cursor_execute", keep)
        booking.work()
        event.remove(engine, "before_cursor_execute", keep)
        return len(statements), sum(booking.calls().values()) - before

    assert counted(1) == counted(7)


@pytest.mark.parametrize(("tax", "lacking"), [("0.00", None), ("3.80", Decimal("3.80"))])
def test_tax_that_amazon_collected_is_compared_where_the_shops_order_has_it(
    noting: World, tax: str, lacking: Decimal | None
) -> None:
    order_id = noting.placed()
    proof = {"collected_by_amazon": {"I1": "3.80"}, "parts": {"I1": {"net": "20.00", "tax": tax}}}
    with noting.parts.sessions() as session, session.begin():
        session.execute(update(Order).where(Order.id == order_id).values(total_proof=proof))
    words = {"OurPricePrincipal": "-20.00", "OurPriceTax": "-3.80"}
    words |= {"MarketplaceFacilitatorTax-Principal": "3.80"}
    leaves = tuple(Leaf("Tax", kind, Decimal(amount)) for kind, amount in words.items())
    item = TransactionItem("MUG-BLUE", 1, Decimal(-20), leaves)
    noting.by_clerk(order_id, 20)
    noting.refunded(order_id, "20.00", items=(item,))
    noting.work()
    row = noting.row(order_id)
    assert (row.needs_person, row.difference) == (lacking is not None, lacking)
