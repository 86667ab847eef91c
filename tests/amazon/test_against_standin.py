"""The client and the stand-in, which was written from the same documents by another hand."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from pipeline.amazon.client import Amazon
from pipeline.base.errors import AccountStopped, Rejected, Transient
from pipeline.orders.channel import Confirmation
from pipeline.orders.channel_order import Missing
from sandbox.amazon.app import create_app
from sandbox.amazon.builders import a_line, an_order
from sandbox.amazon.quota import Quota
from sandbox.amazon.state import Options, open_store
from sandbox.core import make
from tests.amazon.scripted import an_account

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SINCE = NOW - timedelta(days=1)
CREDENTIALS = {
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
    "refresh_token": "Atzr|sandbox-main",
}


class Standin:
    """The stand-in's control routes."""

    def __init__(self, url: str) -> None:
        self.url = url

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.url}/_control/{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def place(self, order: dict[str, Any]) -> None:
        self.control("POST", "orders", {"order": order})


@pytest.fixture
def standin(tmp_path: Path) -> Iterator[Standin]:
    store = open_store(tmp_path / "amazon.sqlite")
    options = Options(quotas=dict(Options().quotas) | {"getOrder": Quota(0.5, 2)})
    server = make(create_app(store, options, clock=lambda: NOW), 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with closing(store):
        try:
            yield Standin(f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def amazon(standin: Standin, slept: list[float]) -> Amazon:
    account = an_account(standin.url, **CREDENTIALS)
    return Amazon("main", account, now=lambda: NOW, sleep=slept.append)


def order_id(number: int) -> str:
    return f"302-0000000-{number:07}"


def a_confirmation(reference: str = "1", **changes: Any) -> Confirmation:
    values: dict[str, Any] = {
        "external_id": order_id(1),
        "marketplace_id": "A1PA6795UKMFR9",
        "reference": reference,
        "carrier_code": "dhl",
        "carrier_title": "DHL",
        "tracking_number": "00340434161094000000",
        "shipped_at": NOW,
        "quantities": {"77": 2},
    }
    return Confirmation(**(values | changes))


def test_every_changed_order_comes_over_all_pages(standin: Standin, amazon: Amazon) -> None:
    placed_at = NOW - timedelta(hours=1)
    for number in range(101):
        standin.place(an_order(order_id(number), created_at=placed_at))
    seen: list[str] = []
    token, pages = None, 0
    while token is not None or not pages:
        page = amazon.changed_orders(SINCE, token)
        seen += [amazon.identify(raw).external_id for raw in page.orders]
        token, pages = page.next_token, pages + 1
    assert (pages, sorted(seen)) == (2, [order_id(number) for number in range(101)])
    assert page.upper_bound == NOW - timedelta(seconds=120)


@pytest.mark.parametrize("tax_included", [False, True])
@pytest.mark.parametrize("discount_positive", [False, True])
def test_an_order_is_read_to_the_cent(
    standin: Standin, amazon: Amazon, tax_included: bool, discount_positive: bool
) -> None:
    lines = [
        a_line("A", 3, unit="19.99", discount="5.00", tax="9.57", gift_wrap="3.50"),
        a_line("B", 1, unit="7.00", shipping="4.99", shipping_discount="1.00", shipping_tax="0.64"),
    ]
    standin.place(
        an_order(
            order_id(1),
            lines=lines,
            tax_included=tax_included,
            discount_positive=discount_positive,
        )
    )
    raw = amazon.order(order_id(1))
    read, order = amazon.amounts(raw), amazon.parse(raw)
    taxes = "tax included" if tax_included else "tax on top"
    discounts = "discount negated" if discount_positive else "discount as given"
    assert read.mode == f"{discounts}, {taxes}"
    assert sum(line.total for line in read.lines.values()) == read.grand_total == order.grand_total
    assert read.grand_total == Decimal("69.46") + (0 if tax_included else Decimal("10.21"))
    assert read.adjustments == ()


def test_a_package_is_confirmed_and_edited(standin: Standin, amazon: Amazon) -> None:
    standin.place(an_order(order_id(1), lines=[a_line("A", 2, item_id="77")], created_at=SINCE))
    amazon.confirm_shipment(a_confirmation())
    amazon.confirm_shipment(a_confirmation(tracking_number="00340434161094000001"))
    order = amazon.parse(amazon.order(order_id(1)))
    assert (order.status, order.lines[0].quantity_fulfilled) == ("SHIPPED", 2)
    (package,) = order.packages
    assert (package.reference, package.carrier, package.tracking_number, package.quantities) == (
        "1",
        "DHL",
        "00340434161094000001",
        {"77": 2},
    )


def test_amazons_clock_may_be_behind_ours_and_the_shops(standin: Standin, amazon: Amazon) -> None:
    standin.place(an_order(order_id(1), lines=[a_line("A", 2, item_id="77")], created_at=SINCE))
    standin.control("POST", "clock", {"offset_s": -150})
    amazon.order(order_id(1))
    amazon.confirm_shipment(a_confirmation(shipped_at=NOW + timedelta(minutes=3)))
    (package,) = standin.control("GET", f"orders/{order_id(1)}")["order"]["packages"]
    assert package["shipTime"] == "2026-11-22T11:57:30.000Z"


def test_a_package_too_many_is_told_apart(standin: Standin, amazon: Amazon) -> None:
    standin.place(an_order(order_id(1), lines=[a_line("A", 2, item_id="77")], created_at=SINCE))
    amazon.confirm_shipment(a_confirmation())
    with pytest.raises(Rejected) as refused:
        amazon.confirm_shipment(a_confirmation("2"))
    assert refused.value.code == "PackageToUpdateNotFound"


def test_a_lost_answer_is_made_good_by_the_same_reference(
    standin: Standin, amazon: Amazon, slept: list[float]
) -> None:
    standin.place(an_order(order_id(1), lines=[a_line("A", 2, item_id="77")], created_at=SINCE))
    standin.control("POST", "faults", {"route": "confirm_shipment", "kind": "cut_after"})
    amazon.confirm_shipment(a_confirmation())
    confirmations = standin.control("GET", f"orders/{order_id(1)}")["confirmations"]
    assert confirmations == {"1": {"calls": 2, "edits": 1}}
    assert len(slept) == 1


def test_an_unknown_order_is_rejected(amazon: Amazon) -> None:
    with pytest.raises(Rejected) as refused:
        amazon.order(order_id(9))
    assert (refused.value.status, refused.value.code) == (404, "NotFound")


def test_an_expired_token_is_renewed(standin: Standin, amazon: Amazon) -> None:
    standin.place(an_order(order_id(1)))
    amazon.order(order_id(1))
    standin.control("POST", "clock", {"offset_s": 3700})
    assert amazon.identify(amazon.order(order_id(1))).external_id == order_id(1)


def test_a_revoked_account_stops(standin: Standin, amazon: Amazon) -> None:
    standin.control("POST", "accounts", {"account": "main", "revoked": True})
    with pytest.raises(AccountStopped):
        amazon.order(order_id(1))


def test_an_empty_bucket_is_waited_for(
    standin: Standin, amazon: Amazon, slept: list[float]
) -> None:
    standin.place(an_order(order_id(1)))
    for _ in range(2):
        amazon.order(order_id(1))
    with pytest.raises(Transient) as throttled:
        amazon.order(order_id(1))
    assert (throttled.value.code, throttled.value.retry_after_s) == ("QuotaExceeded", 2.0)
    assert slept == [2.0, 2.0, 2.0]


def test_an_order_without_personal_data_is_an_order(standin: Standin, amazon: Amazon) -> None:
    standin.control("POST", "accounts", {"account": "main", "pii": False})
    standin.place(an_order(order_id(1)))
    order = amazon.parse(amazon.order(order_id(1)))
    assert (order.buyer_name, order.buyer_email, order.status) == ("", "", "UNSHIPPED")


@pytest.mark.parametrize(
    ("pii", "status", "fulfilled_by", "missing"),
    [
        (True, "UNSHIPPED", "MERCHANT", {}),
        (
            False,
            "UNSHIPPED",
            "MERCHANT",
            dict.fromkeys(
                ("buyer name", "buyer e-mail", "recipient", "street", "postcode", "phone"),
                Missing.ROLE,
            ),
        ),
        (
            True,
            "PENDING",
            "MERCHANT",
            dict.fromkeys(
                ("buyer name", "buyer e-mail", "recipient", "street", "postcode", "phone"),
                Missing.NOT_YET,
            ),
        ),
        (
            True,
            "SHIPPED",
            "AMAZON",
            {
                "buyer name": Missing.TAX_ROLE,
                "buyer e-mail": Missing.BY_AMAZON,
                "recipient": Missing.TAX_ROLE,
                "street": Missing.TAX_ROLE,
                "phone": Missing.BY_AMAZON,
            },
        ),
        (True, "SHIPPED", "MERCHANT", {"phone": Missing.DELIVERED}),
    ],
)
def test_it_is_known_why_personal_data_is_missing(
    standin: Standin,
    amazon: Amazon,
    pii: bool,
    status: str,
    fulfilled_by: str,
    missing: dict[str, Missing],
) -> None:
    standin.control("POST", "accounts", {"account": "main", "pii": pii})
    order = an_order(
        order_id(1),
        status=status,
        fulfilled_by=fulfilled_by,
        created_at=NOW - timedelta(days=9),
    )
    standin.place(order)
    assert amazon.parse(amazon.order(order_id(1))).missing == missing
