"""A person's stated value of an order without an amount from the marketplace. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pipeline.base.errors import CannotMap
from pipeline.base.money import ZERO, split, written
from pipeline.orders.amounts import Amounts, LineAmounts
from pipeline.orders.outcome import HoldCode

NO_TOTAL: Mapping[str, str] = {"amazon_tells": "no total"}
"""The facts of a hold because the marketplace gives no amount for the order."""


def tells_no_total(facts: Mapping[str, Any]) -> bool:
    """Whether these are the facts of a hold for a missing total."""
    return NO_TOTAL.items() <= facts.items()


@dataclass(frozen=True, slots=True)
class StatedValue:
    """A total, tax included, and the person who stated it; `units` are each line's at the time."""

    total: Decimal
    currency: str
    units: Mapping[str, int]
    said_by: str

    def as_json(self) -> dict[str, Any]:
        """The JSON for the order's row."""
        return {
            "total": written(self.total, self.currency),
            "currency": self.currency,
            "units": dict(self.units),
            "said_by": self.said_by,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> StatedValue:
        """Read the JSON that `as_json` made."""
        return cls(Decimal(kept["total"]), kept["currency"], kept["units"], kept["said_by"])

    def shares(self) -> dict[str, Decimal]:
        """Split the total over the lines by their units, to the cent: the shares sum to it
        exactly."""
        weights = [Decimal(units) for units in self.units.values()]
        return dict(zip(self.units, split(self.total, weights, self.currency), strict=True))

    def amounts(self, left: Mapping[str, int]) -> Amounts:
        """The order's amounts when `left` units of each line are left.

        A line cancelled in part gets its share by units. Raises CannotMap(TOTALS_UNCLEAR) for lines
        or units that were added after the value was stated.
        """
        if any(units > self.units.get(item_id, 0) for item_id, units in left.items()):
            raise CannotMap(
                HoldCode.TOTALS_UNCLEAR,
                "the order has more lines or units than when its value was stated: state the value "
                "again",
                NO_TOTAL,
            )
        shares = self.shares()
        lines = {
            item_id: LineAmounts(row_net=self._of(item_id, units, shares))
            for item_id, units in left.items()
        }
        return Amounts(
            currency=self.currency,
            grand_total=sum((line.row_net for line in lines.values()), ZERO),
            lines=lines,
            mode="a person's word",
            readings=dict.fromkeys(lines, "a share by units"),
            said_by=self.said_by,
        )

    def _of(self, item_id: str, units: int, shares: Mapping[str, Decimal]) -> Decimal:
        gone = self.units[item_id] - units
        return split(shares[item_id], [Decimal(units), Decimal(gone)], self.currency)[0]
