"""`orderbridge simulate`: what it tells of an order, and what it keeps to itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.amazon.builders import a_line
from tests.cli.simulating import CONFIGURATION, NUMBER, Simulate, a_raw, body_of, kinds, last, told


def test_an_order_that_would_be_created_is_told_step_by_step(simulate: Simulate) -> None:
    result = simulate(a_raw())
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[:7] == [
        f"Order {NUMBER} (DE) would be created in Magento",
        "  import_order     done",
        "  verify_order     done",
        "  enrich_order     done",
        "  create_customer  skipped: guest order",
        "  create_order     done",
        "    order: Magento: PUT /rest/default/V1/orders/create",
    ]
    assert "    invoice: Magento: POST /rest/V1/order/1/invoice" in lines
    assert '          "grand_total": 28.79,' in lines
    assert lines[-6:] == [
        "  ship_order       waits: waiting for the warehouse",
        "",
        "Settings: the defaults, since there is no orderbridge.toml.",
        "The shop is simulated: it has every SKU as a simple product in stock, with an invented "
        "id; its store views have the order's currency.",
        "SKUs mapped by hand and overrides are in the database, and do not apply here.",
        "The buyer's data is masked; --show-buyer shows it.",
    ]


def test_what_amazon_would_be_told_needs_a_carrier(simulate: Simulate) -> None:
    order = told(simulate(a_raw(), "--json", "--carrier", "DHL", "--tracking", "00340"))
    assert kinds(order) == [
        *("order", "reservation", "reopening", "invoice"),
        *("shipment confirmation", "comment"),
    ]
    package = body_of(order, "shipment confirmation")["packageDetail"]
    assert (package["carrierCode"], package["trackingNumber"]) == ("DHL", "00340")
    assert [item["quantity"] for item in package["orderItems"]] == [2]
    assert last(order) == ("sync_tracking", "done", "")
    other = told(simulate(a_raw(), "--json", "--carrier", "Bike Couriers"))
    package = body_of(other, "shipment confirmation")["packageDetail"]
    assert (package["carrierCode"], package["carrierName"]) == ("Other", "Bike Couriers")


def _personal(raw: dict[str, Any]) -> set[str]:
    address = raw["recipient"]["deliveryAddress"]
    texts = {address[name] for name in ("name", "addressLine1", "city", "postalCode", "phone")}
    return {*texts, *raw["buyer"].values(), "Happy birthday", "Briefkasten hinten"}


@pytest.mark.parametrize("as_json", [(), ("--json",)])
@pytest.mark.parametrize("settings", ["", 'customers = "create"\nwelcome_mail = "accept"'])
def test_the_buyer_is_masked_unless_asked_for(
    simulate: Simulate, as_json: tuple[str, ...], settings: str
) -> None:
    raw = a_raw(lines=[a_line("MUG-BLUE", 1, gift_message="Happy birthday")], name="Vera Vogel")
    raw["recipient"]["deliveryPreference"] = {"addressInstruction": "Briefkasten hinten"}
    words = ("--config", "a.toml", "--carrier", "dhl", *as_json)
    files = {"a.toml": CONFIGURATION.format(settings=settings)}
    hidden = simulate(raw, *words, **files)
    assert hidden.exit_code == 0
    parts = {part for text in _personal(raw) for part in (text, *text.split()) if len(part) > 2}
    assert {part for part in parts if part in hidden.output} == set()
    shown = simulate(raw, *words, "--show-buyer", **files).output
    assert {text for text in ("Vogel", "Happy birthday", "Briefkasten hinten", "Musterstraße 12")
            if text not in shown} == set()  # fmt: skip


def without(*path: str) -> dict[str, Any]:
    raw = deepcopy(a_raw())
    holder = raw
    for name in path[:-1]:
        holder = holder[name]
    del holder[path[-1]]
    return raw


PRODUCTS = "sku,type,enabled,qty,price\n"


@pytest.mark.parametrize(
    ("raw", "products", "end"),
    [
        (a_raw(), "OTHER,simple,1,5,3.00", ("enrich_order", "held", "sku_not_found")),
        (a_raw(), "MUG-BLUE,simple,0,5,", ("enrich_order", "held", "product_disabled")),
        (a_raw(), "MUG-BLUE,bundle,1,5,", ("enrich_order", "held", "product_type")),
        (a_raw(), "MUG-BLUE,simple,1,1,", ("enrich_order", "held", "out_of_stock")),
        (a_raw(), "mug-blue,simple,1,2,", ("ship_order", "waits", "")),
        (a_raw(), "MUG-BLUE,,,,", ("ship_order", "waits", "")),
        (a_raw(status="PENDING"), "", ("verify_order", "waits", "")),
        (a_raw(status="UNFULFILLABLE"), "", ("verify_order", "held", "unfulfillable")),
        (a_raw(status="CANCELLED"), "", ("intake", "not imported", "")),
        (a_raw(fulfilled_by="AMAZON"), "", ("intake", "not imported", "")),
        (a_raw(status="SHIPPED", fulfilled_by="AMAZON"), "", ("sync_tracking", "skipped", "")),
        (without("recipient"), "", ("enrich_order", "held", "address_unusable")),
        (without("orderItems"), "", ("import_order", "held", "unreadable_order")),
        (without("createdTime"), "", ("intake", "not imported", "unreadable_order")),
        (without("orderId"), "", ("intake", "not imported", "unreadable_order")),
        (
            a_raw() | {"proceeds": {"grandTotal": {"amount": "9.99", "currencyCode": "EUR"}}},
            "",
            ("enrich_order", "held", "totals_unclear"),
        ),
    ],
)
def test_where_an_order_stays(
    simulate: Simulate, raw: dict[str, Any], products: str, end: tuple[str, str, str]
) -> None:
    words = ("--products", "goods.csv") if products else ()
    result = simulate(raw, "--json", *words, **{"goods.csv": PRODUCTS + products})
    order = told(result)
    assert last(order) == end
    is_created = end[0] in ("ship_order", "sync_tracking")
    assert (order["is_created"], result.exit_code) == (is_created, 0 if is_created else 1)


@pytest.mark.parametrize(
    ("settings", "products", "expected"),
    [
        ('stock = "none"\ninvoice = "leave"', "MUG-BLUE", ["order"]),
        ('stock = "none"\norder_status = "to_pick"', "MUG-BLUE", ["order", "invoice", "status"]),
        (
            'customers = "create"\nwelcome_mail = "accept"\nstock = "server"\ninvoice = "leave"',
            "MUG-BLUE",
            ["customer", "order"],
        ),
        (
            'unknown_sku = "placeholder"\nstock = "server"\ninvoice = "leave"',
            "OTHER",
            ["product", "order"],
        ),
    ],
)
def test_the_settings_of_the_file_count_without_any_secret(
    simulate: Simulate, settings: str, products: str, expected: list[str]
) -> None:
    files = {
        "orderbridge.toml": CONFIGURATION.format(settings=settings),
        "goods.csv": f"sku\n{products}\n",
    }
    result = simulate(a_raw(), "--json", "--products", "goods.csv", **files)
    assert kinds(told(result)) == expected
    assert json.loads(result.stdout)["assumed"][0] == ("Settings: account eu of orderbridge.toml.")


def test_a_pending_order_shows_what_would_hold_its_stock(simulate: Simulate) -> None:
    raw = a_raw(status="PENDING") | {"createdTime": datetime.now(UTC).isoformat()}
    files = {"orderbridge.toml": CONFIGURATION.format(settings='pending_orders = "reserve"')}
    order = told(simulate(raw, "--json", **files))
    assert last(order) == ("verify_order", "waits", "")
    assert [kind.rpartition(": ")[2] for kind in kinds(order)] == [
        *("create", "reserve", "reopen", "hold"),
    ]


def test_nothing_in_the_file_reaches_the_terminal_as_a_control(simulate: Simulate) -> None:
    raw = a_raw(lines=[a_line("MUG\x1b[31m", title="Mug\x9b31m")], marketplace="A\x9b31m")
    result = simulate(raw, "--show-buyer")
    assert result.exit_code == 0
    assert [one for one in result.stdout if not one.isprintable() and one != "\n"] == []


def test_one_buyer_gets_one_account(simulate: Simulate) -> None:
    settings = 'customers = "create"\nwelcome_mail = "accept"'
    files = {"orderbridge.toml": CONFIGURATION.format(settings=settings)}
    both = [
        a_raw(email="b@marketplace.example"),
        a_raw(number="302-0000002-0000002", email="B@marketplace.example"),
    ]
    first, second = json.loads(simulate(both, "--json", **files).stdout)["orders"]
    assert ("customer" in kinds(first), "customer" in kinds(second)) == (True, False)
    assert body_of(second, "order")["entity"]["customer_id"] == 1


def test_an_order_from_before_start_from_says_so(simulate: Simulate) -> None:
    configuration = CONFIGURATION.format(settings="").replace("2026-01-01", "2026-12-01")
    result = simulate(a_raw(), **{"orderbridge.toml": configuration})
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1] == (
        "  it was placed before start_from, so that only a backfill imports it"
    )


def test_no_socket_is_connected_and_no_name_looked_up(tmp_path: Path) -> None:
    """Python itself tells of each try, and the process ends with it."""
    config = tmp_path / "orderbridge.toml"
    config.write_text(CONFIGURATION.format(settings=""), encoding="utf-8")
    script = (
        "import os, sys\n"
        "def refuse(event, _):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.sendto'):\n"
        "        os._exit(99)\n"
        "sys.addaudithook(refuse)\n"
        "from tasks.command import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "simulate", "-", "--carrier", "dhl", "--json"],
        input=json.dumps(a_raw()),
        env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path)}
        | {"ORDERBRIDGE_CONFIG": str(config)},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["orders"][0]["is_created"] is True
