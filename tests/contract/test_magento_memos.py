"""Whole credit memos of the stand-in against those that a running Magento 2.4.8 made."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contracts import contract
from tests.sandbox.test_magento_auth import Caller, magento, one_shop

__all__ = ["magento", "one_shop"]

_DOCUMENTS = ("_invoiced", "_refunded", "_canceled", "_paid", "_due")
_OF_A_MEMO = (
    *("subtotal", "subtotal_incl_tax", "tax_amount", "discount_amount", "grand_total"),
    *("discount_tax_compensation_amount", "shipping_amount", "shipping_tax_amount"),
    *("shipping_incl_tax", "adjustment"),
)
_OF_A_ROW = ("row_total", "tax_amount", "discount_amount", "discount_tax_compensation_amount")
_OF_AN_ORDER = (
    *("subtotal_refunded", "tax_refunded", "discount_refunded", "shipping_refunded"),
    *("shipping_tax_refunded", "total_refunded", "total_offline_refunded", "total_paid"),
    *("discount_tax_compensation_refunded", "adjustment_positive", "adjustment_negative"),
)


def recorded(name: str) -> Any:
    folder = contract("magento/recordings-2.4.8")
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["response"]["body"]


def both(names: tuple[str, ...]) -> list[str]:
    return [prefix + name for prefix in ("", "base_") for name in names]


def amounts(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, float]:
    """The amounts of these names; one that is left out is zero."""
    return {name: row.get(name) or 0 for name in both(names)}


def before_its_documents(closed: dict[str, Any]) -> dict[str, Any]:
    """The order as it was created, from how it was shown in the end."""

    def kept(row: dict[str, Any]) -> dict[str, Any]:
        return {
            key: value
            for key, value in row.items()
            if not key.endswith(_DOCUMENTS)
            and not key.endswith(("_at", "_id"))
            and not key.startswith(("adjustment", "base_adjustment", "weee", "qty_"))
            and isinstance(value, int | float | str)
        }

    items = []
    for item in closed["items"]:
        # Magento shows the row's total of one unit less the discount; the invoice took the whole.
        rows = {"row_total": item["row_invoiced"], "base_row_total": item["base_row_invoiced"]}
        items.append(kept(item) | rows | {"qty_ordered": item["qty_ordered"]})
    totals = {key: value for key, value in kept(closed).items() if "total_" not in key}
    payment = {"method": closed["payment"]["method"]}
    return totals | {"state": "new", "status": "pending", "items": items, "payment": payment}


@pytest.mark.parametrize(
    "name", ["shipping-tax", "shipping-discount", "promotions-shipping-both", "yen"]
)
def test_a_whole_memo_gives_back_what_magento_gave_back(magento: Caller, name: str) -> None:
    closed, (memo,) = recorded(f"order-closed-{name}"), recorded(f"creditmemos-{name}")["items"]
    made = magento.ok("PUT", "orders/create", {"entity": before_its_documents(closed)})
    order_id = made["entity_id"]
    magento.ok("POST", f"order/{order_id}/invoice", {"capture": True})
    magento.ok("POST", f"order/{order_id}/refund", {"notify": False})
    (ours,) = magento.ok("GET", "creditmemos?searchCriteria=")["items"]
    assert amounts(ours, _OF_A_MEMO) == amounts(memo, _OF_A_MEMO)
    assert [amounts(row, _OF_A_ROW) for row in ours["items"]] == [
        amounts(row, _OF_A_ROW) for row in memo["items"]
    ]
    after = magento.ok("GET", f"orders/{order_id}")
    assert after["state"] == closed["state"] == "closed"
    assert amounts(after, _OF_AN_ORDER) == amounts(closed, _OF_AN_ORDER)
