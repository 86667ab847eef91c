"""Behaviour that depends on the release of a shop's Magento."""

from __future__ import annotations

from dataclasses import dataclass

_2_4_7 = (2, 4, 7)


@dataclass(frozen=True, slots=True)
class MagentoRelease:
    """A release by its numbers, such as (2, 4, 8)."""

    numbers: tuple[int, ...]

    @classmethod
    def of(cls, version: str) -> MagentoRelease:
        """The release of a version such as "2.4.8"."""
        return cls(tuple(map(int, version.split("."))))

    @property
    def cancels_under_lock(self) -> bool:
        """A cancellation holds the order's lock. Before, an unanswered cancellation may be half
        done."""
        return self.numbers >= _2_4_7

    @property
    def keeps_tax_rows(self) -> bool:
        """An order is saved with its tax rows. Before, an order could not be sent with tax rows."""
        return self.numbers >= _2_4_7

    @property
    def refuses_unknown_fields(self) -> bool:
        """Magento answers an unknown field with status 400. Before, it answered with status 500."""
        return self.numbers >= _2_4_7
