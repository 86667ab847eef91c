"""What becomes of an order: the decision table, as a pure function.

Rows are tried from the top; the first that fits counts. Each row carries its name, so that a person
can be told which one decided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from pipeline.channel import FulfilledBy
from pipeline.outcome import HoldCode
from pipeline.settings import MarketplaceSettings


class Tab(StrEnum):
    """Whether the Orders tab shows it."""

    HIDDEN = "hidden"
    SHOWN = "shown"
    HELD = "shown, held"


class MagentoOrder(StrEnum):
    """What is to happen in the shop."""

    NONE = "none"
    CREATE = "create"
    CANCEL = "cancel"


class MagentoState(StrEnum):
    """The state the Magento order is to have."""

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
    """What the workflow does with the order now."""

    GO_ON = "go on"
    WAIT = "wait"
    HOLD = "hold"
    CANCEL = "cancel"
    VIEW_ONLY = "view only"


@dataclass(frozen=True, slots=True)
class Decision:
    """One row of the table, applied. `kept` is whether an order we do not have is imported."""

    row: str
    next: Next
    tab: Tab
    magento: MagentoOrder
    state: MagentoState
    stock: Stock
    kept: bool = True
    code: HoldCode | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """The inputs of a decision.

    `is_ours` says that a Magento order of ours exists, `is_known` that the order was imported.
    """

    fulfilled_by: FulfilledBy
    status: str
    settings: MarketplaceSettings
    is_ours: bool = False
    is_known: bool = False


PENDING = frozenset({"PENDING", "PENDING_AVAILABILITY"})
KNOWN = PENDING | {"UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED", "CANCELLED", "UNFULFILLABLE"}

_NOTHING = Decision(
    row="",
    next=Next.WAIT,
    tab=Tab.HIDDEN,
    magento=MagentoOrder.NONE,
    state=MagentoState.ABSENT,
    stock=Stock.UNTOUCHED,
)


def _fbm(*statuses: str) -> Callable[[Case], bool]:
    return lambda case: case.fulfilled_by is FulfilledBy.MERCHANT and case.status in statuses


def _fba(*statuses: str) -> Callable[[Case], bool]:
    return lambda case: case.fulfilled_by is FulfilledBy.AMAZON and case.status in statuses


def _fbm_shipped(is_ours: bool) -> Callable[[Case], bool]:
    return lambda case: _fbm("SHIPPED")(case) and case.is_ours is is_ours


_TABLE: tuple[tuple[Callable[[Case], bool], Decision], ...] = (
    (
        lambda case: case.status not in KNOWN,
        replace(
            _NOTHING,
            row="a status we do not know",
            next=Next.HOLD,
            tab=Tab.HELD,
            code=HoldCode.UNKNOWN_STATUS,
            reason="Amazon reports a status not known here: look at it in Seller Central",
        ),
    ),
    (
        lambda case: not case.settings.import_orders,
        replace(_NOTHING, row="import_orders = false", next=Next.VIEW_ONLY, tab=Tab.SHOWN),
    ),
    (
        _fbm("PENDING"),
        replace(_NOTHING, row="FBM PENDING", reason="Amazon has not verified the payment yet"),
    ),
    (
        _fbm("PENDING_AVAILABILITY"),
        replace(_NOTHING, row="FBM PENDING_AVAILABILITY", reason="pre-order, not released yet"),
    ),
    (
        _fbm("UNSHIPPED"),
        replace(
            _NOTHING,
            row="FBM UNSHIPPED",
            next=Next.GO_ON,
            tab=Tab.SHOWN,
            magento=MagentoOrder.CREATE,
            state=MagentoState.OPEN,
            stock=Stock.RESERVED,
        ),
    ),
    (
        _fbm("PARTIALLY_SHIPPED"),
        replace(
            _NOTHING,
            row="FBM PARTIALLY_SHIPPED",
            next=Next.GO_ON,
            tab=Tab.SHOWN,
            magento=MagentoOrder.CREATE,
            state=MagentoState.OPEN,
            stock=Stock.UNFULFILLED_RESERVED,
        ),
    ),
    (
        _fbm_shipped(is_ours=True),
        replace(
            _NOTHING,
            row="FBM SHIPPED, ours already",
            next=Next.GO_ON,
            tab=Tab.SHOWN,
            state=MagentoState.COMPLETE,
            stock=Stock.TAKEN_BY_SHIPMENT,
        ),
    ),
    (
        _fbm_shipped(is_ours=False),
        replace(
            _NOTHING,
            row="FBM SHIPPED, first seen now",
            next=Next.GO_ON,
            tab=Tab.SHOWN,
            magento=MagentoOrder.CREATE,
            state=MagentoState.COMPLETE,
        ),
    ),
    (
        lambda case: _fbm("CANCELLED")(case) and case.is_ours,
        replace(
            _NOTHING,
            row="FBM CANCELLED, ours already",
            next=Next.CANCEL,
            tab=Tab.SHOWN,
            magento=MagentoOrder.CANCEL,
            state=MagentoState.CANCELED,
            stock=Stock.RELEASED,
        ),
    ),
    (
        lambda case: case.status == "CANCELLED" and case.is_known,
        replace(_NOTHING, row="CANCELLED, known", next=Next.CANCEL, tab=Tab.SHOWN),
    ),
    (
        lambda case: case.status == "CANCELLED",
        replace(_NOTHING, row="CANCELLED, never seen before", next=Next.CANCEL, kept=False),
    ),
    (
        _fbm("UNFULFILLABLE"),
        replace(
            _NOTHING,
            row="FBM UNFULFILLABLE",
            next=Next.HOLD,
            tab=Tab.HELD,
            code=HoldCode.UNFULFILLABLE,
            reason="Amazon says that this order cannot be fulfilled",
        ),
    ),
    (
        lambda case: _fba("SHIPPED")(case) and case.settings.fba_orders == "create",
        replace(
            _NOTHING,
            row="FBA SHIPPED",
            next=Next.GO_ON,
            tab=Tab.SHOWN,
            magento=MagentoOrder.CREATE,
            state=MagentoState.COMPLETE,
        ),
    ),
    (
        _fba("SHIPPED"),
        replace(
            _NOTHING, row="FBA SHIPPED, fba_orders = ignore", next=Next.VIEW_ONLY, tab=Tab.SHOWN
        ),
    ),
    (
        lambda case: _fba("UNFULFILLABLE")(case) and case.is_known,
        replace(_NOTHING, row="FBA UNFULFILLABLE, known", next=Next.CANCEL, tab=Tab.SHOWN),
    ),
    (
        _fba("UNFULFILLABLE"),
        replace(_NOTHING, row="FBA UNFULFILLABLE, never seen", next=Next.CANCEL, kept=False),
    ),
    (
        lambda _: True,
        replace(
            _NOTHING,
            row="FBA before SHIPPED",
            kept=False,
            reason="Amazon has not shipped this order yet",
        ),
    ),
)


def decide(case: Case) -> Decision:
    """The row of the table that counts for this case."""
    return next(decision for fits, decision in _TABLE if fits(case))
