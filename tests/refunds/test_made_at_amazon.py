"""Which part of which refund at Amazon the shop's credit memos lack."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from pipeline.magento.records import MemoTotal
from pipeline.refunds.made_at_amazon import RefundCode, Sides, standing
from pipeline.refunds.matching import AtAmazon
from tests.builders import NOW

DAYS_OLD = 10


def a_refund(reference: str, total: str, days: int = 3, currency: str = "EUR") -> AtAmazon:
    return AtAmazon(reference, Decimal(total), currency, NOW - timedelta(days=days), ())


def a_memo(entity_id: int, total: str, days: int = DAYS_OLD, currency: str = "EUR") -> MemoTotal:
    return MemoTotal(entity_id, 900, NOW - timedelta(days=days), currency, Decimal(total))


def sides(refunds: list[AtAmazon], memos: list[MemoTotal], **more: Any) -> Sides:
    return Sides("EUR", refunds, memos, **more)


def shares(*arguments: Any, **more: Any) -> dict[str, str]:
    found = sides(*arguments, **more).shares(NOW)
    return {share.refund.reference: str(share.amount) for share in found}


OLD, NEW = a_refund("old", "30.00", 6), a_refund("new", "20.00", 4)


@pytest.mark.parametrize(
    ("memos", "lacking"),
    [
        ([], {"new": "20.00", "old": "30.00"}),
        ([a_memo(1, "20.00")], {"old": "30.00"}),
        ([a_memo(1, "30.00")], {"new": "20.00"}),
        ([a_memo(1, "50.00")], {}),
        ([a_memo(1, "35.00")], {"new": "15.00"}),
        ([a_memo(1, "25.00")], {"new": "20.00", "old": "5.00"}),
        ([a_memo(1, "49.99")], {}),
        ([a_memo(1, "49.98")], {"new": "0.02"}),
    ],
)
def test_the_shares_are_what_the_memos_lack(memos: list[MemoTotal], lacking: Any) -> None:
    assert shares([OLD, NEW], memos) == lacking
    assert sum(map(Decimal, lacking.values())) <= max(
        Decimal(50) - sum(memo.total for memo in memos), Decimal(0)
    )


def test_a_noted_refund_leaves_its_amount_to_the_person() -> None:
    assert shares([OLD, NEW], [], answered={"old"}) == {"new": "20.00"}


def test_the_rest_of_a_capped_memo_is_not_booked_with_the_next_refund() -> None:
    own = a_memo(7, "12.00")
    assert shares([OLD, NEW], [own], own={7}, answered={"old"}) == {"new": "20.00"}


def test_a_young_refund_neither_counts_nor_is_booked() -> None:
    young = a_refund("young", "5.00", 1)
    assert shares([OLD, young], [a_memo(1, "29.99")]) == {}
    assert sides([young], []).next_look(NOW) == NOW + timedelta(days=1)


def test_a_refund_of_ours_without_its_memo_is_no_refund_made_at_amazon() -> None:
    assert shares([OLD], [], sent=Decimal(30)) == {}


def test_amounts_of_two_currencies_are_not_compared() -> None:
    assert shares([OLD], [a_memo(1, "30.00", currency="SEK")]) == {"old": "30.00"}
    foreign = sides([a_refund("r", "30.00", currency="SEK")], [a_memo(1, "90.00")])
    assert foreign.ahead(NOW) == 0


def test_the_shop_is_ahead_by_old_memos_that_amazon_should_show() -> None:
    assert sides([NEW], [a_memo(1, "30.00")]).ahead(NOW) == Decimal("10.00")
    assert sides([NEW], [a_memo(1, "30.00", 3)]).ahead(NOW) == 0
    assert sides([NEW], [a_memo(1, "30.00")], kept=Decimal(10)).ahead(NOW) == 0


@pytest.mark.parametrize(
    ("memos", "code", "left"),
    [
        ([], RefundCode.ABOVE_PAID, "20.00"),
        ([a_memo(1, "25.00")], RefundCode.SHOP_AHEAD, "-5.00"),
    ],
)
def test_what_is_left_keeps_its_reason(memos: list[MemoTotal], code: RefundCode, left: str) -> None:
    found = standing(sides([NEW], memos), NOW, RefundCode.ABOVE_PAID)
    assert found is not None
    assert (found.code, found.difference) == (code, Decimal(left))
    assert left.lstrip("-") in found.sentence
