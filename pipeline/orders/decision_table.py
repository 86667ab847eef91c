"""The decision table: what happens to an order, as a pure function.

Rows are tried from the top; the first that fits counts. Each row has a name, so that people can see
which row decided. `make tables` prints the table into docs/decision-table.md.
"""

from __future__ import annotations

from pipeline.orders.channel_order import NON_AMAZON, FulfilledBy, Program, RemoteStatus
from pipeline.orders.decision import (
    Case,
    Decision,
    MagentoOrder,
    MagentoState,
    Next,
    Stock,
    Tab,
    When,
)
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Order
from pipeline.settings.marketplace import MarketplaceSettings

PENDING = frozenset({RemoteStatus.PENDING, RemoteStatus.PENDING_AVAILABILITY})
# Amazon's carrier collects the parcel, so we send neither tracking number nor confirmation.
CARRIED_BY_AMAZON = frozenset({Program.EASY_SHIP, Program.DELIVERY_BY_AMAZON})
STILL_TO_SHIP = frozenset({RemoteStatus.UNSHIPPED, RemoteStatus.PARTIALLY_SHIPPED})
KNOWN = frozenset(RemoteStatus)

_FBM, _FBA = FulfilledBy.MERCHANT, FulfilledBy.AMAZON

TABLE: tuple[tuple[When, Decision], ...] = (
    (
        When(KNOWN, settings={"import_orders": False}),
        Decision("import_orders = false", Next.VIEW_ONLY, Tab.SHOWN),
    ),
    (
        When(KNOWN, is_from_elsewhere=True),
        Decision("not sold on Amazon", Next.VIEW_ONLY, Tab.SHOWN),
    ),
    (
        When(STILL_TO_SHIP, _FBM, is_ours=False, program=Program.IN_STORE_PICK_UP),
        Decision(
            "in-store pick-up",
            Next.HOLD,
            Tab.HELD,
            code=HoldCode.OTHER_FULFILMENT,
            reason="the buyer picks it up in your store: hand it over and report it in Seller"
            " Central",
        ),
    ),
    # Only the seed procedure can hold stock for orders that are not placed yet.
    (
        When({RemoteStatus.PENDING}, _FBM, settings={"pending_orders": "reserve", "stock": "seed"}),
        Decision(
            "FBM PENDING, pending_orders = reserve",
            Next.WAIT,
            Tab.HIDDEN,
            stock=Stock.RESERVED,
            reason="Amazon has not verified the payment yet",
        ),
    ),
    (
        When({RemoteStatus.PENDING}, _FBM),
        Decision(
            "FBM PENDING", Next.WAIT, Tab.HIDDEN, reason="Amazon has not verified the payment yet"
        ),
    ),
    (
        When({RemoteStatus.PENDING_AVAILABILITY}, _FBM),
        Decision(
            "FBM PENDING_AVAILABILITY", Next.WAIT, Tab.HIDDEN, reason="pre-order, not released yet"
        ),
    ),
    (
        When({RemoteStatus.UNSHIPPED}, _FBM),
        Decision(
            "FBM UNSHIPPED",
            Next.GO_ON,
            Tab.SHOWN,
            MagentoOrder.CREATE,
            MagentoState.OPEN,
            Stock.RESERVED,
        ),
    ),
    (
        When({RemoteStatus.PARTIALLY_SHIPPED}, _FBM),
        Decision(
            "FBM PARTIALLY_SHIPPED",
            Next.GO_ON,
            Tab.SHOWN,
            MagentoOrder.CREATE,
            MagentoState.OPEN,
            Stock.UNFULFILLED_RESERVED,
        ),
    ),
    (
        When({RemoteStatus.SHIPPED}, _FBM, is_ours=True),
        Decision(
            "FBM SHIPPED, ours already",
            Next.GO_ON,
            Tab.SHOWN,
            state=MagentoState.COMPLETE,
            stock=Stock.TAKEN_BY_SHIPMENT,
        ),
    ),
    (
        When({RemoteStatus.SHIPPED}, _FBM, is_ours=False),
        Decision(
            "FBM SHIPPED, first seen now",
            Next.GO_ON,
            Tab.SHOWN,
            MagentoOrder.CREATE,
            MagentoState.COMPLETE,
        ),
    ),
    (
        When({RemoteStatus.CANCELLED}, _FBM, is_ours=True),
        Decision(
            "FBM CANCELLED, ours already",
            Next.CANCEL,
            Tab.SHOWN,
            MagentoOrder.CANCEL,
            MagentoState.CANCELED,
            Stock.RELEASED,
        ),
    ),
    (
        When({RemoteStatus.CANCELLED}, is_known=True),
        Decision("CANCELLED, known", Next.CANCEL, Tab.SHOWN),
    ),
    (
        When({RemoteStatus.CANCELLED}, is_known=False),
        Decision("CANCELLED, never seen before", Next.CANCEL, Tab.HIDDEN, kept=False),
    ),
    (
        When({RemoteStatus.UNFULFILLABLE}, _FBM),
        Decision(
            "FBM UNFULFILLABLE",
            Next.HOLD,
            Tab.HELD,
            code=HoldCode.UNFULFILLABLE,
            reason="Amazon says that this order cannot be fulfilled",
        ),
    ),
    (
        When({RemoteStatus.SHIPPED}, _FBA, settings={"fba_orders": "create"}),
        Decision("FBA SHIPPED", Next.GO_ON, Tab.SHOWN, MagentoOrder.CREATE, MagentoState.COMPLETE),
    ),
    (
        When({RemoteStatus.SHIPPED}, _FBA, settings={"fba_orders": "ignore"}),
        Decision("FBA SHIPPED, fba_orders = ignore", Next.VIEW_ONLY, Tab.SHOWN),
    ),
    (
        When({RemoteStatus.UNFULFILLABLE}, _FBA, is_known=True),
        Decision("FBA UNFULFILLABLE, known", Next.CANCEL, Tab.SHOWN),
    ),
    (
        When({RemoteStatus.UNFULFILLABLE}, _FBA, is_known=False),
        Decision("FBA UNFULFILLABLE, never seen", Next.CANCEL, Tab.HIDDEN, kept=False),
    ),
    (
        When(PENDING | STILL_TO_SHIP, _FBA),
        Decision(
            "FBA before SHIPPED",
            Next.WAIT,
            Tab.HIDDEN,
            kept=False,
            reason="Amazon has not shipped this order yet",
        ),
    ),
    (
        When(),
        Decision(
            "a status we do not know",
            Next.HOLD,
            Tab.HELD,
            code=HoldCode.UNKNOWN_STATUS,
            reason="Amazon reports a status not known here: look at it in Seller Central",
        ),
    ),
)


def decide(case: Case) -> Decision:
    """The first row of the table that fits this case; the last row fits every case."""
    return next(decision for when, decision in TABLE if when.fits(case))


def case_of(order: Order, settings: MarketplaceSettings) -> Case:
    """The case of an order here, from its row."""
    return Case(
        FulfilledBy(order.fulfilled_by),
        order.remote_status,
        settings,
        is_ours=order.magento_order_id is not None,
        is_known=True,
        programs=frozenset(order.programs),
        is_from_elsewhere=order.facts.get("channel") == NON_AMAZON,
    )
