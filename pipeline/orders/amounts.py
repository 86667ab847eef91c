"""The money of an order, in the terms that every step uses.

Amounts are major units of the order's currency; net means without tax.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from pipeline.base.money import ZERO

TAX_ON_TOP = "tax on top"
"""The reading of a line whose price has its tax beside it, not inside."""


@dataclass(frozen=True, slots=True)
class LineAmounts:
    """The amounts of a line, for its whole quantity. All are zero or more; net amounts exclude tax.

    `row_net` is before discount. `discount_net` and `shipping_discount_net` are subtracted.
    `tax` belongs to the goods after their discount, `shipping_tax` to shipping after its discount.
    `withheld_tax` is collected by the marketplace outside the order's total: it is in no sum here.
    """

    row_net: Decimal = ZERO
    tax: Decimal = ZERO
    discount_net: Decimal = ZERO
    shipping_net: Decimal = ZERO
    shipping_tax: Decimal = ZERO
    shipping_discount_net: Decimal = ZERO
    gift_wrap_net: Decimal = ZERO
    gift_wrap_tax: Decimal = ZERO
    other_net: Decimal = ZERO
    other_tax: Decimal = ZERO
    tax_is_collected_by_marketplace: bool = False
    withheld_tax: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """What the buyer pays for this line, tax included."""
        return (
            self.row_net
            - self.discount_net
            + self.tax
            + self.shipping_net
            - self.shipping_discount_net
            + self.shipping_tax
            + self.gift_wrap_net
            + self.gift_wrap_tax
            + self.other_net
            + self.other_tax
        )

    @property
    def all_tax(self) -> Decimal:
        return self.tax + self.shipping_tax + self.gift_wrap_tax + self.other_tax

    @property
    def collected_tax(self) -> Decimal:
        """The tax that the marketplace collects and remits itself, inside the total or not."""
        inside = self.all_tax if self.tax_is_collected_by_marketplace else ZERO
        return inside + self.withheld_tax

    def withheld(self) -> LineAmounts:
        """The line with the tax that the marketplace collects moved outside its total."""
        if not self.tax_is_collected_by_marketplace:
            return self
        return replace(
            self,
            tax=ZERO,
            shipping_tax=ZERO,
            gift_wrap_tax=ZERO,
            other_tax=ZERO,
            withheld_tax=self.all_tax,
        )

    def untaxed(self) -> LineAmounts:
        """The same total with every tax inside the net amounts."""
        return replace(
            self,
            row_net=self.row_net + self.tax,
            tax=ZERO,
            shipping_net=self.shipping_net + self.shipping_tax,
            shipping_tax=ZERO,
            gift_wrap_net=self.gift_wrap_net + self.gift_wrap_tax,
            gift_wrap_tax=ZERO,
            other_net=self.other_net + self.other_tax,
            other_tax=ZERO,
        )


@dataclass(frozen=True, slots=True)
class Adjustment:
    """An amount of the order that belongs to no item, such as a delivery tip."""

    label: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Amounts:
    """Every amount of an order, reconciled: lines and adjustments sum to `grand_total` exactly.

    `mode` says how the marketplace's figures were interpreted, `readings` the same per line.
    `doubt` says why they could not be reconciled, where the total was taken nevertheless. `said_by`
    is the person who stated the total where the marketplace gives none.
    """

    currency: str
    grand_total: Decimal
    lines: Mapping[str, LineAmounts]
    adjustments: tuple[Adjustment, ...] = ()
    mode: str = ""
    readings: Mapping[str, str] = field(default_factory=dict)
    doubt: str = ""
    said_by: str = ""

    @property
    def collected_tax(self) -> Decimal:
        """The tax that the marketplace collects and remits itself."""
        return sum((line.collected_tax for line in self.lines.values()), ZERO)

    def untaxed(self) -> Amounts:
        """The same totals with every tax inside the net amounts."""
        lines = {item_id: line.untaxed() for item_id, line in self.lines.items()}
        return replace(self, lines=lines, mode="without taxes")
