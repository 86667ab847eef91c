"""What refunds at Amazon gave, by component: each amount counts, or holds the memo."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from pipeline.amazon.refund_documents import ComponentType
from pipeline.amazon.transactions import Leaf
from pipeline.refunds.balances import Balances
from pipeline.refunds.given_at_amazon import given_at_amazon, unread_words
from pipeline.refunds.mapping import plan_refund
from pipeline.refunds.messages import (
    Given,
    NotSendable,
    RefundHold,
    RefundMessage,
    RefundRules,
    given_by,
)
from tests.refunds.corpus import MEMOS, the_memo, the_order
from tests.refunds.test_matching import FEES, US, WITHHELD, shown

BY_AMAZON, OWN_TAX, INSIDE = the_order("facilitator"), the_order("own_tax"), the_order("three")
A = frozenset({"A"})


def given(leaves: dict[str, str], order_name: str = "facilitator") -> list[tuple[str, str]]:
    found = given_at_amazon([shown(leaves)], the_order(order_name))
    return [(one.component.value, str(one.amount)) for one in found]


@pytest.mark.parametrize(
    ("order_name", "left"),
    [
        ("facilitator", [("Principal", "40.00"), ("Tax", "3.30")]),
        ("own_tax", [("Principal", "40.00"), ("Tax", "3.30")]),
        ("three", [("Principal", "43.30")]),
    ],
)
def test_tax_is_in_the_terms_of_the_balances(order_name: str, left: list[tuple[str, str]]) -> None:
    leaves = {**US, **FEES, **(WITHHELD if order_name == "facilitator" else {})}
    assert given(leaves, order_name) == left


def test_what_is_left_of_amazons_tax_is_less_by_what_it_gave_back() -> None:
    transactions = [shown({**US, **WITHHELD})]
    left = Balances(BY_AMAZON, given_at_amazon(transactions, BY_AMAZON), RefundRules()).left["A"]
    assert (left[ComponentType.PRINCIPAL], left[ComponentType.TAX]) == (Decimal(0), Decimal(0))
    assert left[ComponentType.SHIPPING_TAX] == Decimal("0.41")


def test_our_own_message_takes_the_tax_that_amazon_gives_back_off_the_balance() -> None:
    entry = next(one for one in MEMOS if one["name"].startswith("one of two units, of which"))
    message = plan_refund(the_memo(entry, BY_AMAZON), BY_AMAZON, [], RefundRules())
    assert isinstance(message, RefundMessage)
    assert given_by(message.body()) == [
        Given(A, ComponentType.PRINCIPAL, Decimal("20.00"), Decimal(1)),
        Given(A, ComponentType.TAX, Decimal("1.65")),
    ]


@pytest.mark.parametrize(("gone", "is_held"), [("1.65", False), ("1.66", False), ("1.67", True)])
def test_a_memo_gives_back_no_more_tax_than_amazon_has_left(gone: str, is_held: bool) -> None:
    entry = next(one for one in MEMOS if one["name"].startswith("one of two units, of which"))
    before = [Given(A, ComponentType.TAX, Decimal(gone))]
    outcome = plan_refund(the_memo(entry, BY_AMAZON), BY_AMAZON, before, RefundRules())
    if is_held:
        assert isinstance(outcome, NotSendable)
        assert outcome.code is RefundHold.TAX_UNCLEAR
        assert outcome.facts["left"] == "1.63"
    else:
        assert isinstance(outcome, RefundMessage)
        assert outcome.by_amazon == Decimal("3.30") - Decimal(gone)
        assert outcome.total + outcome.by_amazon + outcome.rounding == Decimal("21.65")


def test_amounts_of_the_whole_transaction_count_where_no_item_has_any() -> None:
    amounts = (Leaf("ProductCharges", "OurPricePrincipal", Decimal("-9.00")),)
    whole = replace(shown({}), items=(), leaves=amounts)
    assert given_at_amazon([whole], the_order("pair")) == [
        Given(frozenset({"A", "B"}), ComponentType.PRINCIPAL, Decimal("9.00"))
    ]


def test_words_are_compared_without_case_and_blanks() -> None:
    assert given({"our price principal": "-9.00"}, "three") == [("Principal", "9.00")]


@pytest.mark.parametrize("word", ["ProductCharges", "Principle", "ReturnShipping", "OurPriceFoo"])
def test_an_unknown_word_is_unread_and_holds_the_memo(word: str) -> None:
    words = unread_words([shown({"OurPricePrincipal": "-1.00", word: "-2.00", **FEES})])
    assert words == {word}
    order = replace(INSIDE, unread_refunds=words)
    held = plan_refund(the_memo(MEMOS[0], order), order, [], RefundRules())
    assert isinstance(held, NotSendable)
    assert (held.code, held.is_final) == (RefundHold.REFUND_UNCLEAR, False)
    assert word in held.sentence


def test_fees_and_amazons_tax_are_not_unread() -> None:
    assert unread_words([shown({**US, **WITHHELD, **FEES})]) == frozenset()
