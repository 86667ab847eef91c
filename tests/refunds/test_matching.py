"""Which refund at Amazon is a memo's own: in both terms of the tax, and beside other memos."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from pipeline.amazon.transactions import Leaf, Transaction, TransactionItem
from pipeline.refunds.matching import (
    AtAmazon,
    Match,
    Rival,
    Sought,
    match,
    refunds_at_amazon,
    rivals,
    unclaimed,
    with_more,
)
from pipeline.refunds.states import RefundState
from pipeline.refunds.tables import AmazonRefund
from tests.builders import NOW

GROUPS = {"Commission": "AmazonFees", "OurPriceTax": "Tax", "ShippingTax": "Tax"}


def shown(
    leaves: dict[str, str], reference: str = "R1", currency: str = "USD", days: int = 0
) -> Transaction:
    """A refund in the words of Finances."""
    amounts = tuple(
        Leaf(GROUPS.get(kind, kind), kind, Decimal(amount)) for kind, amount in leaves.items()
    )
    total = sum((leaf.amount for leaf in amounts), Decimal(0))
    return Transaction(
        transaction_id=f"T-{reference}",
        kind="Refund",
        status="RELEASED",
        posted_at=NOW + timedelta(days=days),
        currency=currency,
        total=total,
        marketplace_id="",
        identifiers={"REFUND_ID": reference},
        items=(TransactionItem("MUG", 1, total, amounts),),
        leaves=(),
    )


def at_amazon(total: str, reference: str = "R1", by_amazon: str = "0", **more: bool) -> AtAmazon:
    return AtAmazon(reference, Decimal(total), "EUR", NOW, (), by_amazon=Decimal(by_amazon), **more)


def money(sent: str, by_amazon: str = "0", currency: str = "EUR") -> Sought:
    return Sought(Decimal(sent), Decimal(sent) + Decimal(by_amazon), currency)


def rival(*sums: str, memo_id: int = 902, currency: str = "EUR") -> Rival:
    return Rival(memo_id, frozenset(map(Decimal, sums)), currency)


def own(found: Match) -> list[str]:
    return [one.reference for one in found.own]


def doubtful(found: Match) -> list[str]:
    return [one.reference for one in found.doubtful]


US = {"OurPricePrincipal": "-40.00", "OurPriceTax": "-3.30"}
WITHHELD = {"MarketplaceFacilitatorTax-Principal": "3.30"}
FEES = {"Commission": "6.00"}


@pytest.mark.parametrize(
    ("leaves", "sent", "by_amazon", "currency"),
    [
        pytest.param({**US, **WITHHELD, **FEES}, "40.00", "3.30", "USD", id="US, by Amazon"),
        pytest.param({**US, **WITHHELD}, "40.00", "0", "USD", id="US, outside the total"),
        pytest.param({**US, **WITHHELD}, "40.01", "3.29", "USD", id="US, the shop rounds"),
        pytest.param({**US, **FEES}, "43.30", "0", "USD", id="US, the seller's own tax"),
        pytest.param(
            {
                "OurPricePrincipal": "-81.00",
                "OurPriceTax": "-19.00",
                "MarketplaceFacilitatorVAT-Principal": "19.00",
            },
            "81.00",
            "19.00",
            "GBP",
            id="GB, VAT by Amazon",
        ),
        pytest.param(
            {"OurPricePrincipal": "-84.03", "OurPriceTax": "-15.97"},
            "100.00",
            "0",
            "EUR",
            id="EU, VAT inside",
        ),
        pytest.param(
            {"OurPricePrincipal": "-999", "OurPriceTax": "-100"}, "1099", "0", "JPY", id="JP"
        ),
        pytest.param(
            {
                "OurPricePrincipal": "-91.00",
                "OurPriceTax": "-9.00",
                "LowValueGoodsTax-Principal": "9.00",
            },
            "100.00",
            "0",
            "AUD",
            id="AU, low value goods",
        ),
    ],
)
def test_a_refund_is_recognised_whoever_collects_the_tax(
    leaves: dict[str, str], sent: str, by_amazon: str, currency: str
) -> None:
    unrelated = shown({"OurPricePrincipal": "-7"}, "R2", currency, days=1)
    refunds = refunds_at_amazon([shown(leaves, currency=currency), unrelated])
    assert own(match(refunds, money(sent, by_amazon, currency), [], None)) == ["R1"]
    other = money(str(Decimal(sent) + 1), by_amazon, currency)
    assert match(refunds, other, [], None) == Match()


def test_tax_that_amazon_may_have_taken_out_of_the_amount_is_a_doubt() -> None:
    found = match([at_amazon("81.00", by_amazon="15.39")], money("81.00", "19.00"), [], None)
    assert (own(found), doubtful(found), found.is_news) == ([], ["R1"], True)


def test_several_refunds_may_give_the_money_together() -> None:
    parts = [at_amazon("22.00", "R1", "2.00"), at_amazon("21.30", "R2", "1.30")]
    assert own(match(parts, money("40.00", "3.30"), [], None)) == ["R1", "R2"]
    assert match(parts, money("40.00", "3.30", "USD"), [], None) == Match()


@pytest.mark.parametrize("amount", ["4.00", "6.00", "10.00"])
def test_what_several_gave_together_may_be_a_rivals(amount: str) -> None:
    parts = [at_amazon("4.00", "R1"), at_amazon("6.00", "R2")]
    found = match(parts, money("10.00"), [rival(amount)], None)
    assert (own(found), doubtful(found), found.rivals) == ([], ["R1", "R2"], (902,))
    assert own(match(parts, money("10.00"), [rival("5.00")], None)) == ["R1", "R2"]


def test_more_refunds_than_rivals_leave_one() -> None:
    two = [at_amazon("5.00", "R1"), at_amazon("5.00", "R2")]
    assert own(match(two, money("5.00"), [rival("5.00")], None)) == ["R1"]
    assert doubtful(match(two[:1], money("5.00"), [rival("5.00")], None)) == ["R1"]
    both = [rival("5.00"), rival("5.00", memo_id=903)]
    assert match(two, money("5.00"), both, None).rivals == (902, 903)


def test_a_rival_has_the_same_currency() -> None:
    found = match([at_amazon("5.00")], money("5.00"), [rival("5.00", currency="USD")], None)
    assert own(found) == ["R1"]


def test_what_a_person_was_asked_about_is_never_taken_again() -> None:
    found = match([at_amazon("5.00")], money("5.00"), [], "R0, R1")
    assert (own(found), doubtful(found), found.is_news) == ([], ["R1"], False)
    two = [at_amazon("5.00", "R1"), at_amazon("5.00", "R2")]
    assert own(match(two, money("5.00"), [], "R1")) == ["R2"]
    parts = [at_amazon("4.00", "R1"), at_amazon("6.00", "R2")]
    assert doubtful(match(parts, money("10.00"), [], "R2")) == ["R1", "R2"]


def test_an_amount_of_an_unknown_word_is_a_doubt() -> None:
    refunds = refunds_at_amazon([shown({"OurPricePrincipal": "-5.00", "Novel": "-2.00"})])
    found = match(refunds, money("5.00", currency="USD"), [], None)
    assert (own(found), doubtful(found)) == ([], ["R1"])


def test_a_refund_in_unknown_words_alone_is_kept_and_one_of_fees_is_not() -> None:
    found = refunds_at_amazon([shown({"Novel": "-5.00"}), shown(FEES, "R2")])
    assert [(one.reference, one.total, one.is_unread) for one in found] == [
        ("R1", Decimal(0), True)
    ]


def a_row(row_id: int, state: str, total: str | None = "5.00", **changes: object) -> AmazonRefund:
    values = {"id": row_id, "memo_id": 900 + row_id, "currency": "EUR", "state": state}
    amount = None if total is None else Decimal(total)
    body = None if total is None else {"by_amazon": "0.50", "items": []}
    return AmazonRefund(**{**values, "total": amount, "body": body, **changes})


@pytest.mark.parametrize("state", [one for one in RefundState if one != RefundState.ACCEPTED])
def test_each_memo_without_a_known_refund_is_a_rival(state: str) -> None:
    totals = {1: Decimal("6.00"), 2: Decimal("7.00"), 3: Decimal("8.00")}
    rows = [
        a_row(1, state),
        a_row(2, state, None),
        a_row(3, state, transaction_id="R9"),
        a_row(4, RefundState.ACCEPTED),
    ]
    assert rivals(rows, totals) == [
        rival("5.00", "5.50", "6.00", memo_id=901),
        rival("7.00", memo_id=902),
    ]


def test_an_accepted_message_has_its_refund_with_the_tax() -> None:
    later = AtAmazon("R1", Decimal("5.60"), "EUR", NOW, (), by_amazon=Decimal("0.60"))
    row = a_row(1, RefundState.ACCEPTED, sent_at=NOW)
    assert unclaimed([later, at_amazon("9.00", "R2")], [row]) == [at_amazon("9.00", "R2")]
    row.sent_at = NOW + timedelta(hours=2)
    assert unclaimed([later], [row]) == [later]


def test_numbers_are_kept_once() -> None:
    assert with_more(None, "") is None
    assert with_more("R1, R2", "R2, R3") == "R1, R2, R3"
