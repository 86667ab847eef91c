"""What becomes of an order: the decision table, as a pure function.

Rows are tried from the top; the first that fits counts. Each row carries its name, so that a person
can be told which one decided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from pipeline.orders.channel import NON_AMAZON, FulfilledBy, Program, RemoteStatus
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Order
from pipeline.settings.marketplace import MarketplaceSettings


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


PENDING = frozenset({RemoteStatus.PENDING, RemoteStatus.PENDING_AVAILABILITY})
# Amazon's carrier collects the parcel, so neither tracking number nor confirmation is ours.
CARRIED_BY_AMAZON = frozenset({Program.EASY_SHIP, Program.DELIVERY_BY_AMAZON})
STILL_TO_SHIP = frozenset({RemoteStatus.UNSHIPPED, RemoteStatus.PARTIALLY_SHIPPED})
KNOWN = frozenset(RemoteStatus)


def _quiet(
    row: str,
    then: Next = Next.WAIT,
    tab: Tab = Tab.HIDDEN,
    *,
    kept: bool = True,
    reason: str = "",
) -> Decision:
    """Nothing happens in the shop, and nothing is to."""
    return Decision(
        row=row,
        next=then,
        tab=tab,
        magento=MagentoOrder.NONE,
        state=MagentoState.ABSENT,
        stock=Stock.UNTOUCHED,
        kept=kept,
        reason=reason,
    )


def _hold(row: str, code: HoldCode, reason: str) -> Decision:
    """A person has to look at it."""
    return replace(_quiet(row, Next.HOLD, Tab.HELD, reason=reason), code=code)


def _place(row: str, state: MagentoState, stock: Stock = Stock.UNTOUCHED) -> Decision:
    """It becomes a Magento order."""
    shown = _quiet(row, Next.GO_ON, Tab.SHOWN)
    return replace(shown, magento=MagentoOrder.CREATE, state=state, stock=stock)


def _fbm(*statuses: str) -> Callable[[Case], bool]:
    return lambda case: case.fulfilled_by is FulfilledBy.MERCHANT and case.status in statuses


def _fba(*statuses: str) -> Callable[[Case], bool]:
    return lambda case: case.fulfilled_by is FulfilledBy.AMAZON and case.status in statuses


def _is_picked_up(case: Case) -> bool:
    return Program.IN_STORE_PICK_UP in case.programs and not case.is_ours


def _holds_pending(settings: MarketplaceSettings) -> bool:
    """Only the seed procedure can hold stock for what is not placed yet."""
    return settings.pending_orders == "reserve" and settings.stock == "seed"


def _fbm_shipped(is_ours: bool) -> Callable[[Case], bool]:
    return lambda case: _fbm("SHIPPED")(case) and case.is_ours is is_ours


_TABLE: tuple[tuple[Callable[[Case], bool], Decision], ...] = (
    (
        lambda case: case.status not in KNOWN,
        _hold(
            "a status we do not know",
            HoldCode.UNKNOWN_STATUS,
            "Amazon reports a status not known here: look at it in Seller Central",
        ),
    ),
    (
        lambda case: not case.settings.import_orders,
        _quiet("import_orders = false", Next.VIEW_ONLY, Tab.SHOWN),
    ),
    (
        lambda case: case.is_from_elsewhere,
        _quiet("not sold on Amazon", Next.VIEW_ONLY, Tab.SHOWN),
    ),
    (
        lambda case: _fbm("UNSHIPPED", "PARTIALLY_SHIPPED")(case) and _is_picked_up(case),
        _hold(
            "in-store pick-up",
            HoldCode.OTHER_FULFILMENT,
            "the buyer picks it up in your store: hand it over and report it in Seller Central",
        ),
    ),
    (
        lambda case: _fbm("PENDING")(case) and _holds_pending(case.settings),
        replace(
            _quiet(
                "FBM PENDING, pending_orders = reserve",
                reason="Amazon has not verified the payment yet",
            ),
            stock=Stock.RESERVED,
        ),
    ),
    (_fbm("PENDING"), _quiet("FBM PENDING", reason="Amazon has not verified the payment yet")),
    (
        _fbm("PENDING_AVAILABILITY"),
        _quiet("FBM PENDING_AVAILABILITY", reason="pre-order, not released yet"),
    ),
    (_fbm("UNSHIPPED"), _place("FBM UNSHIPPED", MagentoState.OPEN, Stock.RESERVED)),
    (
        _fbm("PARTIALLY_SHIPPED"),
        _place("FBM PARTIALLY_SHIPPED", MagentoState.OPEN, Stock.UNFULFILLED_RESERVED),
    ),
    (
        _fbm_shipped(is_ours=True),
        replace(
            _quiet("FBM SHIPPED, ours already", Next.GO_ON, Tab.SHOWN),
            state=MagentoState.COMPLETE,
            stock=Stock.TAKEN_BY_SHIPMENT,
        ),
    ),
    (
        _fbm_shipped(is_ours=False),
        _place("FBM SHIPPED, first seen now", MagentoState.COMPLETE),
    ),
    (
        lambda case: _fbm("CANCELLED")(case) and case.is_ours,
        replace(
            _quiet("FBM CANCELLED, ours already", Next.CANCEL, Tab.SHOWN),
            magento=MagentoOrder.CANCEL,
            state=MagentoState.CANCELED,
            stock=Stock.RELEASED,
        ),
    ),
    (
        lambda case: case.status == "CANCELLED" and case.is_known,
        _quiet("CANCELLED, known", Next.CANCEL, Tab.SHOWN),
    ),
    (
        lambda case: case.status == "CANCELLED",
        _quiet("CANCELLED, never seen before", Next.CANCEL, kept=False),
    ),
    (
        _fbm("UNFULFILLABLE"),
        _hold(
            "FBM UNFULFILLABLE",
            HoldCode.UNFULFILLABLE,
            "Amazon says that this order cannot be fulfilled",
        ),
    ),
    (
        lambda case: _fba("SHIPPED")(case) and case.settings.fba_orders == "create",
        _place("FBA SHIPPED", MagentoState.COMPLETE),
    ),
    (
        _fba("SHIPPED"),
        _quiet("FBA SHIPPED, fba_orders = ignore", Next.VIEW_ONLY, Tab.SHOWN),
    ),
    (
        lambda case: _fba("UNFULFILLABLE")(case) and case.is_known,
        _quiet("FBA UNFULFILLABLE, known", Next.CANCEL, Tab.SHOWN),
    ),
    (
        _fba("UNFULFILLABLE"),
        _quiet("FBA UNFULFILLABLE, never seen", Next.CANCEL, kept=False),
    ),
    (
        lambda _: True,
        _quiet("FBA before SHIPPED", kept=False, reason="Amazon has not shipped this order yet"),
    ),
)


def decide(case: Case) -> Decision:
    """The row of the table that counts for this case."""
    return next(decision for fits, decision in _TABLE if fits(case))


def case_of(order: Order, settings: MarketplaceSettings) -> Case:
    """The inputs for an order of ours, as its row has them."""
    return Case(
        FulfilledBy(order.fulfilled_by),
        order.remote_status,
        settings,
        is_ours=order.magento_order_id is not None,
        is_known=True,
        programs=frozenset(order.programs),
        is_from_elsewhere=order.facts.get("channel") == NON_AMAZON,
    )
