"""What the Amazon stand-in answers, and what it is sent, fits Amazon's own models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

from sandbox.amazon.builders import a_cancellation_request, a_line, an_order
from sandbox.amazon.quota import USAGE_PLAN, Quota
from sandbox.amazon.state import Options
from tests.contracts import contract
from tests.sandbox.conftest import ALL_DATA, NOW, Caller, running_amazon

ORDER, PENDING, FBA = "028-0000001-0000001", "028-0000001-0000002", "028-0000001-0000003"


class Model:
    """A Swagger 2.0 model whose objects take no property it does not list."""

    def __init__(self, path: Path) -> None:
        self.body = json.loads(path.read_text())
        for definition in self.body["definitions"].values():
            if "properties" in definition:
                definition["additionalProperties"] = False

    def misfits(self, name: str, instance: Any) -> list[str]:
        schema = {"$ref": f"#/definitions/{name}", "definitions": self.body["definitions"]}
        errors = Draft4Validator(schema).iter_errors(instance)
        return [f"{error.json_path}: {error.message}" for error in errors]

    def headers(self, path: str, method: str, status: int) -> set[str]:
        answer = self.body["paths"][path][method]["responses"][str(status)]
        return set(answer["headers"])


def model(name: str) -> Model:
    return Model(contract(f"amazon/{name}"))


@pytest.fixture
def orders_model() -> Model:
    return model("orders_2026-01-01.json")


@pytest.fixture
def v0_model() -> Model:
    return model("ordersV0.json")


@pytest.fixture
def amazon(tmp_path: Path) -> Iterator[Caller]:
    """A stand-in with an order of every kind, one of them half shipped."""
    options = Options(quotas=USAGE_PLAN | {"getOrder": Quota(0.5, 6)})
    with running_amazon(tmp_path / "amazon.sqlite", options) as caller:
        line = a_line(
            "SKU-1",
            3,
            unit="19.99",
            discount="5.00",
            gift_wrap="3.50",
            shipping="4.99",
            tax="9.57",
            item_id="A",
            programs=["TRANSPARENCY"],
            gift_message="All the best",
        )
        earlier = NOW - timedelta(days=1)
        order = an_order(ORDER, lines=[line], programs=["PRIME"], created_at=earlier)
        caller.place(order)
        caller.place(an_order(PENDING, status="PENDING", created_at=earlier))
        fba = an_order(FBA, status="SHIPPED", fulfilled_by="AMAZON", created_at=earlier)
        caller.place(fba)
        caller.control("PATCH", f"orders/{ORDER}", a_cancellation_request(order))
        assert caller.confirm(ORDER, CONFIRMATION).status_code == 204
        yield caller


CONFIRMATION = {
    "marketplaceId": "A1PA6795UKMFR9",
    "packageDetail": {
        "packageReferenceId": "1",
        "carrierCode": "DHL",
        "shippingMethod": "DHL Paket",
        "trackingNumber": "00340434161094015902",
        "shipDate": "2026-11-22T10:00:00Z",
        "orderItems": [{"orderItemId": "A", "quantity": 1, "transparencyCodes": ["T1"]}],
    },
}


@pytest.mark.parametrize("order_id", [ORDER, PENDING, FBA])
@pytest.mark.parametrize("included", [ALL_DATA, ""])
def test_an_order_fits(orders_model: Model, amazon: Caller, order_id: str, included: str) -> None:
    answer = amazon.get(order_id, included)
    assert orders_model.misfits("GetOrderResponse", answer.json()) == []


def test_a_page_fits(orders_model: Model, amazon: Caller) -> None:
    asked = {"createdAfter": "2026-01-01T00:00:00Z", "includedData": ALL_DATA}
    amazon.control("POST", "clock", {"offset_s": 600})  # the confirmation was a change just now
    page = amazon.search(**asked, maxResultsPerPage="2").json()
    assert set(page) == {"orders", "pagination", "createdBefore"}
    assert orders_model.misfits("SearchOrdersResponse", page) == []
    whole = amazon.search(**asked).json()
    assert len(whole["orders"]) == 3
    assert orders_model.misfits("SearchOrdersResponse", whole) == []


def test_the_datasets_are_the_models(orders_model: Model) -> None:
    parameters = orders_model.body["paths"]["/orders/2026-01-01/orders"]["get"]["parameters"]
    (included,) = (entry for entry in parameters if entry["name"] == "includedData")
    assert ",".join(included["items"]["enum"]) == ALL_DATA


def test_a_confirmation_fits(v0_model: Model) -> None:
    assert v0_model.misfits("ConfirmShipmentRequest", CONFIRMATION) == []


ONE, CONFIRM = (
    "/orders/2026-01-01/orders/{orderId}",
    "/orders/v0/orders/{orderId}/shipmentConfirmation",
)


def test_errors_and_headers_of_a_read_fit(orders_model: Model, amazon: Caller) -> None:
    answers = [amazon.get(ORDER), amazon.get(ORDER, "ADDRESS"), amazon.get("028-0000001-9999999")]
    amazon.headers["x-amz-access-token"] = "Atza|wrong"
    answers.append(amazon.get(ORDER))
    amazon.log_in()
    answers += [amazon.get(ORDER) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 400, 404, 403, 200, 200, 200, 429]
    for answer in answers:
        if answer.status_code != 200:
            assert orders_model.misfits("ErrorList", answer.json()) == []
        sent = {name for name in answer.headers if name.startswith("x-amzn-")}
        assert sent == orders_model.headers(ONE, "get", answer.status_code)


def test_errors_and_headers_of_a_confirmation_fit(v0_model: Model, amazon: Caller) -> None:
    answers = [
        amazon.confirm(ORDER, CONFIRMATION),
        amazon.confirm(ORDER, {}),
        amazon.confirm("028-0000001-9999999", CONFIRMATION),
    ]
    assert [answer.status_code for answer in answers] == [204, 400, 404]
    for answer in answers:
        if answer.status_code != 204:
            assert v0_model.misfits("ConfirmShipmentErrorResponse", answer.json()) == []
        sent = {name for name in answer.headers if name.startswith("x-amzn-")}
        assert sent == v0_model.headers(CONFIRM, "post", answer.status_code)
