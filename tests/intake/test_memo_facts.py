"""The facts of a credit memo: the word in its comments, and what is left of its shipping."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipeline.intake.memo_facts import (
    CommentWord,
    MemoFacts,
    MemoLine,
    MemoWord,
    comment_word,
    stored_facts,
)
from pipeline.intake.own_memos import OwnMemos, own_memos
from pipeline.intake.tables import Refund
from pipeline.orders.tables import Effect
from tests.builders import NOW

REFUND, NO_REFUND, NONE = MemoWord.REFUND, MemoWord.NO_REFUND, MemoWord.NONE


@pytest.mark.parametrize(
    ("comments", "said"),
    [
        ([], CommentWord(NONE)),
        (["Refund at Amazon, please"], CommentWord(NONE)),
        (["amazon-refund"], CommentWord(REFUND)),
        (["Parcel is back. AMAZON-REFUND: customerreturn!"], CommentWord(REFUND, "CustomerReturn")),
        (["amazon-refund :ProductOutOfStock"], CommentWord(REFUND, "ProductOutofStock")),
        (["amazon-refund: Berta"], CommentWord(REFUND)),
        (
            ["amazon-refund: Exchange", "amazon-refund: PriceError", "amazon-refund"],
            CommentWord(REFUND, "PriceError"),
        ),
        (["amazon-refund: Exchange", "no-amazon-refund"], CommentWord(NO_REFUND)),
        (["No-Amazon-Refund", "amazon-refund"], CommentWord(NO_REFUND)),
        (["see amazon-refund-list"], CommentWord(NONE)),
        (["our-amazon-refund"], CommentWord(NONE)),
    ],
)
def test_the_word_in_the_comments(comments: list[str], said: CommentWord) -> None:
    assert comment_word(comments) == said


def test_the_discount_and_compensation_that_no_line_has_are_the_shippings() -> None:
    line = MemoLine(
        "I1",
        "MUG",
        Decimal(1),
        total=Decimal("9.20"),
        row=Decimal("10.00"),
        discount=Decimal("1.00"),
    )
    memo = MemoFacts(
        memo_id=1,
        created_at=NOW,
        currency="EUR",
        grand_total=Decimal("12.80"),
        lines=(line,),
        shipping=Decimal("5.00"),
        subtotal=Decimal("10.00"),
        discount=Decimal("2.50"),
        tax_compensation=Decimal("0.30"),
    )
    # 5.00, less 1.50 of the discount, and 0.10 of the compensation.
    assert memo.shipping_total == Decimal("3.60")
    assert line.total + memo.shipping_total == memo.grand_total


def an_effect(kind: str, state: str, remote_id: str | None = None) -> Effect:
    return Effect(kind=kind, state=state, remote_id=remote_id)


@pytest.mark.parametrize(
    ("effects", "own"),
    [
        ([], OwnMemos()),
        ([an_effect("credit memo", "done", "12")], OwnMemos(frozenset({12}))),
        ([an_effect("credit memo", "intended")], OwnMemos(is_in_doubt=True)),
        ([an_effect("credit memo", "unknown")], OwnMemos(is_in_doubt=True)),
        ([an_effect("credit memo", "refused")], OwnMemos()),
        ([an_effect("cancellation", "done", "closed")], OwnMemos(has_cancelled=True)),
        ([an_effect("invoice", "unknown", "12")], OwnMemos()),
    ],
)
def test_the_products_own_memos(effects: list[Effect], own: OwnMemos) -> None:
    assert own_memos(effects) == own


def test_stored_facts_are_read_by_name_whatever_release_stored_them() -> None:
    refund = Refund(
        magento_creditmemo_id=7,
        refunded_at=NOW,
        currency="EUR",
        grand_total=Decimal("12.80"),
        facts={
            "subtotal": "10",
            "lines": [{"item_id": "I1", "row": "10", "a field of tomorrow": 1}],
            "word": "a word of tomorrow",
            "a field of tomorrow": "5",
        },
    )
    facts = stored_facts(refund)
    assert facts is not None
    assert (facts.subtotal, facts.shipping, facts.word) == (Decimal(10), Decimal(0), MemoWord.NONE)
    assert (facts.base_currency, facts.state, facts.reason) == ("", 0, "")
    assert [(line.item_id, line.row, line.tax) for line in facts.lines] == [
        ("I1", Decimal(10), Decimal(0))
    ]
