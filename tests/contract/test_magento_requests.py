"""Every request we send to a shop is one that its own REST schema knows.

The requests are those of whole days between the stand-ins, and of the sixty orders of the corpus:
nothing here lists them. The schema is beside the project, not part of it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.magento.client import Magento
from pipeline.settings.model import ShopSettings
from sandbox.amazon.builders import a_line, an_order
from sandbox.core import Store
from sandbox.magento.app import create_app
from sandbox.magento.auth import ACCESS_TOKEN
from sandbox.magento.schema import SCHEMA
from tests.contract.magento_days import Day, Noted, a_day, noting, served
from tests.contract.magento_schema import Request, faults, route
from tests.magento.corpus import CREATED
from tests.magento.test_corpus import RATES, Shop, placed

ROUTE = re.compile(r"(GET|POST|PUT|DELETE) (/V1/[\w/:-]+)")
AMERICAN = {
    "addressLine1": "1 Main St",
    "city": "Springfield",
    "stateOrRegion": "CA",
    "postalCode": "92025",
    "countryCode": "US",
    "phone": "+1 760 555 0100",
}
DHL = {"track_number": "00340434161094000001", "title": "DHL", "carrier_code": "dhl"}
SETTINGS: dict[str, Any] = {
    "customers": "create",
    "welcome_mail": "accept",
    "order_number": "amazon",
    "order_number_prefix": "AMZ-",
    "order_status": "packed",
    "pending_orders": "reserve",
    "unknown_sku": "placeholder",
    "gift_wrap": "price",
    "fba_lines": "catalogue",
}
RATES_AND_STATUSES = {
    "currency/rates": RATES,
    "sales/statuses": {"packed": "processing"},
    "version": "2.4.8",
}
LOST = ("create_order", "cancel_order", "invoice", "order_comment", "refund", "create_product")


def number(n: int) -> str:
    return f"028-{n:07}-{n:07}"


def sell(day: Day, n: int, *lines: Any, **more: Any) -> str:
    """An order at Amazon, or what has become of it."""
    day.tell("amazon", "orders", order=an_order(number(n), lines=list(lines), **more))
    return number(n)


def a_busy_day(day: Day) -> None:
    """Every kind of order, and what may happen to it afterwards."""
    for sku in ("MUG-BLUE", "MUG-RED", "TEE-M", "LAMP", "FBA-1"):
        day.tell("magento", "products", sku=sku, qty=100)
    wrapped = a_line("TEE-M", 2, shipping="4.99", gift_wrap="2.00", tax="3.80", shipping_tax="0.95",
                     discount="1.00", gift_message="All the best")  # fmt: skip
    regular = "regular@marketplace.example"
    plain = sell(day, 1, a_line("MUG-BLUE", 2), email=regular)
    sell(day, 2, wrapped, address=AMERICAN, programs=("AMAZON_BUSINESS", "PRIME"))
    sell(day, 3, a_line("FBA-1", 2), fulfilled_by="AMAZON", status="SHIPPED")
    sell(day, 4, a_line("NEVER-SEEN", 1))
    cancelled = sell(day, 5, a_line("MUG-RED", 1))
    sell(day, 6, a_line("LAMP", 5), a_line("MUG-RED", 1))
    sell(day, 7, a_line("MUG-BLUE", 1), currency="SEK")
    pending = sell(day, 8, a_line("MUG-BLUE", 3), status="PENDING")
    sell(day, 9, a_line("MUG-RED", 3), status="PENDING")
    for _ in range(2):
        day.work()
    entity_id = day.in_shop(plain)["entity_id"]
    day.tell("magento", "ship", entity_id=entity_id, tracks=[DHL])
    day.asked_to_ship(number(2), "dhl", DHL["track_number"])
    day.tell("amazon", f"orders/{cancelled}/status", status="CANCELLED")
    day.tell("amazon", f"orders/{pending}/status", status="UNSHIPPED")
    day.tell("amazon", f"orders/{number(9)}/status", status="CANCELLED")
    sell(day, 6, a_line("LAMP", 3), a_line("MUG-RED", 1))
    day.customers_move()
    sell(day, 10, a_line("MUG-BLUE", 1), email=regular)
    for _ in range(3):
        day.work(timedelta(minutes=10))


def described() -> set[str]:
    """The routes that the client's methods name as their sources."""
    texts = [
        inspect.getdoc(method) or ""
        for name, method in inspect.getmembers(Magento, inspect.isfunction)
        if not name.startswith("__")
    ]
    found = set()
    for method, path in (pair for text in texts for pair in ROUTE.findall(text)):
        named = route(Request(method, "/rest" + re.sub(r":\w+", "x", path), "", None))
        assert named is not None, f"{method} {path}"
        found.add(named)
    return found


@pytest.fixture
def run(
    tmp_path: Path, database_url: str, redis_url: str, figure: Callable[[str], None]
) -> Callable[..., set[str]]:
    """Plays a busy day, judges every request that reached the shop, and returns their routes."""

    def play(
        settings: Mapping[str, Any], config: Mapping[str, Any], lost: Sequence[str] = ()
    ) -> set[str]:
        with a_day(tmp_path, database_url, redis_url, settings, config) as (day, noted):
            for name in lost:
                day.tell("magento", "faults", route=name, kind="cut_after")
            a_busy_day(day)
        return judged(noted.requests, figure)

    return play


def judged(sent: Sequence[Request], figure: Callable[[str], None]) -> set[str]:
    """The routes asked for. Every request must be one that the schema knows."""
    assert [fault for request in sent for fault in faults(request)] == []
    routes = set(filter(None, map(route, sent)))
    with_body = sum(request.body is not None for request in sent)
    figure(
        f"{len(sent)} requests over {len(routes)} routes of Magento, {with_body} of them with a"
        " body, are as its REST schema has them"
    )
    return routes


def test_a_plain_days_requests_are_known_to_the_schema(run: Callable[..., set[str]]) -> None:
    assert "PUT /V1/orders/create" in run({}, {"currency/rates": RATES})


def test_with_everything_on_every_route_of_the_client_is_asked_for_and_known(
    run: Callable[..., set[str]],
) -> None:
    assert described() - run(SETTINGS, RATES_AND_STATUSES, LOST) == set()


def test_the_corpus_is_as_the_schema_wants_it(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    with ExitStack() as stack:
        shops = {
            base: stack.enter_context(a_noted_shop(tmp_path, base))
            for base in ("EUR", "USD", "JPY")
        }
        shops["EUR"][0].tell(**{"currency/rates": RATES})
        for n, case in enumerate(CREATED, start=1):
            placed(shops[case.base][0], n, case)
    sent = [request for _, noted in shops.values() for request in noted.requests]
    assert "PUT /V1/orders/create" in judged(sent, figure)
    assert sum(request.method == "PUT" for request in sent) == len(CREATED)


@contextmanager
def a_noted_shop(folder: Path, base_currency: str) -> Iterator[tuple[Shop, Noted]]:
    store = Store(folder / f"{base_currency}.sqlite", SCHEMA)
    app = create_app(store, base_currency=base_currency)
    noted = noting(app)
    with served(app) as url:
        settings = {"base_url": url, "auth": "bearer", "access_token": ACCESS_TOKEN}
        client = Magento(
            "main", ShopSettings.model_validate(settings), now=lambda: datetime.now(UTC)
        )
        yield Shop(url, client), noted
    store.close()


def test_a_request_that_the_schema_does_not_know_is_seen() -> None:
    body = {"entity": {"entity_id": 1, "surprise": 1, "items": [{"qty_ordered": "two"}]}}
    seen = [
        faults(Request("PUT", "/rest/default/V1/orders/create", "", body)),
        faults(Request("GET", "/rest/V1/orders", "searchCriteria[size]=1", None)),
        faults(Request("GET", "/rest/default/V1/order/1", "", None)),
        faults(Request("POST", "/rest/default/V1/orders/1/cancel", "", {"reason": "x"})),
    ]
    assert [len(one) for one in seen] == [2, 1, 1, 1]
