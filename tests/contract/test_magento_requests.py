"""Every request the client sends is one that the shop's own REST schema knows.

The schema is beside the project, not part of it. Where it says more than the shop enforces (facts
read from Magento's source) the test says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from jsonschema import Draft4Validator

from pipeline.channel import FulfilledBy
from pipeline.errors import RemoteError
from pipeline.http import Http, Reply
from pipeline.magento.client import Magento
from pipeline.magento.order_body import OrderShape
from pipeline.settings import ShopSettings
from tests.magento.builders import (
    CALIFORNIA,
    EMAIL,
    NOW,
    STORE,
    a_body,
    a_line,
    amounts_of,
    an_address,
    an_order,
)

SCHEMA = Path(__file__).parents[3] / "shared/contracts/magento/openapi.json"
# The schema names one example of each repeatable parameter: index 0.
_INDEX = re.compile(r"\[\d+\]")
# Set by the shop itself when a history entry comes with its order.
_SET_BY_THE_SHOP = {"sales-data-order-status-history-interface": "parent_id"}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    if not SCHEMA.exists():
        pytest.skip("needs Magento's REST schema at ../shared/contracts/magento/openapi.json")
    return strict(json.loads(SCHEMA.read_text(encoding="utf-8")))


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with unknown properties refused, as shops from 2.4.7 do."""
    for name, definition in schema["definitions"].items():
        if definition.get("type") == "object":
            definition["additionalProperties"] = False
        if name in _SET_BY_THE_SHOP:
            definition["required"].remove(_SET_BY_THE_SHOP[name])
    payment = schema["definitions"]["sales-data-order-payment-interface"]["properties"]
    # Typed as a list of strings, and kept with its keys when it comes as an object.
    payment["additional_information"] = {
        "type": "object",
        "additionalProperties": {"type": "string"},
    }
    return schema


class Recorder(Http):
    """Keeps what would have been sent and answers that there is nothing there."""

    sent: list[tuple[str, str, str, Any]]

    def call(self, method: Any, path: str, **given: Any) -> Reply:
        body = json.loads(json.dumps(given.get("body"), default=float))
        self.sent.append((method, path, given.get("query", ""), body))
        if path.endswith("/storeConfigs"):
            config = {"id": 1, "code": "default", "website_id": 1, "base_currency_code": "EUR"}
            return Reply(200, {}, [config], True)
        if path.endswith("/websites"):
            return Reply(200, {}, [{"id": 1, "code": "base"}], True)
        if "stock-resolver" in path:
            return Reply(200, {}, {"stock_id": 1}, True)
        return Reply(404, {}, {"message": "Request does not match any route."}, True)


@pytest.fixture
def sent() -> list[tuple[str, str, str, Any]]:
    """Every kind of request, recorded."""
    http = Recorder("http://127.0.0.1:1")
    http.sent = []
    shop = ShopSettings.model_validate({"base_url": "http://127.0.0.1:1", "auth": "bearer"})
    magento = Magento("main", shop, http=http, now=lambda: datetime.now(UTC))
    for call in (
        lambda: magento.products(["A", "B,C"], "default"),
        lambda: magento.salable({"A": 1, "B": 2}, "default"),
        lambda: magento.regions("US", "default"),
        lambda: magento.find_orders("902-1", 1),
        lambda: magento.orders([1, 2]),
        lambda: magento.order(1),
        lambda: magento.create_order(a_body(), "default"),
        lambda: magento.invoice(1),
        lambda: magento.invoices([1]),
        lambda: magento.cancel(1),
        lambda: magento.refund(1, [2]),
        lambda: magento.comment(1, "text", "pending"),
        lambda: magento.find_customer(EMAIL, 1),
        lambda: magento.customer(1),
        lambda: magento.create_customer(
            magento.customer_body(an_order(), EMAIL, STORE, 1), STORE.code
        ),
        lambda: magento.shipments([1]),
    ):
        try:
            call()
        except RemoteError:
            continue
    return http.sent


def operation(schema: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    """The operation of the schema that a path belongs to."""
    asked = re.sub(r"^/rest(/(?!V1/)[^/]+)?", "", path)
    # Fixed paths before those with placeholders: /customers/search is no customer.
    for template, operations in sorted(schema["paths"].items(), key=lambda one: "{" in one[0]):
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, asked) and method.lower() in operations:
            found: dict[str, Any] = operations[method.lower()]
            return found
    raise AssertionError(f"{method} {path} is no route")


def body_schema(schema: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    (body,) = (one["schema"] for one in found["parameters"] if one["in"] == "body")
    return {**body, "additionalProperties": False, "definitions": schema["definitions"]}


def test_every_route_and_parameter_is_known(
    schema: dict[str, Any], sent: list[tuple[str, str, str, Any]]
) -> None:
    routes = set()
    for method, path, query, _ in sent:
        found = operation(schema, method, path)
        routes.add(found["operationId"])
        known = {one["name"] for one in found.get("parameters", []) if one["in"] == "query"}
        names = {
            _INDEX.sub("[0]", name) for name, _ in parse_qsl(query, strict_parsing=bool(query))
        }
        assert names - {"fields"} <= known
    assert len(routes) == 19


def test_every_body_is_as_the_schema_wants_it(
    schema: dict[str, Any], sent: list[tuple[str, str, str, Any]]
) -> None:
    validated = 0
    for method, path, _, body in sent:
        if body is not None:
            Draft4Validator(body_schema(schema, operation(schema, method, path))).validate(body)
            validated += 1
    assert validated == 5


def bodies() -> Iterator[Any]:
    yield pytest.param(a_body(), id="guest")
    yield pytest.param(a_body(customer_id=7, increment_id="AMZ-1"), id="customer with number")
    for shape in OrderShape:
        order = an_order(lines=(a_line(quantity_fulfilled=1),))
        yield pytest.param(a_body(order, shape=shape), id=shape)
    yield pytest.param(
        a_body(an_order(fulfilled_by=FulfilledBy.AMAZON, address=None), products={}), id="bare"
    )
    yield pytest.param(
        a_body(
            an_order(
                ship_by_at=NOW,
                programs=("PRIME",),
                purchase_order_number="PO-1",
                lines=(a_line(gift_message="All the best"),),
                address=an_address(country="US", region="ca", company="Kühn AG"),
            ),
            amounts_of(
                discount_net="1.00", shipping_net="4.99", shipping_tax="0.95", gift_wrap_net="2.00"
            ),
            regions=(CALIFORNIA,),
        ),
        id="everything",
    )


@pytest.mark.parametrize("body", list(bodies()))
def test_an_order_is_as_the_schema_wants_it(schema: dict[str, Any], body: dict[str, Any]) -> None:
    sent = json.loads(json.dumps({"entity": body}, default=float))
    found = operation(schema, "PUT", "/rest/default/V1/orders/create")
    Draft4Validator(body_schema(schema, found)).validate(sent)
