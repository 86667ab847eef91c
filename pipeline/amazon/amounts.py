"""Turns Amazon's proceeds into amounts that add up to the cent, or into a hold with the figures.

Amazon documents neither whether prices contain tax, nor the sign of discounts, nor whether the
order's total contains the facilitator tax. So nothing is assumed: the module tries every reading
and accepts the result only if exactly one reading adds up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from pipeline.amazon.items import Item, items
from pipeline.amazon.json_fields import blocks, money, text
from pipeline.amazon.proceeds import ITEM_TYPES, ItemProceeds, read_item, unclear
from pipeline.amazon.proceeds_readings import (
    Line,
    closest,
    likeliest,
    line_under,
    readings,
    settled,
)
from pipeline.base.errors import CannotMap
from pipeline.base.money import LARGEST_AMOUNT, ZERO, minor_unit
from pipeline.orders.amounts import Adjustment, Amounts, LineAmounts
from pipeline.orders.channel import Raw
from pipeline.orders.outcome import HoldCode
from pipeline.orders.stated_value import NO_TOTAL
from pipeline.settings.marketplaces import country_of, currency_of

# In these countries Amazon quotes prices without sales tax.
_PRICES_NEVER_CONTAIN_TAX = frozenset({"US", "CA"})
_NOT_EXTRA = frozenset({"ITEM", "TAX", "DISCOUNT"})
Breakdowns = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """The whole order under one reading, before rounding."""

    lines: Mapping[str, LineAmounts]
    adjustments: tuple[Adjustment, ...]
    words: Mapping[str, frozenset[str]]
    more_words: frozenset[str] = frozenset()

    @property
    def total(self) -> Decimal:
        lines = sum((line.total for line in self.lines.values()), ZERO)
        return lines + sum((adjustment.amount for adjustment in self.adjustments), ZERO)

    def amounts(self, currency: str, grand_total: Decimal, rest_is: str) -> Amounts:
        """The amounts; the remainder of the grand total becomes an adjustment named `rest_is`."""
        residue = grand_total - self.total
        return Amounts(
            currency=currency,
            grand_total=grand_total,
            lines=self.lines,
            adjustments=(*self.adjustments, *([Adjustment(rest_is, residue)] if residue else [])),
            mode=_joined(self.more_words.union(*self.words.values())),
            readings={item_id: _joined(words) for item_id, words in self.words.items()},
        )


def _joined(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))


def amounts(raw: Raw, *, trust_total: bool = False) -> Amounts:
    """Every amount of an order, reconciled with Amazon's totals of each item and of the order.

    A sum may be off by one minor unit for each of its amounts; the difference becomes an
    adjustment named "Rounding". Raises CannotMap: TOTALS_UNCLEAR when no reading or several
    readings add up; CURRENCY when the amounts have several currencies; UNREADABLE_ORDER when the
    order has no usable items.
    With `trust_total` an unclear order gets its likeliest lines, and the difference to its total
    becomes an adjustment; an order without any total is still held.
    """
    order_items = items(raw)
    if not order_items:
        raise CannotMap(HoldCode.UNREADABLE_ORDER, "no unit is left of any item of the order")
    if _is_free(raw, order_items):
        return _nothing_to_pay(raw, order_items)
    try:
        read = _reconciled(raw, order_items)
    except CannotMap as held:
        if not trust_total:
            raise
        read = _levelled(raw, order_items, held)
    largest = max(abs(line.total) for line in read.lines.values())
    if largest >= LARGEST_AMOUNT or abs(read.grand_total) >= LARGEST_AMOUNT:
        raise unclear("an amount of this order is too large to be right")
    return read


def _is_free(raw: Raw, order_items: Sequence[Item]) -> bool:
    """Whether the order is a replacement that is free, or for which Amazon sends no amounts."""
    if not any(
        text(association, "associationType") == "REPLACEMENT_ORIGINAL_ID"
        for association in blocks(raw, "associatedOrders")
    ):
        return False
    amounts_sent = [money(raw, "proceeds", "grandTotal")]
    amounts_sent += [money(item.raw, "proceeds", "proceedsTotal") for item in order_items]
    for source in (raw, *(item.raw for item in order_items)):
        amounts_sent += [
            money(breakdown, "subtotal") for breakdown in blocks(source, "proceeds", "breakdowns")
        ]
    return not any(sent.amount for sent in amounts_sent if sent is not None)


def _nothing_to_pay(raw: Raw, order_items: Sequence[Item]) -> Amounts:
    currency = _currencies(raw, order_items) or [
        currency_of(text(raw, "salesChannel", "marketplaceId"))
    ]
    if not currency[0]:
        raise unclear("Amazon sent no currency for this replacement", **NO_TOTAL)
    lines = {item.item_id: LineAmounts() for item in order_items}
    return Amounts(currency[0], ZERO, lines, mode="a replacement, free of charge")


def _reconciled(raw: Raw, order_items: Sequence[Item]) -> Amounts:
    currency = _currency(raw, order_items)
    breakdowns = _breakdowns(raw, order_items)
    extras = _extras(raw, breakdowns)
    grand_total = _grand_total(raw, order_items, extras)
    proceeds = [read_item(item, currency, breakdowns[item.item_id]) for item in order_items]
    candidates = [
        candidate
        for lines in _lines(proceeds, _never_contain_tax(raw))
        for candidate in _candidates(lines, extras)
    ]
    components = sum(item.components for item in proceeds) + len(extras)
    fitting = closest(
        candidates,
        lambda candidate: candidate.total - grand_total,
        minor_unit(currency) * components,
    )
    distinct = {
        (tuple(candidate.lines.items()), candidate.adjustments): candidate for candidate in fitting
    }
    if len(distinct) != 1:
        raise unclear(
            "the order's total can be read in more than one way"
            if distinct
            else "the items do not add up to the order's total",
            grand_total=grand_total,
            sums=", ".join(sorted({str(candidate.total) for candidate in candidates})),
        )
    (only,) = distinct.values()
    return only.amounts(currency, grand_total, "Rounding")


def _levelled(raw: Raw, order_items: Sequence[Item], held: CannotMap) -> Amounts:
    """The likeliest lines under Amazon's total; an adjustment covers the difference."""
    currency = _currency(raw, order_items)
    breakdowns = _breakdowns(raw, order_items)
    extras = _extras(raw, breakdowns)
    grand_total = _grand_total(raw, order_items, extras)
    if grand_total < 0:
        raise held
    lines = {
        item.item_id: likeliest(item, currency, breakdowns[item.item_id], _never_contain_tax(raw))
        for item in order_items
    }
    nearest = min(
        _candidates(lines, extras), key=lambda candidate: abs(candidate.total - grand_total)
    )
    read = nearest.amounts(currency, grand_total, "Difference to Amazon's total")
    below = sum(
        (adjustment.amount for adjustment in read.adjustments if adjustment.amount < 0), ZERO
    )
    above = sum(
        (adjustment.amount for adjustment in read.adjustments if adjustment.amount > 0), ZERO
    )
    net = sum((line.total - line.all_tax for line in read.lines.values()), ZERO)
    if net + above + below < 0:
        # The deductions exceed the net amounts, so the tax cannot be right either.
        read = read.untaxed()
    return replace(read, doubt=held.reason)


def _never_contain_tax(raw: Raw) -> bool:
    country = country_of(text(raw, "salesChannel", "marketplaceId"))
    return country in _PRICES_NEVER_CONTAIN_TAX


def _currency(raw: Raw, order_items: Sequence[Item]) -> str:
    currencies = _currencies(raw, order_items)
    if not currencies:
        raise unclear("Amazon sent no usable amounts for this order", **NO_TOTAL)
    if len(currencies) > 1:
        raise CannotMap(HoldCode.CURRENCY, f"the order has amounts in {' and '.join(currencies)}")
    return currencies[0]


def _currencies(raw: Raw, order_items: Sequence[Item]) -> list[str]:
    amounts_sent = [money(raw, "proceeds", "grandTotal")]
    amounts_sent += [
        money(breakdown, "subtotal") for breakdown in blocks(raw, "proceeds", "breakdowns")
    ]
    for item in order_items:
        amounts_sent += [
            money(item.raw, "proceeds", "proceedsTotal"),
            money(item.raw, "product", "price", "unitPrice"),
            *(
                money(breakdown, "subtotal")
                for breakdown in blocks(item.raw, "proceeds", "breakdowns")
            ),
        ]
    return sorted({sent.currency for sent in amounts_sent if sent is not None and sent.currency})


def _breakdowns(raw: Raw, order_items: Sequence[Item]) -> dict[str, Breakdowns]:
    """The breakdowns by item id; a single item without breakdowns gets those of the order."""
    result = {item.item_id: blocks(item.raw, "proceeds", "breakdowns") for item in order_items}
    if len(order_items) == 1 and not result[order_items[0].item_id]:
        result[order_items[0].item_id] = [
            breakdown
            for breakdown in blocks(raw, "proceeds", "breakdowns")
            if text(breakdown, "type") in ITEM_TYPES
        ]
    return dict(result)


def _extras(raw: Raw, breakdowns: Mapping[str, Breakdowns]) -> tuple[Adjustment, ...]:
    """Amounts of the order alone, such as a delivery tip; its other breakdowns sum up the items."""
    of_items = {
        text(breakdown, "type") for each in breakdowns.values() for breakdown in each
    } | _NOT_EXTRA
    by_label: dict[str, Decimal] = {}
    for breakdown in blocks(raw, "proceeds", "breakdowns"):
        kind, subtotal = text(breakdown, "type"), money(breakdown, "subtotal")
        if kind not in of_items and subtotal is not None and subtotal.amount:
            label = kind.replace("_", " ").capitalize()[:60] or "Other"
            by_label[label] = by_label.get(label, ZERO) + subtotal.amount
    return tuple(Adjustment(label, amount) for label, amount in by_label.items())


def _grand_total(raw: Raw, order_items: Sequence[Item], extras: tuple[Adjustment, ...]) -> Decimal:
    """Amazon's total of the order, or else the sum of the items' totals and the extras."""
    order_total = money(raw, "proceeds", "grandTotal")
    if order_total is not None:
        return order_total.amount
    totals = [money(item.raw, "proceeds", "proceedsTotal") for item in order_items]
    known = [total.amount for total in totals if total is not None]
    if len(known) < len(totals):
        raise unclear("Amazon sent neither a total of the order nor one of each item", **NO_TOTAL)
    return sum(known, ZERO) + sum((extra.amount for extra in extras), ZERO)


def _lines(
    proceeds: Sequence[ItemProceeds], prices_never_contain_tax: bool
) -> Iterator[dict[str, Line]]:
    """The lines of the order under each possible reading.

    An item with a total is settled by that total. Items without a total all get the same reading,
    and the order's total decides which.
    """
    certain = {
        item.item_id: settled(item, item.proceeds_total, prices_never_contain_tax)
        for item in proceeds
        if item.proceeds_total is not None
    }
    open_items = [item for item in proceeds if item.proceeds_total is None]
    ways = zip(*(readings(item, prices_never_contain_tax) for item in open_items), strict=True)
    for way in ways if open_items else [()]:
        read = [line_under(item, how) for item, how in zip(open_items, way, strict=True)]
        lines = {item.item_id: line for item, line in zip(open_items, read, strict=True) if line}
        if len(lines) == len(open_items):
            both = certain | lines
            yield {item.item_id: both[item.item_id] for item in proceeds}


def _candidates(lines: Mapping[str, Line], extras: tuple[Adjustment, ...]) -> Iterator[_Candidate]:
    """The order with the facilitator tax inside its total, and with that tax outside."""
    words = {item_id: line.words for item_id, line in lines.items()}
    line_amounts = {item_id: line.amounts for item_id, line in lines.items()}
    yield _Candidate(line_amounts, extras, words)
    outside = {item_id: line.withheld() for item_id, line in line_amounts.items()}
    if any(line.withheld_tax for line in outside.values()):
        more = frozenset({"collected tax outside the total"})
        yield _Candidate(outside, extras, words, more)
