"""The Magento stand-in against exchanges recorded with a running 2.4.8, where that one differs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.magento.order_docs import Order
from tests.contracts import contract
from tests.sandbox.test_magento_auth import Caller, running_magento

_OF_ONE = ("row_total", "base_row_total")
_NET = {"row_total": "discount_amount", "base_row_total": "base_discount_amount"}
_ALSO_NET = {
    "row_total_incl_tax": "discount_amount",
    "base_row_total_incl_tax": "base_discount_amount",
}


@pytest.fixture
def magento(tmp_path: Path) -> Iterator[Caller]:
    with running_magento(tmp_path / "m.sqlite") as caller:
        caller.control("POST", "config", {"version": "2.4.8-p2"})
        yield caller


def recorded(name: str) -> Any:
    return json.loads(contract(f"magento/recordings-2.4.8/{name}.json").read_text())


@pytest.mark.parametrize(
    "name",
    ["customer-emoji-name", "customer-markup-name", "customer-slash-name",
     "order-address-odd-city"],
)  # fmt: skip
def test_what_2_4_8_refuses_is_refused_in_its_words(magento: Caller, name: str) -> None:
    recording = recorded(name)
    sent = recording["request"]
    answer = magento.call(sent["method"], sent["path"], sent["body"])
    assert answer.status_code == recording["response"]["status"]
    assert answer.json() == recording["response"]["body"]


def _orders() -> Iterator[Any]:
    for name in ("order-qty-2-invoiced", "orders-search-two"):
        body = recorded(name)["response"]["body"]
        yield from body["items"] if "search_criteria" in body else [body]


def test_row_totals_of_order_lines_are_of_one_unit(magento: Caller) -> None:
    for shown in _orders():
        lines = [_kept(item) for item in shown["items"]]
        doc = Order(row={"entity_id": shown["entity_id"], "store_id": 1}, items=lines)
        with magento.store.transaction() as db:
            db.execute(
                "INSERT INTO orders VALUES (?, ?, ?, ?)",
                (shown["entity_id"], shown["increment_id"], 1, json.dumps(vars(doc))),
            )
        answer = magento.ok("GET", f"orders/{shown['entity_id']}")
        for ours, theirs in zip(answer["items"], shown["items"], strict=True):
            for name in (*_NET, *_ALSO_NET):
                assert ours[name] == pytest.approx(theirs[name], abs=0.0001)


def _kept(item: dict[str, Any]) -> dict[str, Any]:
    """A line as the database keeps it: its row whole, its discount not taken off."""
    units, kept = item["qty_ordered"], dict(item)
    for name, discount in (_NET | _ALSO_NET).items():
        whole = units if name in _OF_ONE else 1
        kept[name] = round((item[name] + item[discount]) * whole, 4)
    return kept


@pytest.mark.parametrize("version", ["2.4.7-p3", "2.4.8-p2"])
def test_only_a_shop_of_2_4_8_shows_one_unit(magento: Caller, version: str) -> None:
    magento.control("POST", "config", {"version": version})
    line = {"sku": "PEN", "name": "pen", "qty_ordered": 2, "price": 1.99, "row_total": 3.98}
    entity = {"items": [line], "payment": {"method": "checkmo"}, "grand_total": 3.98}
    made = magento.ok("PUT", "orders/create", {"entity": entity})
    (shown,) = magento.ok("GET", f"orders/{made['entity_id']}")["items"]
    assert shown["row_total"] == (1.99 if version == "2.4.8-p2" else 3.98)
