"""Whose memo it is: what the ledger, the settings and a person say of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.intake.memo_facts import MemoFacts
from pipeline.intake.own_memos import OwnMemos
from pipeline.refunds.mapping import plan_refund
from pipeline.refunds.messages import (
    Given,
    NotSendable,
    OrderPaid,
    RefundHold,
    RefundMessage,
    RefundRules,
    given_by,
)
from tests.builders import NOW
from tests.refunds.corpus import MEMO_ID, MEMOS, the_memo, the_order

ORDER = the_order("three")
MEMO = the_memo(MEMOS[0], ORDER)


def planned(
    memo: MemoFacts | None = MEMO, order: OrderPaid = ORDER, rules: RefundRules | None = None
) -> RefundMessage | NotSendable:
    return plan_refund(memo, order, [], rules or RefundRules())


@pytest.mark.parametrize(
    ("order", "code", "is_final"),
    [
        (replace(ORDER, own_memos=OwnMemos(frozenset({MEMO_ID}))), RefundHold.OWN_MEMO, True),
        (replace(ORDER, own_memos=OwnMemos(is_in_doubt=True)), RefundHold.MAYBE_OWN_MEMO, False),
        (replace(ORDER, unclear="it does not add up"), RefundHold.AMOUNTS_UNCLEAR, False),
        (replace(ORDER, unclear="unknown", items=()), RefundHold.AMOUNTS_UNCLEAR, False),
    ],
)
def test_what_the_order_says(order: OrderPaid, code: RefundHold, is_final: bool) -> None:
    held = planned(order=order)
    assert isinstance(held, NotSendable)
    assert (held.code, held.is_final) == (code, is_final)


def test_an_order_without_known_amounts_is_not_taken_for_a_replacement() -> None:
    nothing = replace(the_order("replacement"), unclear="no amounts")
    held = planned(order=nothing)
    assert isinstance(held, NotSendable)
    assert held.code is RefundHold.AMOUNTS_UNCLEAR


def test_another_memo_of_an_order_with_own_memos_is_sent() -> None:
    order = replace(ORDER, own_memos=OwnMemos(frozenset({MEMO_ID + 1})))
    assert isinstance(planned(order=order), RefundMessage)


def test_a_memo_before_the_setting_is_held() -> None:
    held = planned(rules=RefundRules(since=NOW + timedelta(seconds=1)))
    assert isinstance(held, NotSendable)
    assert (held.code, held.is_final) == (RefundHold.BEFORE_START, False)
    assert isinstance(planned(rules=RefundRules(since=NOW)), RefundMessage)


def test_a_memo_without_facts_is_held() -> None:
    held = planned(memo=None)
    assert isinstance(held, NotSendable)
    assert (held.code, held.is_final) == (RefundHold.NOT_READ, False)


@pytest.mark.parametrize(
    ("memo", "order", "rules", "reason"),
    [
        (MEMO, ORDER, RefundRules(), "CustomerReturn"),
        (MEMO, ORDER, RefundRules(reason="Exchange"), "Exchange"),
        (MEMO, replace(ORDER, is_buyer_cancelled=True), RefundRules(), "CustomerCancel"),
        (
            replace(MEMO, reason="PriceError"),
            replace(ORDER, is_buyer_cancelled=True),
            RefundRules(),
            "PriceError",
        ),
        (
            replace(MEMO, reason="PriceError"),
            ORDER,
            RefundRules(chosen_reason="Other"),
            "Other",
        ),
    ],
)
def test_the_reason(memo: MemoFacts, order: OrderPaid, rules: RefundRules, reason: str) -> None:
    message = planned(memo, order, rules)
    assert isinstance(message, RefundMessage)
    assert message.reason == reason


def test_a_hold_has_its_figures() -> None:
    refunded = planned()
    assert isinstance(refunded, RefundMessage)
    held = plan_refund(MEMO, ORDER, given_by(refunded.body()), RefundRules())
    assert held == NotSendable(
        RefundHold.OVER_BALANCE, "no shipping is left to refund at Amazon", {"shipping": "4.99"}
    )


def test_what_a_stored_message_gave() -> None:
    message = planned()
    assert isinstance(message, RefundMessage)
    principal, shipping = given_by(message.body())
    amounts = message.items[0].amounts
    kinds = list(amounts)
    item = frozenset({"A"})
    assert principal == Given(item, kinds[0], amounts[kinds[0]], message.items[0].units)
    assert shipping == Given(item, kinds[1], amounts[kinds[1]])


def test_each_code_of_a_hold_is_explained() -> None:
    page = (Path(__file__).parents[2] / "docs" / "refunds.md").read_text()
    assert [code for code in RefundHold if f"`{code}`" not in page] == []
