"""What tests and demos do to the Magento stand-in: faults, the clerk's work, kill and restart."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.sandbox.test_magento_auth import BEARER, Caller, magento, one_shop
from tests.sandbox.test_magento_orders import a_line, an_order, place, state

__all__ = ["magento", "one_shop"]
TRACK = {"track_number": "00340", "title": "DHL", "carrier_code": "dhl"}


def test_a_cut_connection_leaves_the_order_behind(magento: Caller) -> None:
    magento.control("POST", "faults", {"route": "create_order", "kind": "cut_after"})
    magento.control("POST", "faults", {"route": "create_order", "kind": "cut_before"})
    for made in (1, 1):
        with pytest.raises(requests.ConnectionError):
            place(magento)
        assert len(magento.control("GET", "orders")) == made


@pytest.mark.parametrize(
    ("route", "method", "path", "body"),
    [
        ("products", "GET", "products?searchCriteria=", None),
        ("create_order", "POST", "orders", {"entity": {}}),
        ("create_order", "PUT", "orders/create", {"entity": {}}),
        ("orders", "GET", "orders?searchCriteria=", None),
        ("order", "GET", "orders/1", None),
        ("cancel_order", "POST", "orders/1/cancel", None),
        ("invoice", "POST", "order/1/invoice", None),
        ("invoices", "GET", "invoices?searchCriteria=", None),
        ("ship", "POST", "order/1/ship", None),
        ("shipments", "GET", "shipments?searchCriteria=", None),
        ("add_track", "POST", "shipment/track", {"entity": {}}),
        ("customers_search", "GET", "customers/search?searchCriteria=", None),
        ("create_customer", "POST", "customers", {"customer": {}}),
        ("order_comment", "POST", "orders/1/comments", {"statusHistory": {}}),
    ],
)
def test_every_route_can_be_made_to_fail(
    magento: Caller, route: str, method: str, path: str, body: Any
) -> None:
    magento.control("POST", "faults", {"route": route, "kind": "html", "status": 502})
    assert magento.call(method, path, body).status_code == 502
    assert magento.call(method, path, body).status_code != 502
    assert magento.control("GET", "calls")[route]["502"] == 1


def test_maintenance_answers_html_and_ends(magento: Caller) -> None:
    magento.control("POST", "maintenance", {"on": True})
    answer = magento.call("GET", "products?searchCriteria=")
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "text/html; charset=UTF-8")
    magento.control("POST", "maintenance", {"on": False})
    assert magento.call("GET", "products?searchCriteria=").status_code == 200


def test_a_clerk_ships_by_number_and_sku(magento: Caller) -> None:
    made = place(magento, a_line(), a_line("MUG-RED", 1), increment_id="A-1")
    first = {"increment_id": "A-1", "items": [{"sku": "MUG-BLUE", "qty": 1}], "tracks": [TRACK]}
    assert magento.control("POST", "ship", first) == {"shipment_id": 1}
    assert magento.control("POST", "ship", {"entity_id": made["entity_id"]}) == {"shipment_id": 2}
    magento.control("POST", "track", {"increment_id": "A-1", **TRACK})
    (order,) = magento.control("GET", "orders")
    assert [item["qty_shipped"] for item in order["items"]] == [2, 1]
    assert [
        [track["track_number"] for track in shipment["tracks"]] for shipment in order["shipments"]
    ] == [["00340"], ["00340"]]
    assert (order["state"], order["invoices"], order["invoice_total"]) == ("processing", 0, 0)


def test_a_clerk_cancels(magento: Caller) -> None:
    made = place(magento)
    assert magento.control("POST", "cancel", {"entity_id": made["entity_id"]}) == {"canceled": True}
    assert state(magento, made["entity_id"]) == ("canceled", "canceled")


def test_the_catalogue_can_be_changed(magento: Caller) -> None:
    magento.control("POST", "products", {"sku": "NEW/1", "qty": 3})
    magento.control("POST", "products/NEW%2F1", {"qty": 5, "status": 2})
    assert magento.ok("GET", "products/NEW%2F1")["status"] == 2
    for sku in ("NEW%2F1", "NEW/1"):
        level = magento.control("GET", f"stock/{sku}")
        assert level == {"source": 5, "reservations_sum": 0, "salable": 5}
    assert magento.control("GET", "stock/SLASH/SKU+1")["salable"] == 10
    magento.control("POST", "products/LAMP", {"in_stock": False})
    assert magento.ok("GET", "inventory/is-product-salable/LAMP/1") is False


def test_a_reset_brings_the_first_day_back(magento: Caller) -> None:
    place(magento)
    magento.control("POST", "products", {"sku": "NEW", "qty": 3})
    magento.control("POST", "reset")
    assert magento.control("GET", "orders") == []
    assert magento.ok("GET", "products?searchCriteria=&fields=total_count") == {"total_count": 15}
    assert place(magento)["entity_id"] == 1


@contextmanager
def process(data: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "sandbox", "magento", "--port", "0", "--data", str(data)]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            yield running, running.stdout.readline().strip()
        finally:
            running.kill()


def test_a_killed_stand_in_remembers_what_it_answered(tmp_path: Path) -> None:
    data = tmp_path / "magento.sqlite"
    with process(data) as (running, url):
        orders = f"{url}/rest/default/V1/orders"
        body = {"entity": an_order()}
        made = requests.post(orders, json=body, headers=BEARER, timeout=10)
        assert made.status_code == 200
        before = requests.get(f"{orders}/1", headers=BEARER, timeout=10).json()
        running.send_signal(signal.SIGKILL)
        assert running.wait(10) == -signal.SIGKILL
    with process(data, "--bearer", "on") as (running, url):
        after = requests.get(f"{url}/rest/default/V1/orders/1", headers=BEARER, timeout=10)
        assert after.json() == before
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 0


def test_the_command_line_sets_currency_and_bearer(tmp_path: Path) -> None:
    data = tmp_path / "magento.sqlite"
    with process(data, "--base-currency", "GBP", "--bearer", "off") as (_, url):
        currency = requests.get(f"{url}/rest/V1/directory/currency", timeout=10).json()
        assert currency["base_currency_code"] == "GBP"
        refused = requests.get(f"{url}/rest/V1/orders/1", headers=BEARER, timeout=10)
        assert refused.status_code == 401


def test_the_shops_clock_can_be_moved_and_credit_memos_be_counted(magento: Caller) -> None:
    entity_id = place(magento)["entity_id"]
    magento.call("POST", f"order/{entity_id}/invoice", None)
    before = magento.control("POST", "clock", {"offset_s": 0})["now"]
    after = magento.control("POST", "clock", {"offset_s": 2 * 86_400})["now"]
    made = magento.control("POST", "refund", {"entity_id": entity_id})["creditmemo_id"]
    assert before[:10] < after[:10]
    memo = magento.call("GET", f"creditmemo/{made}").json()
    assert memo["created_at"][:10] == after[:10]
    (counted,) = magento.control("GET", "creditmemos")
    assert (counted["entity_id"], counted["grand_total"]) == (made, memo["grand_total"])
