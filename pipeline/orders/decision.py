"""What the decision table takes and gives: a case, the conditions of a row on it, a decision."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum

from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.outcome import HoldCode
from pipeline.settings.marketplace import MarketplaceSettings


class Tab(StrEnum):
    """Whether the Orders tab shows the order."""

    HIDDEN = "hidden"
    SHOWN = "shown"
    HELD = "shown, held"


class MagentoOrder(StrEnum):
    """What happens to the Magento order."""

    NONE = "none"
    CREATE = "create"
    CANCEL = "cancel"


class MagentoState(StrEnum):
    """The state that the Magento order should have."""

    ABSENT = "absent"
    OPEN = "open"
    COMPLETE = "complete"
    CANCELED = "canceled"


class Stock(StrEnum):
    """What happens to the merchant's own stock."""

    UNTOUCHED = "untouched"
    RESERVED = "reserved"
    UNFULFILLED_RESERVED = "unfulfilled units reserved"
    TAKEN_BY_SHIPMENT = "taken by the shipment"
    RELEASED = "released"


class Next(StrEnum):
    """What the workflow does next with the order."""

    GO_ON = "go on"
    WAIT = "wait"
    HOLD = "hold"
    CANCEL = "cancel"
    VIEW_ONLY = "view only"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer of a row. `kept` says whether an order that is not here yet is imported."""

    row: str
    next: Next
    tab: Tab
    magento: MagentoOrder = MagentoOrder.NONE
    state: MagentoState = MagentoState.ABSENT
    stock: Stock = Stock.UNTOUCHED
    kept: bool = True
    code: HoldCode | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """The inputs of a decision.

    `is_ours` says that a Magento order of ours exists, `is_known` that the order was imported,
    `is_from_elsewhere` that Amazon only fulfils it (Multi-Channel Fulfilment).
    """

    fulfilled_by: FulfilledBy
    status: str
    settings: MarketplaceSettings
    is_ours: bool = False
    is_known: bool = False
    programs: frozenset[str] = frozenset()
    is_from_elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class When:
    """The conditions of a row on the case. None, or no setting, is no condition."""

    statuses: Set[str] | None = None
    fulfilled_by: FulfilledBy | None = None
    is_ours: bool | None = None
    is_known: bool | None = None
    is_from_elsewhere: bool | None = None
    program: str | None = None
    settings: Mapping[str, bool | str] = field(default_factory=dict)

    def fits(self, case: Case) -> bool:
        """Whether the case meets every condition."""
        pairs = (
            (self.fulfilled_by, case.fulfilled_by),
            (self.is_ours, case.is_ours),
            (self.is_known, case.is_known),
            (self.is_from_elsewhere, case.is_from_elsewhere),
        )
        return (
            (self.statuses is None or case.status in self.statuses)
            and all(wanted is None or wanted == actual for wanted, actual in pairs)
            and (self.program is None or self.program in case.programs)
            and all(getattr(case.settings, name) == value for name, value in self.settings.items())
        )
