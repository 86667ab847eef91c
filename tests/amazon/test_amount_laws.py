"""What holds for the amounts of every order, however Amazon tells them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.amazon.amounts import amounts
from pipeline.amazon.parsing import parse
from pipeline.base.errors import CannotMap
from pipeline.base.money import minor_unit
from pipeline.magento.order.charges import charges
from pipeline.orders.amounts import Amounts, LineAmounts
from pipeline.orders.outcome import HoldCode
from tests.amazon.orders import GERMANY, JAPAN, an_item, an_order, breakdown, patient

CURRENCIES = {"EUR": GERMANY, "JPY": JAPAN}
PARTS = ("ITEM", "SHIPPING", "GIFT_WRAP", "COD_FEE")


@dataclass(frozen=True)
class Told:
    """An order as Amazon tells it, and what the buyer pays for each of its items."""

    raw: dict[str, Any]
    paid: dict[str, Decimal]
    grand_total: Decimal
    minor: Decimal


@st.composite
def orders(draw: st.DrawFn) -> Told:
    """Orders of one to four items in one of the four modes, whose totals agree exactly."""
    currency = draw(st.sampled_from(sorted(CURRENCIES)))
    minor = minor_unit(currency)
    tax_included, discount_negative = draw(st.booleans()), draw(st.booleans())

    def amount(most: int) -> Decimal:
        return draw(st.integers(0, most)) * minor

    items, paid = [], {}
    for number in range(1, 1 + draw(st.integers(1, 4))):
        item_id = f"{number:014}"
        prices = {part: amount(50_000) for part in PARTS}
        discounts = {part: amount(int(prices[part] / minor)) for part in PARTS}
        rate = draw(st.sampled_from(["0", "0.07", "0.19", "0.25"]))
        after = {part: prices[part] - discounts[part] for part in PARTS}
        share = Decimal(rate) / (1 + Decimal(rate)) if tax_included else Decimal(rate)
        taxes = {part: (after[part] * share).quantize(minor) for part in PARTS}
        sign = -1 if discount_negative else 1
        breakdowns = [breakdown(part, str(prices[part]), currency=currency) for part in PARTS]
        breakdowns += [
            breakdown(
                kind,
                str(sum(parts.values(), Decimal(0))),
                {part: str(value) for part, value in parts.items()},
                currency,
            )
            for kind, parts in (
                ("TAX", taxes),
                ("DISCOUNT", {part: sign * discounts[part] for part in PARTS}),
            )
        ]
        total = sum(after.values()) + (0 if tax_included else sum(taxes.values()))
        paid[item_id] = Decimal(total)
        has_total = draw(st.integers(0, 9)) > 0
        items.append(
            an_item(
                *breakdowns,
                total=str(total) if has_total else None,
                item_id=item_id,
                currency=currency,
            )
        )
    tip = amount(1_000)
    grand_total = sum(paid.values()) + tip
    raw = an_order(
        *items,
        grand_total=str(grand_total),
        breakdowns=[breakdown("DELIVERY_TIP", str(tip), currency=currency)],
        currency=currency,
        marketplace=CURRENCIES[currency],
    )
    return Told(raw, paid, Decimal(grand_total), minor)


def total_of(read: Amounts) -> Decimal:
    lines = sum((line.total for line in read.lines.values()), Decimal(0))
    return lines + sum((adjustment.amount for adjustment in read.adjustments), Decimal(0))


def read_or_assume(read: Told) -> Amounts:
    """The amounts, unless the order happens to add up in two ways."""
    try:
        return amounts(read.raw)
    except CannotMap as held:
        assume("more than one way" not in held.reason)
        raise


@patient
@given(orders())
def test_lines_and_adjustments_sum_to_the_grand_total(told: Told) -> None:
    read = read_or_assume(told)
    assert total_of(read) == read.grand_total == told.grand_total


@patient
@given(orders())
def test_each_line_is_what_the_buyer_pays_for_it(told: Told) -> None:
    read = read_or_assume(told)
    assert {item_id: line.total for item_id, line in read.lines.items()} == told.paid


@patient
@given(orders())
def test_no_amount_of_a_line_is_negative_or_finer_than_a_coin(read: Told) -> None:
    for line in read_or_assume(read).lines.values():
        for field in fields(LineAmounts):
            value = getattr(line, field.name)
            assert value >= 0
            assert value % read.minor == 0 or isinstance(value, bool)


@patient
@given(orders(), st.integers(-3, 3))
def test_a_grand_total_off_by_less_than_its_parts_is_rounded(told: Told, off: int) -> None:
    read = read_or_assume(told)
    assume(all("proceedsTotal" in item["proceeds"] for item in told.raw["orderItems"]))
    moved = told.grand_total + off * told.minor
    told.raw["proceeds"]["grandTotal"]["amount"] = str(moved)
    again = amounts(told.raw)
    assert again.lines == read.lines
    assert total_of(again) == again.grand_total == moved
    rounding = [
        adjustment.amount for adjustment in again.adjustments if adjustment.label == "Rounding"
    ]
    assert rounding == ([off * told.minor] if off else [])


@patient
@given(orders(), st.sampled_from([-1, 1]))
def test_a_grand_total_that_is_far_off_is_held(read: Told, sign: int) -> None:
    read.raw["proceeds"]["grandTotal"]["amount"] = str(read.grand_total + sign * 200_000)
    code = ""
    try:
        amounts(read.raw)
    except CannotMap as held:
        code = held.code
    assert code == HoldCode.TOTALS_UNCLEAR


@patient
@given(orders())
def test_without_taxes_the_totals_stay_and_no_tax_is_left(told: Told) -> None:
    read = read_or_assume(told)
    untaxed = read.untaxed()
    assert total_of(untaxed) == untaxed.grand_total == told.grand_total
    assert {item_id: line.total for item_id, line in untaxed.lines.items()} == told.paid
    assert [line.all_tax for line in untaxed.lines.values()] == [0] * len(told.paid)


@patient
@given(orders())
def test_trusting_the_total_changes_nothing_that_adds_up(read: Told) -> None:
    assert amounts(read.raw, trust_total=True) == read_or_assume(read)


@patient
@given(orders(), st.integers(-200_000, 200_000), st.data())
def test_a_trusted_total_is_met_whatever_the_lines_say(
    told: Told, off: int, data: st.DataObject
) -> None:
    """Lines, adjustments and total agree, and never is more taken off than there is to take."""
    moved = told.grand_total + off * told.minor
    assume(moved >= 0)
    told.raw["proceeds"]["grandTotal"]["amount"] = str(moved)
    for item in told.raw["orderItems"]:
        if data.draw(st.booleans()):
            broken = data.draw(st.sampled_from(item["proceeds"]["breakdowns"]))
            broken["subtotal"]["amount"] = str(data.draw(st.integers(-9, 60_000)) * told.minor)
    read = amounts(told.raw, trust_total=True)
    assert total_of(read) == read.grand_total == moved
    net = sum((line.total - line.all_tax for line in read.lines.values()), Decimal(0))
    assert net + sum((adjustment.amount for adjustment in read.adjustments), Decimal(0)) >= 0
    for line in read.lines.values():
        for field in fields(LineAmounts):
            assert getattr(line, field.name) >= 0
    # Magento can be told so, to the cent.
    assert charges(parse(told.raw).lines, read, {}).totals()["grand_total"] == moved
