"""Marks that make a cancellation reserve, and what an order with and without them says."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipeline.magento.order.save_again import Quantities, rewritten
from pipeline.magento.records import MagentoItem, MagentoOrder
from pipeline.magento.stock.reserve_by_cancelling import Phase, mark, marked, phase, unmarked

PAYMENT = {"entity_id": 3, "method": "checkmo", "additional_information": {"a": "b"}}


def an_item(item_id: int = 1, ordered: int = 3, shipped: int = 0, **changes: Any) -> MagentoItem:
    return MagentoItem(
        **{
            "item_id": item_id,
            "sku": "MUG-BLUE",
            "ext_order_item_id": f"I{item_id}",
            "quantity_ordered": Decimal(ordered),
            "quantity_shipped": Decimal(shipped),
            "product_type": "simple",
            "product_id": 11,
            **changes,
        }
    )


def an_order(*items: MagentoItem, state: str = "new", **changes: Any) -> MagentoOrder:
    return MagentoOrder(7, state=state, status="pending", items=items, **changes)


@pytest.mark.parametrize(
    ("line", "shipped"),
    [
        ({"qty_ordered": 3, "product_id": 1}, 6),
        ({"qty_ordered": 3, "product_id": 1, "qty_shipped": 1}, 5),
        ({"qty_ordered": 3, "product_id": 1, "qty_shipped": 3}, 3),
        ({"qty_ordered": 3}, 3),
        ({"qty_ordered": 3, "qty_shipped": 1}, 3),
    ],
    ids=["new", "partly shipped", "shipped", "no product", "no product, partly shipped"],
)
def test_a_cancellation_takes_what_is_still_to_be_shipped(
    line: dict[str, Any], shipped: int
) -> None:
    other = {"qty_ordered": 1, "product_id": 2}
    entity = {"grand_total": Decimal(5), "items": [line, other]}
    assert marked(entity) == {
        "grand_total": Decimal(5),
        "items": [{**line, "qty_shipped": shipped}, {**other, "qty_shipped": 2}],
    }


def test_an_order_with_nothing_to_reserve_is_as_before() -> None:
    entity = {"items": [{"qty_ordered": 2}, {"qty_ordered": 1, "product_id": 1, "qty_shipped": 1}]}
    assert marked(entity) == entity


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (an_order(an_item(shipped=6)), Phase.MARKED),
        (an_order(an_item(shipped=6), state="processing"), Phase.MARKED),
        (an_order(an_item(1, shipped=3), an_item(2, shipped=4)), Phase.MARKED),
        (an_order(an_item(shipped=6), state="canceled"), Phase.HIDDEN),
        (an_order(an_item(shipped=0)), Phase.THROUGH),
        (an_order(an_item(shipped=3), state="complete"), Phase.THROUGH),
        (an_order(an_item(shipped=0), state="canceled"), Phase.CANCELLED),
        (an_order(an_item(shipped=0), state="closed"), Phase.CANCELLED),
        (an_order(an_item(shipped=6), state="holded"), Phase.UNCLEAR),
        (an_order(an_item(shipped=6), state="closed"), Phase.UNCLEAR),
        (
            an_order(an_item(shipped=6, quantity_invoiced=Decimal(3)), state="processing"),
            Phase.UNCLEAR,
        ),
    ],
)
def test_each_phase_is_read_from_the_order(order: MagentoOrder, expected: Phase) -> None:
    assert phase(order) is expected


@pytest.mark.parametrize(
    ("shipped", "state", "expected"),
    [
        ((4, 2), "processing", Phase.MARKED),
        ((4, 2), "canceled", Phase.HIDDEN),
        ((2, 0), "processing", Phase.THROUGH),
        ((4, 0), "processing", Phase.THROUGH),
        ((2, 0), "canceled", Phase.CANCELLED),
    ],
)
def test_other_marks_are_told_by_all_of_them(
    shipped: tuple[int, int], state: str, expected: Phase
) -> None:
    order = an_order(an_item(1, 5, shipped[0]), an_item(2, 2, shipped[1]), state=state)
    assert phase(order, {1: Decimal(4), 2: Decimal(2)}) is expected


@pytest.mark.parametrize(("change", "expected"), [(1, 4), (0, 5), (-5, 10)])
def test_any_change_of_a_reservation_has_its_mark(change: int, expected: int) -> None:
    assert mark(an_item(ordered=5, shipped=2), Decimal(change)) == expected


def test_the_marks_say_what_had_been_shipped() -> None:
    order = an_order(
        an_item(1, 3, 6),
        an_item(2, 3, 5),
        an_item(3, 3, 3),
        an_item(4, 3, 3, product_id=0),
        an_item(5, 1, 1, product_id=0, ext_order_item_id=""),
    )
    assert unmarked(order, {"I4": 2}) == {
        1: Quantities(Decimal(0)),
        2: Quantities(Decimal(1)),
        3: Quantities(Decimal(3)),
        4: Quantities(Decimal(2)),
        5: Quantities(Decimal(0)),
    }


def test_an_order_saved_again_keeps_its_payment_and_forgets_its_cancellation() -> None:
    order = an_order(
        an_item(shipped=6),
        state="canceled",
        grand_total=Decimal("20.00"),
        base_grand_total=Decimal("10.00"),
        payment=PAYMENT,
    )
    zero = Decimal(0)
    assert rewritten(order, state="new", status="pending", lines=unmarked(order)) == {
        "entity_id": 7,
        "state": "new",
        "status": "pending",
        "grand_total": Decimal("20.00"),
        "base_grand_total": Decimal("10.00"),
        "total_due": Decimal("20.00"),
        "base_total_due": Decimal("10.00"),
        **{
            f"{base}{name}_canceled": zero
            for base in ("", "base_")
            for name in ("subtotal", "tax", "shipping", "discount", "total")
        },
        "items": [
            {
                "item_id": 1,
                "sku": "MUG-BLUE",
                "product_type": "simple",
                "qty_ordered": Decimal(3),
                "qty_shipped": zero,
                "qty_canceled": zero,
                "tax_canceled": zero,
                "discount_tax_compensation_canceled": zero,
            }
        ],
        "payment": PAYMENT,
    }


def test_a_paid_order_stays_paid_and_its_lines_alone() -> None:
    paid = Decimal("20.00")
    order = an_order(
        an_item(),
        state="processing",
        grand_total=paid,
        base_grand_total=paid,
        total_paid=paid,
        base_total_paid=paid,
        payment=PAYMENT,
    )
    assert rewritten(order, state="processing", status="amazon_paid") == {
        "entity_id": 7,
        "state": "processing",
        "status": "amazon_paid",
        **dict.fromkeys(("grand_total", "base_grand_total", "total_paid", "base_total_paid"), paid),
        "total_due": Decimal("0.00"),
        "base_total_due": Decimal("0.00"),
        "payment": PAYMENT,
    }
