"""What becomes of an order: one test per cell of the decision table, and two laws."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.orders.channel_order import FulfilledBy
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
from pipeline.orders.decision_table import TABLE, decide
from pipeline.orders.outcome import HoldCode
from pipeline.settings.marketplace import MarketplaceSettings

FBM, FBA = FulfilledBy.MERCHANT, FulfilledBy.AMAZON
STATUSES = (
    "PENDING",
    "PENDING_AVAILABILITY",
    "UNSHIPPED",
    "PARTIALLY_SHIPPED",
    "SHIPPED",
    "CANCELLED",
    "UNFULFILLABLE",
)
# (is_ours, is_known): never seen, imported, imported and placed in Magento.
NEW, SEEN, OURS = (False, False), (False, True), (True, True)
EVERY = (NEW, SEEN, OURS)
EVERY_CELL = list(itertools.product(FulfilledBy, STATUSES, EVERY))


def wait(row: str, reason: str, *, kept: bool = True) -> Decision:
    return Decision(
        row=row,
        next=Next.WAIT,
        tab=Tab.HIDDEN,
        magento=MagentoOrder.NONE,
        state=MagentoState.ABSENT,
        stock=Stock.UNTOUCHED,
        kept=kept,
        reason=reason,
    )


def place(row: str, state: MagentoState, stock: Stock) -> Decision:
    return Decision(row, Next.GO_ON, Tab.SHOWN, MagentoOrder.CREATE, state, stock)


def nothing(row: str, then: Next, tab: Tab, *, kept: bool = True) -> Decision:
    return Decision(
        row, then, tab, MagentoOrder.NONE, MagentoState.ABSENT, Stock.UNTOUCHED, kept=kept
    )


def held(row: str, code: HoldCode, reason: str) -> Decision:
    return Decision(
        row=row,
        next=Next.HOLD,
        tab=Tab.HELD,
        magento=MagentoOrder.NONE,
        state=MagentoState.ABSENT,
        stock=Stock.UNTOUCHED,
        code=code,
        reason=reason,
    )


UNKNOWN = held(
    "a status we do not know",
    HoldCode.UNKNOWN_STATUS,
    "Amazon reports a status not known here: look at it in Seller Central",
)
VIEW_ONLY = nothing("import_orders = false", Next.VIEW_ONLY, Tab.SHOWN)
NOT_SHIPPED_YET = wait("FBA before SHIPPED", "Amazon has not shipped this order yet", kept=False)

# Every cell with the settings that matter at their defaults.
FBM_CELLS = {
    ("PENDING", EVERY): wait("FBM PENDING", "Amazon has not verified the payment yet"),
    ("PENDING_AVAILABILITY", EVERY): wait(
        "FBM PENDING_AVAILABILITY", "pre-order, not released yet"
    ),
    ("UNSHIPPED", EVERY): place("FBM UNSHIPPED", MagentoState.OPEN, Stock.RESERVED),
    ("PARTIALLY_SHIPPED", EVERY): place(
        "FBM PARTIALLY_SHIPPED", MagentoState.OPEN, Stock.UNFULFILLED_RESERVED
    ),
    ("SHIPPED", (NEW, SEEN)): place(
        "FBM SHIPPED, first seen now", MagentoState.COMPLETE, Stock.UNTOUCHED
    ),
    ("SHIPPED", (OURS,)): Decision(
        "FBM SHIPPED, ours already",
        Next.GO_ON,
        Tab.SHOWN,
        MagentoOrder.NONE,
        MagentoState.COMPLETE,
        Stock.TAKEN_BY_SHIPMENT,
    ),
    ("CANCELLED", (NEW,)): nothing(
        "CANCELLED, never seen before", Next.CANCEL, Tab.HIDDEN, kept=False
    ),
    ("CANCELLED", (SEEN,)): nothing("CANCELLED, known", Next.CANCEL, Tab.SHOWN),
    ("CANCELLED", (OURS,)): Decision(
        "FBM CANCELLED, ours already",
        Next.CANCEL,
        Tab.SHOWN,
        MagentoOrder.CANCEL,
        MagentoState.CANCELED,
        Stock.RELEASED,
    ),
    ("UNFULFILLABLE", EVERY): held(
        "FBM UNFULFILLABLE",
        HoldCode.UNFULFILLABLE,
        "Amazon says that this order cannot be fulfilled",
    ),
}
FBA_CELLS = {
    ("PENDING", EVERY): NOT_SHIPPED_YET,
    ("PENDING_AVAILABILITY", EVERY): NOT_SHIPPED_YET,
    ("UNSHIPPED", EVERY): NOT_SHIPPED_YET,
    ("PARTIALLY_SHIPPED", EVERY): NOT_SHIPPED_YET,
    ("SHIPPED", EVERY): place("FBA SHIPPED", MagentoState.COMPLETE, Stock.UNTOUCHED),
    ("CANCELLED", (NEW,)): nothing(
        "CANCELLED, never seen before", Next.CANCEL, Tab.HIDDEN, kept=False
    ),
    ("CANCELLED", (SEEN, OURS)): nothing("CANCELLED, known", Next.CANCEL, Tab.SHOWN),
    ("UNFULFILLABLE", (NEW,)): nothing(
        "FBA UNFULFILLABLE, never seen", Next.CANCEL, Tab.HIDDEN, kept=False
    ),
    ("UNFULFILLABLE", (SEEN, OURS)): nothing("FBA UNFULFILLABLE, known", Next.CANCEL, Tab.SHOWN),
}
CELLS = {
    (fulfilled_by, status, seen): decision
    for fulfilled_by, cells in ((FBM, FBM_CELLS), (FBA, FBA_CELLS))
    for (status, known), decision in cells.items()
    for seen in known
}


def decided(
    fulfilled_by: FulfilledBy,
    status: str,
    seen: tuple[bool, bool],
    programs: Iterable[str] = (),
    *,
    is_from_elsewhere: bool = False,
    **settings: object,
) -> Decision:
    is_ours, is_known = seen
    return decide(
        Case(
            fulfilled_by,
            status,
            MarketplaceSettings.model_validate(settings),
            is_ours=is_ours,
            is_known=is_known,
            programs=frozenset(programs),
            is_from_elsewhere=is_from_elsewhere,
        )
    )


@pytest.mark.parametrize(("fulfilled_by", "status", "seen"), EVERY_CELL)
def test_every_cell(fulfilled_by: FulfilledBy, status: str, seen: tuple[bool, bool]) -> None:
    assert decided(fulfilled_by, status, seen) == CELLS[fulfilled_by, status, seen]


@pytest.mark.parametrize(("fulfilled_by", "status", "seen"), EVERY_CELL)
def test_without_import_every_known_status_is_shown_only(
    fulfilled_by: FulfilledBy, status: str, seen: tuple[bool, bool]
) -> None:
    assert decided(fulfilled_by, status, seen, import_orders=False) == VIEW_ONLY


@pytest.mark.parametrize(("fulfilled_by", "status", "seen"), EVERY_CELL)
def test_fba_orders_ignore_changes_fba_shipped_and_nothing_else(
    fulfilled_by: FulfilledBy, status: str, seen: tuple[bool, bool]
) -> None:
    ignored = nothing("FBA SHIPPED, fba_orders = ignore", Next.VIEW_ONLY, Tab.SHOWN)
    expected = (
        ignored if (fulfilled_by, status) == (FBA, "SHIPPED") else CELLS[fulfilled_by, status, seen]
    )
    assert decided(fulfilled_by, status, seen, fba_orders="ignore") == expected


@pytest.mark.parametrize("import_orders", [True, False])
@pytest.mark.parametrize("status", ["", "shipped", "Unshipped", "SHIPPED ", "LOST_IN_SPACE"])
@pytest.mark.parametrize(("fulfilled_by", "seen"), list(itertools.product(FulfilledBy, EVERY)))
def test_an_unknown_status_is_held_whatever_the_settings(
    fulfilled_by: FulfilledBy, status: str, seen: tuple[bool, bool], import_orders: bool
) -> None:
    assert decided(fulfilled_by, status, seen, import_orders=import_orders) == UNKNOWN


PICK_UP = held(
    "in-store pick-up",
    HoldCode.OTHER_FULFILMENT,
    "the buyer picks it up in your store: hand it over and report it in Seller Central",
)
# Programs that change what is sent or confirmed, not whether the order is placed.
ORDINARY = (
    *("AMAZON_EASY_SHIP", "DELIVERY_BY_AMAZON", "FBM_SHIP_PLUS", "PREORDER", "PRIME", "PREMIUM"),
    *("AMAZON_BUSINESS", "AMAZON_BAZAAR", "AMAZON_HAUL", "INVOICE_BY_AMAZON", "A_NEW_ONE"),
)


@pytest.mark.parametrize(("fulfilled_by", "status", "seen"), EVERY_CELL)
def test_every_other_program_leaves_the_table_as_it_is(
    fulfilled_by: FulfilledBy, status: str, seen: tuple[bool, bool]
) -> None:
    for programs in (ORDINARY, *((one,) for one in ORDINARY)):
        assert decided(fulfilled_by, status, seen, programs) == CELLS[fulfilled_by, status, seen]


@pytest.mark.parametrize(("fulfilled_by", "status", "seen"), EVERY_CELL)
def test_what_the_buyer_picks_up_is_held_before_it_is_placed(
    fulfilled_by: FulfilledBy, status: str, seen: tuple[bool, bool]
) -> None:
    waits_in_the_store = (
        fulfilled_by is FBM and status in ("UNSHIPPED", "PARTIALLY_SHIPPED") and seen != OURS
    )
    expected = PICK_UP if waits_in_the_store else CELLS[fulfilled_by, status, seen]
    assert decided(fulfilled_by, status, seen, ["PRIME", "IN_STORE_PICK_UP"]) == expected
    shown = decided(fulfilled_by, status, seen, ["IN_STORE_PICK_UP"], import_orders=False)
    assert shown == VIEW_ONLY


@pytest.mark.parametrize(("fulfilled_by", "status", "seen"), EVERY_CELL)
def test_what_was_sold_elsewhere_is_shown_only(
    fulfilled_by: FulfilledBy, status: str, seen: tuple[bool, bool]
) -> None:
    expected = nothing("not sold on Amazon", Next.VIEW_ONLY, Tab.SHOWN)
    assert decided(fulfilled_by, status, seen, is_from_elsewhere=True) == expected


any_settings = st.fixed_dictionaries(
    {
        "import_orders": st.booleans(),
        "fba_orders": st.sampled_from(["create", "ignore"]),
        "out_of_stock": st.sampled_from(["block", "backorder"]),
        "invoice": st.sampled_from(["create", "leave"]),
        "cancel_from_amazon": st.sampled_from(["cancel", "hold"]),
    }
)


@given(
    st.sampled_from(FulfilledBy),
    st.sampled_from(STATUSES) | st.text(),
    st.sampled_from(EVERY),
    any_settings,
    st.frozensets(st.sampled_from((*ORDINARY, "IN_STORE_PICK_UP"))),
    st.booleans(),
)
def test_whatever_amazon_says_there_is_one_decision_with_what_a_person_needs(
    fulfilled_by: FulfilledBy,
    status: str,
    seen: tuple[bool, bool],
    settings: dict[str, Any],
    programs: frozenset[str],
    is_from_elsewhere: bool,
) -> None:
    decision = decided(
        fulfilled_by, status, seen, programs, is_from_elsewhere=is_from_elsewhere, **settings
    )
    assert decision.row
    assert (decision.code is not None) == (decision.next is Next.HOLD)
    assert (decision.tab is Tab.HELD) == (decision.next is Next.HOLD)
    assert decision.reason or decision.next not in (Next.HOLD, Next.WAIT)


@given(st.sampled_from(STATUSES) | st.text(), st.sampled_from(EVERY), any_settings)
def test_nothing_fulfilled_by_amazon_ever_touches_the_merchants_stock(
    status: str, seen: tuple[bool, bool], settings: dict[str, Any]
) -> None:
    assert decided(FBA, status, seen, **settings).stock is Stock.UNTOUCHED


@pytest.mark.parametrize("state", EVERY)
@pytest.mark.parametrize(
    ("status", "settings", "stock"),
    [
        ("PENDING", {"pending_orders": "reserve"}, Stock.RESERVED),
        ("PENDING", {"pending_orders": "reserve", "stock": "server"}, Stock.UNTOUCHED),
        ("PENDING", {"pending_orders": "reserve", "stock": "none"}, Stock.UNTOUCHED),
        ("PENDING_AVAILABILITY", {"pending_orders": "reserve"}, Stock.UNTOUCHED),
    ],
)
def test_a_pending_order_holds_stock_where_that_is_set_and_can_be_done(
    status: str, settings: dict[str, Any], stock: Stock, state: tuple[bool, bool]
) -> None:
    is_ours, is_known = state
    chosen = MarketplaceSettings(**settings)
    decision = decide(Case(FBM, status, chosen, is_ours=is_ours, is_known=is_known))
    assert (decision.next, decision.tab, decision.stock) == (Next.WAIT, Tab.HIDDEN, stock)
    assert decide(Case(FBA, status, chosen)).stock is Stock.UNTOUCHED


def test_the_settings_of_a_row_are_settings() -> None:
    named = {name for when, _ in TABLE for name in when.settings}
    assert named <= MarketplaceSettings.model_fields.keys()


def test_the_last_row_fits_every_case_and_no_two_rows_share_a_name() -> None:
    assert TABLE[-1][0] == When()
    assert len({decision.row for _, decision in TABLE}) == len(TABLE)
