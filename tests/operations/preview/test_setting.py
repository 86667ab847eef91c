"""What a setting would change, counted from the orders' rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event

from pipeline.base.db import Sessions
from pipeline.operations.preview.setting import TRIABLE, Preview, preview
from pipeline.operations.preview.setting_rules import RULES
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Effect, Note, Order, Status
from pipeline.settings.model import Settings
from pipeline.settings.overrides import CHANGEABLE, NotChangeable, SettingOverride, choices, save
from tests.builders import ACCOUNT, GERMANY, NOW, a_shipment, an_order, settings, signed, stored

FRANCE = "A13V1IB3VIYZZH"


def tried(
    sessions: Sessions,
    name: str,
    value: object,
    marketplace_id: str | None = None,
    file: Settings | None = None,
) -> Preview:
    with sessions() as session:
        turn = SettingOverride(ACCOUNT, marketplace_id, name, value)
        return preview(session, file or settings(), turn, NOW)


def sold(**changes: Any) -> Order:
    """An order of 20.00 EUR."""
    return an_order(**{"currency": "EUR", "grand_total": Decimal("20.00"), **changes})


def held(code: HoldCode, **changes: Any) -> Order:
    return sold(
        **{"status": Status.HELD, "hold_code": code, "hold_reason": "so", "step": "enrich_order"},
        **changes,
    )


@dataclass(frozen=True)
class Case:
    """A new value, orders that it would touch, and orders that it would not."""

    name: str
    value: object
    touched: list[dict[str, Any]]
    untouched: list[dict[str, Any]] = field(default_factory=list)
    under_way: int = 0


HELD = {"status": Status.HELD, "hold_reason": "so"}
CANCELLED = {"status": Status.CANCELLED, "remote_status": "CANCELLED", "magento_order_id": 9}
IN_MAGENTO = {"magento_order_id": 9, "step": "ship_order"}
UNNUMBERED = {"tracking_number": ""}

CASES = [
    Case(
        "out_of_stock",
        "backorder",
        [{**HELD, "hold_code": "out_of_stock"}],
        [{**HELD, "hold_code": "sku_not_found"}, {}],
        under_way=1,
    ),
    Case(
        "out_of_stock",
        "block",
        [{"step": "enrich_order"}, {"remote_status": "PENDING", "step": "verify_order"}],
        [
            IN_MAGENTO,
            {"fulfilled_by": "FBA", "remote_status": "SHIPPED"},
            {"remote_status": "SHIPPED"},
            {"status": Status.DONE},
        ],
        under_way=2,
    ),
    Case(
        "unclear_totals",
        "import",
        [{**HELD, "hold_code": "totals_unclear"}],
        [{**HELD, "hold_code": "totals_differ"}],
        under_way=1,
    ),
    Case(
        "unclear_totals",
        "hold",
        [{"total_proof": {"doubt": "2.00 are missing"}, "status": Status.DONE}],
        [{"total_proof": {"doubt": ""}}, {"total_proof": {}}, {"total_proof": None}],
    ),
    Case(
        "cancel_from_amazon",
        "cancel",
        [{**HELD, "hold_code": "cancel_refused", "remote_status": "CANCELLED"}],
        [
            {**HELD, "hold_code": "cancel_refused", "cancel_reason": "NoInventory"},
            {**HELD, "hold_code": "cancel_refused"},
        ],
        under_way=1,
    ),
    Case(
        "cancel_from_amazon",
        "hold",
        [CANCELLED],
        [{**CANCELLED, "cancel_reason": "NoInventory"}, {**CANCELLED, "magento_order_id": None}],
    ),
    Case(
        "cancel_to_amazon",
        "send",
        [
            {**HELD, "hold_code": "cancelled_in_magento"},
            {**HELD, "hold_code": "cancelled_in_magento", "remote_status": "PENDING"},
        ],
        [{**HELD, "hold_code": "cancelled_in_magento", "remote_status": "PARTIALLY_SHIPPED"}],
        under_way=2,
    ),
    Case(
        "cancel_to_amazon",
        "never",
        [{**CANCELLED, "cancellation": "accepted", "cancel_reason": "NoInventory"}],
        [CANCELLED, {**IN_MAGENTO, "note": "asked Amazon to cancel it: NoInventory"}],
    ),
    Case(
        "confirm_without_tracking",
        True,
        [{**IN_MAGENTO, "package": UNNUMBERED}],
        [
            {**IN_MAGENTO, "package": {}},
            {**IN_MAGENTO, "package": {**UNNUMBERED, "confirmed_as": "DHL"}},
            {**IN_MAGENTO, "package": {**UNNUMBERED, "mismatch": "deleted"}},
            {**IN_MAGENTO, "package": UNNUMBERED, "status": Status.DONE},
            IN_MAGENTO,
        ],
        under_way=1,
    ),
    Case(
        "confirm_without_tracking",
        False,
        [{**IN_MAGENTO, "package": {**UNNUMBERED, "confirmed_as": "x"}, "status": Status.DONE}],
        [
            {**IN_MAGENTO, "package": {"confirmed_as": "DHL"}},
            {**IN_MAGENTO, "package": UNNUMBERED},
        ],
    ),
    Case(
        "order_comments",
        False,
        [{"effect": ("comment", "done"), "status": Status.DONE}],
        [{"effect": ("comment", "refused")}, {"effect": ("order", "done")}],
    ),
    Case("order_comments", True, [], [{}, {"effect": ("order", "done")}]),
]


def kept(sessions: Sessions, **facts: Any) -> int:
    """An order with what a case names beside its columns."""
    package, effect, note = (facts.pop(name, None) for name in ("package", "effect", "note"))
    if package is not None:
        facts["shipments"] = [a_shipment(**package)]
    if note is not None:
        facts["cancellation"] = "asked"
    order_id = stored(sessions, sold(**facts))
    with sessions() as session, session.begin():
        if effect is not None:
            kind, state = effect
            key = f"{kind}:{order_id}"
            session.add(Effect(order_id=order_id, key=key, kind=kind, state=state, intended_at=NOW))
        if note is not None:
            session.add(Note(order_id=order_id, at=NOW, author="anna", text=note))
    return order_id


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name} = {case.value}")
def test_exactly_the_orders_it_would_touch_are_counted(sessions: Sessions, case: Case) -> None:
    touched = [kept(sessions, **facts) for facts in case.touched]
    for facts in case.untouched:
        kept(sessions, **facts)
    other = next(one for one in choices(case.name) if one != str(case.value).lower())
    old: object = {"true": True, "false": False}.get(other, other)
    file = settings(marketplace={case.name: old}, account={"seller_id": "A1SELLER"})
    preview = tried(sessions, case.name, case.value, file=file)
    assert (preview.before, preview.after) == (old, case.value)
    assert preview.looked_at == len(case.touched) + len(case.untouched)
    assert preview.rests_on
    if not touched:
        assert (preview.changes, bool(preview.unknown)) == ([], True)
        return
    [change] = preview.changes
    assert [order_id for order_id, _ in change.examples] == sorted(touched, reverse=True)
    assert (change.orders, change.under_way) == (len(touched), case.under_way)
    assert change.totals == {"EUR": Decimal(20 * len(touched))}


def test_every_value_of_every_turnable_setting_has_a_case_and_can_be_tried() -> None:
    values = [
        (name, text)
        for name in CHANGEABLE
        for text in choices(name)
        if name != "pending_orders"  # which the decision table decides
    ]
    assert sorted((case.name, str(case.value).lower()) for case in CASES) == sorted(values)
    assert sorted((rule.name, str(rule.value).lower()) for rule in RULES) == sorted(values)
    assert set(CHANGEABLE) <= set(TRIABLE)


@pytest.mark.parametrize(
    ("name", "value", "changes"),
    [
        (
            "pending_orders",
            "reserve",
            [("FBM PENDING (wait) → FBM PENDING, pending_orders = reserve (wait)", 1, 1, 20)],
        ),
        (
            "fba_orders",
            "ignore",
            [("FBA SHIPPED (go on) → FBA SHIPPED, fba_orders = ignore (view only)", 2, 1, 40)],
        ),
        (
            "import_orders",
            False,
            [
                ("FBA SHIPPED (go on) → import_orders = false (view only)", 2, 1, 40),
                ("FBM PENDING (wait) → import_orders = false (view only)", 1, 1, 20),
                ("FBM SHIPPED, ours already (go on) → import_orders = false (view only)", 1, 0, 20),
                ("FBM UNSHIPPED (go on) → import_orders = false (view only)", 1, 1, 20),
                ("in-store pick-up (hold) → import_orders = false (view only)", 1, 1, 20),
                ("not sold on Amazon (view only) → import_orders = false (view only)", 1, 0, 20),
            ],
        ),
    ],
)
def test_the_decision_table_itself_decides(
    sessions: Sessions, name: str, value: object, changes: list[tuple[str, int, int, int]]
) -> None:
    for facts in (
        {"remote_status": "PENDING"},
        {},
        {"programs": ["PRIME", "IN_STORE_PICK_UP"]},
        {"remote_status": "SHIPPED", "magento_order_id": 9, "status": Status.DONE},
        {"remote_status": "SHIPPED", "fulfilled_by": "FBA"},
        {"remote_status": "SHIPPED", "fulfilled_by": "FBA", "status": Status.DONE},
        {"remote_status": "AN_ODD_ONE"},
    ):
        stored(sessions, sold(**facts))
    stored(sessions, sold(facts={"channel": "NON_AMAZON"}, status=Status.DONE))
    preview = tried(sessions, name, value)
    told = [
        (change.what, change.orders, change.under_way, int(change.totals["EUR"]))
        for change in preview.changes
    ]
    assert told == changes


def test_only_the_last_thirty_days_of_the_place_count(sessions: Sessions) -> None:
    code = HoldCode.OUT_OF_STOCK
    inside = stored(sessions, held(code, purchased_at=NOW - timedelta(days=30)))
    french = stored(sessions, held(code, marketplace_id=FRANCE))
    stored(sessions, held(code, purchased_at=NOW - timedelta(days=30, seconds=1)))
    stored(sessions, held(code, account="us"))
    [everywhere] = tried(sessions, "out_of_stock", "backorder").changes
    assert [example for example, _ in everywhere.examples] == [french, inside]
    [there] = tried(sessions, "out_of_stock", "backorder", FRANCE).changes
    assert [example for example, _ in there.examples] == [french]


def test_a_marketplace_that_has_the_value_already_does_not_count(sessions: Sessions) -> None:
    stored(sessions, held(HoldCode.OUT_OF_STOCK, marketplace_id=FRANCE))
    german = stored(sessions, held(HoldCode.OUT_OF_STOCK))
    file = settings(account={"marketplaces": {"FR": {"out_of_stock": "backorder"}}})
    preview = tried(sessions, "out_of_stock", "backorder", file=file)
    assert preview.looked_at == 1
    assert [[example for example, _ in change.examples] for change in preview.changes] == [[german]]


def test_taking_a_turn_back_is_tried_against_the_file(sessions: Sessions) -> None:
    order_id = stored(sessions, held(HoldCode.OUT_OF_STOCK))
    file = settings(marketplace={"out_of_stock": "backorder"})
    turn = SettingOverride(ACCOUNT, GERMANY, "out_of_stock", "block")
    save(sessions, turn, why="so", by=signed(at=NOW))
    preview = tried(sessions, "out_of_stock", None, GERMANY, file)
    assert (preview.before, preview.after, preview.held_as) == (
        "block",
        "backorder",
        "out_of_stock",
    )
    assert [[example for example, _ in change.examples] for change in preview.changes] == [
        [order_id]
    ]


def test_ten_examples_are_enough_and_each_currency_has_its_sum(sessions: Sessions) -> None:
    for number in range(12):
        stored(
            sessions,
            held(
                HoldCode.OUT_OF_STOCK,
                currency=("EUR", "USD", None)[number % 3],
                grand_total=None if number % 3 == 2 else Decimal("1.10"),
            ),
        )
    [change] = tried(sessions, "out_of_stock", "backorder").changes
    assert (change.orders, len(change.examples)) == (12, 10)
    assert change.totals == {"EUR": Decimal("4.40"), "USD": Decimal("4.40")}


def test_without_orders_there_is_nothing_but_what_it_rests_on(sessions: Sessions) -> None:
    preview = tried(sessions, "out_of_stock", "backorder")
    assert (preview.looked_at, preview.changes) == (0, [])
    assert preview.rests_on == "The orders that are held for this reason now."


def test_what_nothing_stored_can_tell_is_refused(sessions: Sessions) -> None:
    with pytest.raises(NotChangeable, match="the stored data does not show what tax would change"):
        tried(sessions, "tax", "none")


def test_the_number_of_questions_does_not_grow_with_the_orders(sessions: Sessions) -> None:
    def questions() -> int:
        asked: list[str] = []

        def note(_: object, __: object, statement: str, *___: object) -> None:
            asked.append(statement)

        with sessions() as session:
            engine = session.get_bind()
        event.listen(engine, "before_cursor_execute", note)
        tried(sessions, "import_orders", False)
        event.remove(engine, "before_cursor_execute", note)
        return len(asked)

    stored(sessions, sold())
    few = questions()
    for _ in range(30):
        stored(sessions, sold())
    assert (few, questions()) == (3, 3)
