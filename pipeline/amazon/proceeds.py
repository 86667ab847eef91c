"""The proceeds of one order item, sorted into goods, shipping, gift wrap and other.

A subtotal contains its details: the details only divide it, and the undivided rest belongs to the
goods.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pipeline.amazon.items import Item
from pipeline.amazon.json_fields import blocks, look, money, text
from pipeline.base.errors import CannotMap
from pipeline.base.money import ZERO, minor_unit, split
from pipeline.orders.outcome import HoldCode

GOODS, SHIPPING, GIFT_WRAP, OTHER = SLOTS = ("ITEM", "SHIPPING", "GIFT_WRAP", "OTHER")
# Amazon sums these categories over the items; any other category belongs to the order alone.
ITEM_TYPES = frozenset({*SLOTS, "COD_FEE", "TAX", "DISCOUNT"})
Shares = Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class ItemProceeds:
    """The money of one item for its whole quantity, in major units, each kind by slot.

    `discounts` have Amazon's sign. `taxes` exclude the tax of the discounts; `discount_taxes` hold
    that tax (zero or more), or None where Amazon does not list it. `components` counts the amounts
    that may each be off by a minor unit. `proceeds_total` is None where Amazon gave no total.
    """

    item_id: str
    currency: str
    prices: Shares
    taxes: Shares
    discounts: Shares
    discount_taxes: Shares | None
    proceeds_total: Decimal | None
    components: int
    is_facilitated: bool

    @property
    def tax(self) -> Decimal:
        return sum(self.taxes.values(), ZERO)

    @property
    def discount(self) -> Decimal:
        return sum(self.discounts.values(), ZERO)


def unclear(reason: str, **facts: object) -> CannotMap:
    """The hold for amounts that do not add up, with the tried figures as facts."""
    figures = {name: str(value) for name, value in facts.items()}
    return CannotMap(HoldCode.TOTALS_UNCLEAR, reason, figures)


def read_item(item: Item, currency: str, breakdowns: Sequence[Mapping[str, Any]]) -> ItemProceeds:
    """Sort an item's `breakdowns` into slots.

    Raises CannotMap(TOTALS_UNCLEAR) when the details of a subtotal contradict it, or the unit price
    times the quantity is not the price of the item.
    """
    subtotals: defaultdict[str, Decimal] = defaultdict(Decimal)
    details: dict[str, dict[str, Decimal]] = {"TAX": {}, "DISCOUNT": {}}
    components = 0
    for breakdown in breakdowns:
        kind, subtotal = text(breakdown, "type"), money(breakdown, "subtotal")
        if subtotal is None:
            continue
        components += 1
        subtotals[kind if kind in ("TAX", "DISCOUNT") else _slot(kind)] += subtotal.amount
        for part in blocks(breakdown, "detailedBreakdowns") if kind in details else ():
            value = money(part, "value")
            if value is not None:
                name = text(part, "subtype")
                name = name if name == "DISCOUNT" else _slot(name)
                details[kind][name] = details[kind].get(name, ZERO) + value.amount

    total = money(item.raw, "proceeds", "proceedsTotal")
    unit = money(item.raw, "product", "price", "unitPrice")
    row = unit.amount * item.quantity if unit is not None else None
    if row is not None and not components and (total is None or total.amount != 0):
        subtotals[GOODS] = row
        components = 1
    tolerance = minor_unit(currency) * max(1, components)
    discounts = _discounts(item.item_id, subtotals["DISCOUNT"], details["DISCOUNT"], tolerance)
    taxes, off = _taxes(item.item_id, subtotals["TAX"], details["TAX"], tolerance)
    off_shares = _shares_of(off, discounts, currency)
    if row is not None and subtotals[GOODS] and look(item.raw, "measurement") is None:
        _check_unit_price(item, row, subtotals[GOODS], taxes[GOODS], minor_unit(currency))
    return ItemProceeds(
        item_id=item.item_id,
        currency=currency,
        prices={slot: subtotals[slot] for slot in SLOTS},
        taxes={slot: taxes[slot] + off_shares[slot] for slot in SLOTS},
        discounts=discounts,
        discount_taxes={slot: ZERO - off_shares[slot] for slot in SLOTS} if off < 0 else None,
        proceeds_total=total.amount if total is not None else None,
        components=components,
        is_facilitated=any(
            text(collection, "model") == "MARKETPLACE_FACILITATOR"
            for collection in blocks(item.raw, "tax", "taxCollections")
        ),
    )


def _slot(kind: str) -> str:
    """The slot of a category; COD fees and unknown categories count as other, not as goods."""
    return kind if kind in SLOTS else OTHER


def _discounts(
    item_id: str, subtotal: Decimal, details: Mapping[str, Decimal], tolerance: Decimal
) -> dict[str, Decimal]:
    """The discount by slot, with the sign of its subtotal."""
    shares = {slot: details.get(slot, ZERO) for slot in SLOTS}
    if GOODS in details:
        listed_sum = sum(shares.values(), ZERO)
        if abs(listed_sum - subtotal) > tolerance and abs(listed_sum + subtotal) <= tolerance:
            shares = {slot: ZERO - share for slot, share in shares.items()}
        elif abs(listed_sum - subtotal) > tolerance:
            raise _contradiction(item_id, "DISCOUNT", listed_sum, subtotal)
    shares[GOODS] = subtotal - sum((shares[slot] for slot in SLOTS if slot != GOODS), ZERO)
    return shares


def _taxes(
    item_id: str, subtotal: Decimal, details: Mapping[str, Decimal], tolerance: Decimal
) -> tuple[dict[str, Decimal], Decimal]:
    """The tax by slot, and the tax of the discounts (mostly below zero).

    Amazon documents neither the sign of the discounts' tax nor whether the subtotal contains it:
    the reading that sums to the subtotal is used.
    """
    shares = {slot: details.get(slot, ZERO) for slot in SLOTS}
    listed = details.get("DISCOUNT", ZERO)
    off = ZERO - abs(listed)
    if GOODS in details:
        listed_sum = sum(shares.values(), ZERO)
        readings = (listed, ZERO - listed, ZERO)
        fits = [
            reading for reading in readings if abs(listed_sum + reading - subtotal) <= tolerance
        ]
        if not fits:
            raise _contradiction(item_id, "TAX", listed_sum + listed, subtotal)
        off = min(fits, key=lambda reading: abs(listed_sum + reading - subtotal))
    others = sum((shares[slot] for slot in SLOTS if slot != GOODS), ZERO)
    shares[GOODS] = subtotal - others - off
    return shares, off


def _shares_of(off: Decimal, discounts: Shares, currency: str) -> dict[str, Decimal]:
    """The tax of the discounts by slot, in proportion to the discounts."""
    weights = [abs(discounts[slot]) for slot in SLOTS]
    if not any(weights):
        weights = [Decimal(slot == GOODS) for slot in SLOTS]
    return dict(zip(SLOTS, split(off, weights, currency), strict=True))


def _check_unit_price(
    item: Item, row: Decimal, price: Decimal, tax: Decimal, minor: Decimal
) -> None:
    """Raise when the unit price fits neither with nor without tax, within a minor unit a piece."""
    if all(abs(row - basis) > minor * item.quantity for basis in (price, price + tax, price - tax)):
        raise unclear(
            f"item {item.item_id}: unit price times quantity is not the price of the item",
            line=item.item_id,
            unit_price_times_quantity=row,
            item_subtotal=price,
        )


def _contradiction(item_id: str, kind: str, listed_sum: Decimal, subtotal: Decimal) -> CannotMap:
    return unclear(
        f"item {item_id}: the details of {kind} do not add up to its subtotal",
        line=item_id,
        details=listed_sum,
        subtotal=subtotal,
    )
