"""From Amazon's proceeds to amounts that add up to the cent, or to a hold that says what does not.

Amazon documents neither whether tax is inside the prices, nor the sign of discounts, nor whether
tax that it collects itself is part of the order's total. So nothing is assumed: every reading is
tried, and only one that is left alone counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pipeline.amazon.items import Item, items
from pipeline.amazon.proceeds import ITEM_TYPES, ItemProceeds, read_item, unclear
from pipeline.amazon.reading import blocks, money, text
from pipeline.amazon.readings import Line, closest, line_under, readings, settled
from pipeline.channel import Adjustment, Amounts, LineAmounts, Raw
from pipeline.errors import CannotMap
from pipeline.marketplaces import country_of
from pipeline.money import ZERO, minor_unit
from pipeline.outcome import HoldCode

# Amazon's trade there quotes prices without sales tax.
_PRICES_NEVER_CONTAIN_TAX = frozenset({"US", "CA"})
_NOT_EXTRA = frozenset({"ITEM", "TAX", "DISCOUNT"})
Breakdowns = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """The whole order under one reading, before rounding."""

    lines: Mapping[str, LineAmounts]
    adjustments: tuple[Adjustment, ...]
    words: frozenset[str]

    @property
    def total(self) -> Decimal:
        lines = sum((line.total for line in self.lines.values()), ZERO)
        return lines + sum((one.amount for one in self.adjustments), ZERO)


def amounts(raw: Raw) -> Amounts:
    """Every amount of an order, reconciled with Amazon's totals of each item and of the order.

    Sums may be off by one minor unit for each amount in them; what is left over becomes an
    adjustment named "Rounding". Raises CannotMap: TOTALS_UNCLEAR when no reading, or more than
    one, adds up; CURRENCY when there are several currencies; UNREADABLE_ORDER without usable items.
    """
    found = items(raw)
    currency = _currency(raw, found)
    breakdowns = _breakdowns(raw, found)
    extras = _extras(raw, breakdowns)
    proceeds = [read_item(item, currency, breakdowns[item.item_id]) for item in found]
    grand_total = _grand_total(raw, proceeds, extras)
    country = country_of(text(raw, "salesChannel", "marketplaceId"))
    candidates = [
        candidate
        for lines in _lines(proceeds, country in _PRICES_NEVER_CONTAIN_TAX)
        for candidate in _candidates(lines, extras)
    ]
    components = sum(one.components for one in proceeds) + len(extras)
    fitting = closest(
        candidates, lambda one: one.total - grand_total, minor_unit(currency) * components
    )
    distinct = {(tuple(one.lines.items()), one.adjustments): one for one in fitting}
    if len(distinct) != 1:
        raise unclear(
            "the order's total can be read in more than one way"
            if distinct
            else "the items do not add up to the order's total",
            grand_total=grand_total,
            sums=", ".join(sorted({str(one.total) for one in candidates})),
        )
    (only,) = distinct.values()
    residue = grand_total - only.total
    rounding = (Adjustment("Rounding", residue),) if residue else ()
    return Amounts(
        currency=currency,
        grand_total=grand_total,
        lines=only.lines,
        adjustments=only.adjustments + rounding,
        mode=", ".join(sorted(only.words)),
    )


def _currency(raw: Raw, found: Sequence[Item]) -> str:
    told = [money(raw, "proceeds", "grandTotal")]
    told += [money(one, "subtotal") for one in blocks(raw, "proceeds", "breakdowns")]
    for item in found:
        told += [
            money(item.raw, "proceeds", "proceedsTotal"),
            money(item.raw, "product", "price", "unitPrice"),
            *(money(one, "subtotal") for one in blocks(item.raw, "proceeds", "breakdowns")),
        ]
    currencies = sorted({one.currency for one in told if one is not None and one.currency})
    if not currencies:
        raise unclear("Amazon sent no usable amounts for this order")
    if len(currencies) > 1:
        raise CannotMap(HoldCode.CURRENCY, f"the order has amounts in {' and '.join(currencies)}")
    return currencies[0]


def _breakdowns(raw: Raw, found: Sequence[Item]) -> dict[str, Breakdowns]:
    """Each item's breakdowns; those of the order are an only item's own."""
    result = {one.item_id: blocks(one.raw, "proceeds", "breakdowns") for one in found}
    if len(found) == 1 and not result[found[0].item_id]:
        result[found[0].item_id] = [
            one for one in blocks(raw, "proceeds", "breakdowns") if text(one, "type") in ITEM_TYPES
        ]
    return dict(result)


def _extras(raw: Raw, breakdowns: Mapping[str, Breakdowns]) -> tuple[Adjustment, ...]:
    """What only the order has, such as a delivery tip. The rest of its list are sums over items."""
    of_items = {text(one, "type") for each in breakdowns.values() for one in each} | _NOT_EXTRA
    found: dict[str, Decimal] = {}
    for one in blocks(raw, "proceeds", "breakdowns"):
        kind, subtotal = text(one, "type"), money(one, "subtotal")
        if kind not in of_items and subtotal is not None and subtotal.amount:
            label = kind.replace("_", " ").capitalize()[:60] or "Other"
            found[label] = found.get(label, ZERO) + subtotal.amount
    return tuple(Adjustment(label, amount) for label, amount in found.items())


def _grand_total(
    raw: Raw, proceeds: Sequence[ItemProceeds], extras: tuple[Adjustment, ...]
) -> Decimal:
    """Amazon's total of the order, or else the sum of its totals of the items."""
    told = money(raw, "proceeds", "grandTotal")
    if told is not None:
        return told.amount
    totals = [one.proceeds_total for one in proceeds if one.proceeds_total is not None]
    if len(totals) < len(proceeds):
        raise unclear("Amazon sent neither a total of the order nor one of each item")
    return sum(totals, ZERO) + sum((one.amount for one in extras), ZERO)


def _lines(
    proceeds: Sequence[ItemProceeds], prices_never_contain_tax: bool
) -> Iterator[dict[str, Line]]:
    """The lines in each way that comes into question.

    An item with a total of its own is settled by it. Items without one are read in the same way,
    and leave the choice to the total of the order.
    """
    certain = {
        one.item_id: settled(one, one.proceeds_total, prices_never_contain_tax)
        for one in proceeds
        if one.proceeds_total is not None
    }
    open_items = [one for one in proceeds if one.proceeds_total is None]
    ways = zip(*(readings(one, prices_never_contain_tax) for one in open_items), strict=True)
    for way in ways if open_items else [()]:
        read = [line_under(one, how) for one, how in zip(open_items, way, strict=True)]
        lines = {one.item_id: line for one, line in zip(open_items, read, strict=True) if line}
        if len(lines) == len(open_items):
            both = certain | lines
            yield {one.item_id: both[one.item_id] for one in proceeds}


def _candidates(lines: Mapping[str, Line], extras: tuple[Adjustment, ...]) -> Iterator[_Candidate]:
    """The order with the tax that Amazon collects inside its total, and with that tax outside."""
    words = frozenset().union(*(line.words for line in lines.values()))
    line_amounts = {item_id: line.amounts for item_id, line in lines.items()}
    yield _Candidate(line_amounts, extras, words)
    collected = sum(
        (
            one.tax + one.shipping_tax + one.gift_wrap_tax + one.other_tax
            for one in line_amounts.values()
            if one.tax_is_collected_by_marketplace
        ),
        ZERO,
    )
    if collected:
        outside = Adjustment("Tax collected by Amazon", ZERO - collected)
        yield _Candidate(
            line_amounts, (*extras, outside), words | {"collected tax outside the total"}
        )
