"""The readings of one item's proceeds, and which of them fit Amazon's total of the item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import product
from typing import Any, NamedTuple, TypeVar

from pipeline.amazon.items import Item
from pipeline.amazon.json_fields import money
from pipeline.amazon.proceeds import (
    GIFT_WRAP,
    GOODS,
    OTHER,
    SHIPPING,
    SLOTS,
    ItemProceeds,
    read_item,
    unclear,
)
from pipeline.base.errors import CannotMap
from pipeline.base.money import ZERO, minor_unit, quantize
from pipeline.orders.amounts import TAX_ON_TOP, LineAmounts

ON_TOP, INCLUDED, WITHHELD = TAX_ON_TOP, "tax included", "tax withheld by Amazon"
AS_GIVEN, NEGATED = "discount as given", "discount negated"

T = TypeVar("T")


class Reading(NamedTuple):
    """How to read an item's tax and the sign of its discount."""

    tax: str
    discount: str


class Line(NamedTuple):
    """A line's amounts, and the words that describe their reading."""

    amounts: LineAmounts
    words: frozenset[str]


def readings(item: ItemProceeds, prices_never_contain_tax: bool) -> list[Reading]:
    """The four possible readings, always in the same order.

    Where prices never contain tax, a total without the facilitator tax does not mean that the
    prices contain it: Amazon keeps this tax out of the seller's proceeds.
    """
    without = WITHHELD if item.is_facilitated and prices_never_contain_tax else INCLUDED
    return [Reading(*both) for both in product((ON_TOP, without), (AS_GIVEN, NEGATED))]


def sum_under(item: ItemProceeds, reading: Reading) -> Decimal:
    """The item's total under this reading."""
    total = sum(item.prices.values(), ZERO)
    total += item.discount if reading.discount == AS_GIVEN else ZERO - item.discount
    return total + item.tax if reading.tax == ON_TOP else total


def line_under(item: ItemProceeds, reading: Reading) -> Line | None:
    """The line under a reading; None when an amount is negative (a discount would add money)."""
    net, off, tax = {}, {}, {}
    for slot in SLOTS:
        given = item.discounts[slot]
        off[slot] = ZERO - given if reading.discount == AS_GIVEN else given
        net[slot], tax[slot] = item.prices[slot], item.taxes[slot]
        if reading.tax == INCLUDED:
            inside, tax[slot] = _tax_inside(item, slot, off[slot])
            net[slot] -= tax[slot] + inside
            off[slot] -= inside
    amounts = LineAmounts(
        row_net=net[GOODS],
        tax=tax[GOODS],
        discount_net=off[GOODS],
        shipping_net=net[SHIPPING],
        shipping_tax=tax[SHIPPING],
        shipping_discount_net=off[SHIPPING],
        gift_wrap_net=net[GIFT_WRAP] - off[GIFT_WRAP],
        gift_wrap_tax=tax[GIFT_WRAP],
        other_net=net[OTHER] - off[OTHER],
        other_tax=tax[OTHER],
        tax_is_collected_by_marketplace=item.is_facilitated,
    )
    every = (*net.values(), *off.values(), *tax.values())
    if min(*every, amounts.gift_wrap_net, amounts.other_net) < 0:
        return None
    words = {reading.tax} if item.tax else set()
    words |= {reading.discount} if item.discount else set()
    return Line(amounts, frozenset(words))


def settled(item: ItemProceeds, proceeds_total: Decimal, prices_never_contain_tax: bool) -> Line:
    """The only line whose sum is the item's total.

    Raises CannotMap(TOTALS_UNCLEAR) with the sums when no line or several lines fit.
    """
    tried = readings(item, prices_never_contain_tax)
    fitting = closest(
        [(reading, line) for reading in tried if (line := line_under(item, reading)) is not None],
        lambda pair: sum_under(item, pair[0]) - proceeds_total,
        minor_unit(item.currency) * item.components,
    )
    distinct = {line.amounts: line for _, line in fitting}
    if len(distinct) != 1:
        raise unclear(
            f"item {item.item_id}: "
            + (
                "its amounts fit its total in more than one way"
                if distinct
                else "its amounts do not add up to its total"
            ),
            line=item.item_id,
            proceeds_total=proceeds_total,
            **{", ".join(reading): sum_under(item, reading) for reading in tried},
        )
    (line,) = distinct.values()
    return line


def likeliest(
    item: Item,
    currency: str,
    breakdowns: Sequence[Mapping[str, Any]],
    prices_never_contain_tax: bool,
) -> Line:
    """The line of an unclear item whose sum is closest to the item's total.

    Where no reading is sensible, the item's total, or else its price, becomes its net price.
    """
    total = money(item.raw, "proceeds", "proceedsTotal")
    try:
        proceeds = read_item(item, currency, breakdowns)
    except CannotMap:
        each = money(item.raw, "product", "price", "unitPrice")
        price = each.amount * item.quantity if each else ZERO
    else:
        price = proceeds.prices[GOODS]
        tried = [
            (abs(sum_under(proceeds, reading) - total.amount) if total else ZERO, line)
            for reading in readings(proceeds, prices_never_contain_tax)
            if (line := line_under(proceeds, reading)) is not None and _is_sensible(line.amounts)
        ]
        if tried:
            return min(tried, key=lambda pair: pair[0])[1]
    net = max(ZERO, quantize(total.amount if total else price, currency))
    return Line(LineAmounts(row_net=net), frozenset({"not readable"}))


def _is_sensible(line: LineAmounts) -> bool:
    """Whether no discount exceeds its price."""
    return line.discount_net <= line.row_net and line.shipping_discount_net <= line.shipping_net


def closest(
    candidates: Iterable[T], difference: Callable[[T], Decimal], tolerance: Decimal
) -> list[T]:
    """The candidates without a difference, or else those within the tolerance."""
    within = [candidate for candidate in candidates if abs(difference(candidate)) <= tolerance]
    return [candidate for candidate in within if difference(candidate) == 0] or within


def _tax_inside(item: ItemProceeds, slot: str, off: Decimal) -> tuple[Decimal, Decimal]:
    """For a price that contains tax: the tax inside its discount, and the remaining tax.

    Where Amazon does not list the tax of the discount, it is computed in proportion.
    """
    tax = item.taxes[slot]
    if item.discount_taxes is not None:
        return item.discount_taxes[slot], tax
    paid = item.prices[slot] - off
    if off > 0 and paid == 0:
        return tax, ZERO
    if off > 0 and paid > 0:
        return quantize(off * tax / paid, item.currency), tax
    return ZERO, tax
