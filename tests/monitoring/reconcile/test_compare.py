"""What counts as a difference, and what the normal way still works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from pipeline.amazon import parsing
from pipeline.magento.records import MagentoItem, MagentoOrder
from pipeline.monitoring.reconcile.compare import Cure, FoundDifference, Kind, Sides, compare
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Order, Status
from pipeline.settings.marketplace import MarketplaceSettings
from tests.builders import NOW, a_raw_item, a_raw_order, a_shipment, an_item, an_order

HOUR = timedelta(hours=1)
FULFILLED = a_raw_item(fulfillment={"quantityFulfilled": 2, "quantityUnfulfilled": 0})


def in_shop(entity_id: int = 900, shipped: int = 0, **changes: Any) -> MagentoOrder:
    item = MagentoItem(
        *(501, "MUG-BLUE", "I1"), quantity_ordered=Decimal(2), quantity_shipped=Decimal(shipped)
    )
    facts: dict[str, Any] = {
        "increment_id": f"000000{entity_id}",
        "state": "processing",
        "grand_total": Decimal("20.00"),
        "items": (item,),
    }
    return MagentoOrder(entity_id, **{**facts, **changes})


def ours(**changes: Any) -> Order:
    """An order that waits for the warehouse."""
    facts: dict[str, Any] = {
        "id": 1,
        "step": "ship_order",
        "status": Status.WAITING,
        "magento_order_id": 900,
        "magento_increment_id": "000000900",
        "currency": "EUR",
        "grand_total": Decimal("20.00"),
        "items": [an_item(magento_item_id=501)],
    }
    return an_order(**{**facts, **changes})


def sides(
    row: Order | None,
    shop: Sequence[MagentoOrder] = (),
    *,
    amazon: str = "UNSHIPPED",
    raw: dict[str, Any] | None = None,
    marketplace: dict[str, Any] | None = None,
    **changes: Any,
) -> Sides:
    report = a_raw_order(status=amazon, **(raw or {}))
    return replace(
        Sides(
            identity=parsing.identify(report),
            placed=parsing.parse(report),
            ours=row,
            in_shop=shop,
            settings=MarketplaceSettings.model_validate(marketplace or {}),
            start_from=NOW - 30 * 24 * HOUR,
        ),
        **changes,
    )


def kinds(differences: list[FoundDifference] | None) -> list[tuple[Kind, Cure]] | None:
    return None if differences is None else [(one.kind, one.cure) for one in differences]


SHIPPED = {"remote_status": "SHIPPED"}
MISSING_HERE = (Kind.MISSING_HERE, Cure.TAKE_IN)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        pytest.param(sides(None), [MISSING_HERE], id="not here"),
        pytest.param(sides(None, amazon="PENDING"), [], id="pending is no order yet"),
        pytest.param(sides(None, amazon="CANCELLED"), [], id="cancelled before we saw it"),
        pytest.param(
            sides(None, raw={"fulfilled_by": "AMAZON"}), [], id="Amazon's before it has shipped"
        ),
        pytest.param(
            sides(None, amazon="SHIPPED", raw={"fulfilled_by": "AMAZON"}),
            [MISSING_HERE],
            id="Amazon's, shipped",
        ),
        pytest.param(
            sides(None, raw={"purchased_at": NOW - 31 * 24 * HOUR}), [], id="before start_from"
        ),
        pytest.param(sides(None, marketplace={"import_orders": False}), [], id="view only, new"),
        pytest.param(
            sides(ours(magento_order_id=None), marketplace={"import_orders": False}),
            [],
            id="view only, here",
        ),
        pytest.param(sides(None, [in_shop()]), [(Kind.NOT_OURS, Cure.TELL)], id="another's"),
        pytest.param(
            sides(None, [in_shop()], forgotten_before=NOW),
            [MISSING_HERE],
            id="forgotten by a restored database, whose ledger looks first",
        ),
        pytest.param(
            sides(None, [in_shop(state="canceled")]), [MISSING_HERE], id="another's, ended"
        ),
        pytest.param(sides(ours(), [in_shop()]), [], id="all agree"),
        pytest.param(sides(ours(status=Status.READY)), None, id="a step is at it"),
        pytest.param(sides(ours(status=Status.RUNNING)), None, id="a step is at it now"),
        pytest.param(sides(ours(tries=1)), None, id="a step failed and is tried again"),
        pytest.param(sides(ours()), [(Kind.MISSING_IN_MAGENTO, Cure.HOLD)], id="gone in Magento"),
        pytest.param(
            sides(ours(magento_order_id=None, status=Status.DONE, dismissed_at=NOW), [in_shop()]),
            [],
            id="dismissed, and placed by hand",
        ),
        pytest.param(
            sides(ours(magento_order_id=None, step="create_order"), [in_shop()], is_placing=True),
            [],
            id="the ledger is at it",
        ),
        pytest.param(
            sides(ours(), [in_shop(), in_shop(901)]), [(Kind.DOUBLED, Cure.HOLD)], id="doubled"
        ),
        pytest.param(
            sides(ours(), [in_shop(), in_shop(901, state="canceled")]), [], id="doubled and ended"
        ),
        pytest.param(
            sides(ours(remote_updated_at=NOW - HOUR), [in_shop()]),
            [(Kind.OUTDATED, Cure.TAKE_IN)],
            id="outdated",
        ),
        pytest.param(
            sides(ours(remote_updated_at=NOW + HOUR), [in_shop()]), [], id="our news is newer"
        ),
        pytest.param(
            sides(ours(), [in_shop(grand_total=Decimal("20.01"))]),
            [(Kind.TOTALS, Cure.HOLD)],
            id="Magento's total",
        ),
        pytest.param(
            sides(ours(grand_total=Decimal(19)), [in_shop(grand_total=Decimal(19))]),
            [(Kind.TOTALS, Cure.HOLD)],
            id="Amazon's total",
        ),
        pytest.param(
            sides(
                ours(),
                [
                    in_shop(
                        grand_total=Decimal(9),
                        items=(
                            MagentoItem(
                                *(501, "MUG-BLUE", "I1"),
                                quantity_ordered=Decimal(2),
                                quantity_canceled=Decimal(1),
                            ),
                        ),
                    )
                ],
            ),
            [],
            id="a total that a partial cancellation lowered",
        ),
        pytest.param(
            sides(ours(), [in_shop(shipped=2)]), [(Kind.UNCONFIRMED, Cure.LOOK)], id="not watched"
        ),
        pytest.param(
            sides(ours(shipments=[a_shipment(shipped_at=NOW - HOUR)]), [in_shop(shipped=2)]),
            [],
            id="shipped an hour ago",
        ),
        pytest.param(
            sides(ours(shipments=[a_shipment(shipped_at=NOW - 5 * HOUR)]), [in_shop(shipped=2)]),
            [(Kind.UNCONFIRMED, Cure.LOOK)],
            id="shipped this morning",
        ),
        pytest.param(
            sides(
                ours(status=Status.DONE, shipments=[a_shipment(shipped_at=NOW - 5 * HOUR)]),
                [in_shop(shipped=2, state="complete")],
            ),
            [(Kind.UNCONFIRMED, Cure.HOLD)],
            id="confirmed, and Amazon has it not",
        ),
        pytest.param(
            sides(ours(programs=["AMAZON_EASY_SHIP"]), [in_shop(shipped=2)]),
            [],
            id="never confirmed by us",
        ),
        pytest.param(
            sides(
                ours(**SHIPPED, remote_updated_at=NOW - 5 * HOUR),
                [in_shop()],
                amazon="SHIPPED",
                raw={"updated_at": NOW - 5 * HOUR, "orderItems": [FULFILLED]},
            ),
            [(Kind.NOT_SHIPPED, Cure.HOLD)],
            id="not shipped in Magento",
        ),
        pytest.param(
            sides(ours(**SHIPPED), [in_shop()], amazon="SHIPPED", raw={"orderItems": [FULFILLED]}),
            [],
            id="not shipped in Magento yet",
        ),
        pytest.param(
            sides(ours(remote_status="CANCELLED"), [in_shop()], amazon="CANCELLED"),
            [(Kind.CANCELLED, Cure.LOOK)],
            id="cancelled on Amazon",
        ),
        pytest.param(
            sides(
                ours(remote_status="CANCELLED", status=Status.CANCELLED),
                [in_shop()],
                amazon="CANCELLED",
            ),
            [(Kind.CANCELLED, Cure.HOLD)],
            id="cancelled on Amazon and alive again in Magento",
        ),
        pytest.param(
            sides(
                ours(remote_updated_at=NOW - HOUR, status=Status.DONE),
                [in_shop()],
                amazon="CANCELLED",
            ),
            [(Kind.CANCELLED, Cure.TAKE_IN)],
            id="cancelled on Amazon, unheard of",
        ),
        pytest.param(
            sides(ours(), [in_shop(state="closed")]), [(Kind.CANCELLED, Cure.LOOK)], id="closed"
        ),
        pytest.param(
            sides(ours(step="create_order"), [in_shop(state="canceled")]),
            [],
            id="cancelled for a moment while it is placed",
        ),
        pytest.param(
            sides(
                ours(**SHIPPED, fulfilled_by="FBA", status=Status.DONE, step="sync_tracking"),
                [in_shop(state="closed")],
                amazon="SHIPPED",
                raw={"fulfilled_by": "AMAZON"},
            ),
            [],
            id="Amazon's, refunded",
        ),
    ],
)
def test_a_difference_or_none(case: Sides, expected: list[tuple[Kind, Cure]] | None) -> None:
    assert kinds(compare(case, NOW)) == expected


def test_each_hold_names_its_code_and_both_figures() -> None:
    [difference] = compare(sides(ours(), [in_shop(grand_total=Decimal("20.01"))]), NOW) or []
    assert (difference.code, difference.detail) == (
        HoldCode.TOTALS_DIFFER,
        "Magento has 20.01, placed were 20.00 EUR: correct the order in Magento",
    )
