"""The control routes of the Amazon stand-in, and the faults it shares with Magento's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests

from sandbox.amazon.builders import a_cancellation_request, a_line, an_order
from sandbox.amazon.control import merged
from sandbox.amazon.times import iso
from tests.sandbox.conftest import NOW, Caller
from tests.sandbox.test_amazon_confirm import a_confirmation, an_order_of_three

ORDER = "028-0000001-0000001"


def test_an_order_without_times_is_placed_now(amazon: Caller) -> None:
    amazon.place(an_order(ORDER))
    order = amazon.truth(ORDER)["order"]
    assert order["createdTime"] == order["lastUpdatedTime"] == "2026-11-22T12:00:00.000Z"
    assert order["fulfillment"]["shipByWindow"] == {
        "earliestDateTime": "2026-11-22T12:00:00.000Z",
        "latestDateTime": "2026-11-24T12:00:00.000Z",
    }


def test_given_times_are_kept(amazon: Caller) -> None:
    amazon.place(an_order(ORDER) | {"createdTime": "2026-11-01T08:00:00Z"})
    order = amazon.truth(ORDER)["order"]
    assert order["createdTime"] == "2026-11-01T08:00:00Z"
    assert order["lastUpdatedTime"] == "2026-11-22T12:00:00.000Z"
    latest = order["fulfillment"]["shipByWindow"]["latestDateTime"]
    assert latest == "2026-11-03T08:00:00.000Z"


def test_the_truth_is_unfiltered_and_names_the_account(amazon: Caller) -> None:
    order = an_order(ORDER, status="PENDING", created_at=NOW)
    amazon.place(order, account="other")
    expected = {"account": "other", "order": order, "confirmations": {}}
    assert amazon.truth(ORDER) == expected
    assert amazon.control("GET", "orders") == {"orders": [expected]}


def test_placing_an_order_again_replaces_it(amazon: Caller) -> None:
    amazon.place(an_order_of_three())
    amazon.confirm(ORDER, a_confirmation())
    amazon.place(an_order(ORDER, status="PENDING", created_at=NOW))
    truth = amazon.truth(ORDER)
    assert truth["order"]["fulfillment"]["fulfillmentStatus"] == "PENDING"
    assert truth["confirmations"] == {}
    assert len(amazon.control("GET", "orders")["orders"]) == 1


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        ("UNSHIPPED", (0, 2)),
        ("CANCELLED", (0, 2)),
        ("SHIPPED", (2, 0)),
        ("INVOICE_UNCONFIRMED", (0, 2)),
    ],
)
def test_a_status_is_set_and_touches_the_order(
    amazon: Caller, status: str, counts: tuple[int, int]
) -> None:
    order = an_order(ORDER, status="PENDING", lines=[a_line("SKU", 2)], created_at=NOW)
    amazon.place(order)
    amazon.control("POST", "clock", {"offset_s": 61.25})
    amazon.control("POST", f"orders/{ORDER}/status", {"status": status})
    changed = amazon.truth(ORDER)["order"]
    assert changed["fulfillment"]["fulfillmentStatus"] == status
    assert changed["createdTime"] == iso(NOW)
    assert changed["lastUpdatedTime"] == "2026-11-22T12:01:01.250Z"
    item = changed["orderItems"][0]["fulfillment"]
    assert (item["quantityFulfilled"], item["quantityUnfulfilled"]) == counts


def test_a_buyer_asks_to_cancel(amazon: Caller) -> None:
    order = an_order(ORDER, created_at=NOW - timedelta(hours=1))
    amazon.place(order)
    amazon.control("PATCH", f"orders/{ORDER}", a_cancellation_request(order, "Too late"))
    changed = amazon.get(ORDER, "CANCELLATION").json()["order"]
    request = {"requester": "BUYER", "cancelReason": "Too late"}
    assert changed["orderItems"][0]["cancellation"] == {"cancellationRequest": request}
    assert changed["lastUpdatedTime"] == iso(NOW)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}),
        ({}, {"a": {"b": None}}, {"a": {}}),
    ],
)
def test_merge_patch(target: Any, patch: Any, result: Any) -> None:
    assert merged(target, patch) == result


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "orders/028-0000001-0000009", None, 404),
        ("PATCH", "orders/028-0000001-0000009", {}, 404),
        ("PATCH", f"orders/{ORDER}", {"orderId": "028-0000001-0000009"}, 400),
        ("PATCH", f"orders/{ORDER}", {"fulfillment": None}, 400),
        ("POST", "orders", {"order": an_order("1234")}, 400),
        ("POST", "orders", {"order": an_order(ORDER) | {"orderItems": []}}, 400),
        ("POST", "orders", {"order": an_order(ORDER) | {"fulfillment": {}}}, 400),
    ],
)
def test_control_refuses_what_makes_no_sense(
    amazon: Caller, method: str, path: str, body: Any, status: int
) -> None:
    amazon.place(an_order(ORDER))
    before = amazon.control("GET", "orders")
    answer = requests.request(method, f"{amazon.url}/_control/{path}", json=body, timeout=10)
    assert answer.status_code == status
    assert amazon.control("GET", "orders") == before


def test_a_reset_forgets_everything_but_the_main_account(amazon: Caller) -> None:
    amazon.place(an_order(ORDER))
    amazon.control("POST", "clock", {"offset_s": 3600})
    amazon.control("POST", "accounts", {"account": "main", "pii": False})
    amazon.control("POST", "reset")
    assert amazon.control("GET", "orders") == {"orders": []}
    assert amazon.get(ORDER).status_code == 403
    amazon.log_in()
    amazon.place(an_order(ORDER))
    order = amazon.get(ORDER).json()["order"]
    assert order["createdTime"] == iso(NOW)
    assert "buyer" in order


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
def test_a_lost_answer_may_or_may_not_have_shipped(amazon: Caller, kind: str) -> None:
    amazon.place(an_order_of_three())
    amazon.control("POST", "faults", {"route": "confirm_shipment", "kind": kind})
    with pytest.raises(requests.ConnectionError):
        amazon.confirm(ORDER, a_confirmation())
    committed = {"1": {"calls": 1, "edits": 0}} if kind == "cut_after" else {}
    assert amazon.truth(ORDER)["confirmations"] == committed
    assert amazon.confirm(ORDER, a_confirmation()).status_code == 204
    assert len(amazon.truth(ORDER)["order"]["packages"]) == 1


def test_faults_and_calls_go_by_the_routes_names(amazon: Caller) -> None:
    amazon.place(an_order_of_three())
    for route in ("token", "search_orders", "get_order", "confirm_shipment"):
        amazon.control("POST", "faults", {"route": route, "kind": "html", "status": 503})
    answers = [
        amazon.token(),
        amazon.search(createdAfter=iso(NOW)),
        amazon.get(ORDER),
        amazon.confirm(ORDER, a_confirmation()),
    ]
    assert [answer.status_code for answer in answers] == [503] * 4
    assert {answer.headers["Content-Type"] for answer in answers} == {"text/html; charset=utf-8"}
    assert amazon.confirm(ORDER, a_confirmation()).status_code == 204
    assert amazon.control("GET", "calls") == {
        "token": {"200": 1, "503": 1},
        "search_orders": {"503": 1},
        "get_order": {"503": 1},
        "confirm_shipment": {"204": 1, "503": 1},
    }
