"""What is left to refund of each component of each item: Amazon refuses a cent more. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from pipeline.amazon.refund_documents import ComponentType
from pipeline.base.money import ZERO
from pipeline.refunds.messages import (
    PRICE,
    TAX,
    Given,
    OrderPaid,
    PaidItem,
    RefundRules,
    Slot,
    TaxMode,
)


class Balances:
    """What the buyer paid and did not get back, by item and component; zero or more.

    A price that includes its tax has one balance. Of tax that Amazon gives back itself, the balance
    limits the tax that a memo may state.
    """

    def __init__(self, order: OrderPaid, given: Sequence[Given], rules: RefundRules) -> None:
        self.modes: Mapping[str, TaxMode] = {
            item.item_id: _mode(item, rules) for item in order.items
        }
        self.left: Mapping[str, Mapping[ComponentType, Decimal]] = {
            item.item_id: _left(item, self.modes[item.item_id], _of(item, given))
            for item in order.items
        }
        self._units = {
            item.item_id: sum((part.units for part in _of(item, given)), ZERO)
            for item in order.items
        }
        self._touched = {item.item_id for item in order.items if _of(item, given)}

    def price(self, item_id: str, slot: Slot) -> Decimal:
        return self.left[item_id][PRICE[slot]]

    def tax(self, item_id: str, slot: Slot) -> Decimal:
        return self.left[item_id].get(TAX[slot], ZERO)

    def units_left(self, item: PaidItem) -> Decimal:
        """The units that no earlier refund took back."""
        return Decimal(item.quantity) - self._units[item.item_id]

    def is_untouched(self, item: PaidItem) -> bool:
        """Whether nothing of the item was given back."""
        return item.item_id not in self._touched


def _mode(item: PaidItem, rules: RefundRules) -> TaxMode:
    is_changed = rules.gross_without_tax and item.tax_mode is not TaxMode.BY_AMAZON
    return TaxMode.INSIDE if is_changed else item.tax_mode


def _of(item: PaidItem, given: Iterable[Given]) -> list[Given]:
    """What was given for this item, or may have been."""
    return [part for part in given if item.item_id in part.item_ids]


def _left(item: PaidItem, mode: TaxMode, given: Sequence[Given]) -> dict[ComponentType, Decimal]:
    def less(paid: Decimal, *kinds: ComponentType) -> Decimal:
        back = sum((part.amount for part in given if part.component in kinds), ZERO)
        return max(ZERO, paid - back)

    left: dict[ComponentType, Decimal] = {}
    for slot in Slot:
        paid, price, tax = item.of(slot), PRICE[slot], TAX[slot]
        if mode in (TaxMode.INSIDE, TaxMode.BY_VCS):
            left[price] = less(paid.net + paid.tax, price, tax)
        else:
            left[price], left[tax] = less(paid.net, price), less(paid.tax, tax)
    return left
