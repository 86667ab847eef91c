"""The client against a server that answers as Amazon does on its bad days."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.amazon.client import Amazon
from pipeline.base.errors import AccountStopped, CannotMap, Rejected, RemoteError, Transient
from pipeline.orders.channel import Confirmation
from pipeline.orders.outcome import HoldCode
from tests.amazon.orders import GERMANY, an_order
from tests.amazon.scripted import Answer, Server, an_account, errors

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SINCE = datetime(2026, 11, 22, 11, 0, 0, 999_000, tzinfo=UTC)
INCLUDED = "BUYER,RECIPIENT,PROCEEDS,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,TAX,PAYMENT"
ORDER_ID = "302-1111111-2222222"
DENIED = Answer(403, errors("Unauthorized", "Access to requested resource is denied."))
HTML = Answer(503, b"<html><body>Service Unavailable</body></html>")
INDIA = "A21TJRUUN4KGV"


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def amazon(server: Server, slept: list[float]) -> Amazon:
    return Amazon("main", an_account(server.url), now=lambda: NOW, sleep=slept.append)


def a_confirmation(**changes: Any) -> Confirmation:
    values: dict[str, Any] = {
        "external_id": ORDER_ID,
        "marketplace_id": GERMANY,
        "reference": "1",
        "carrier_code": "dhl",
        "carrier_title": "DHL",
        "tracking_number": "00340434161094000000",
        "shipped_at": NOW - timedelta(hours=1),
        "quantities": {"11111111111111": 2},
    }
    return Confirmation(**(values | changes))


def search(amazon: Amazon) -> Any:
    return amazon.changed_orders(SINCE, None)


def get(amazon: Amazon) -> Any:
    return amazon.order(ORDER_ID)


def confirm(amazon: Amazon) -> None:
    amazon.confirm_shipment(a_confirmation())


def test_search_asks_for_everything_and_repeats_it_on_each_page(
    server: Server, amazon: Amazon
) -> None:
    first, second = an_order(), an_order(orderId="302-1111111-3333333")
    bound = "2026-11-22T11:58:00Z"
    server.answers = [
        Answer(200, {"orders": [first], "pagination": {"nextToken": "a+b/c=,&"}}),
        Answer(200, {"orders": [second], "lastUpdatedBefore": bound}),
    ]
    page = search(amazon)
    assert (page.orders, page.next_token, page.upper_bound) == ([first], "a+b/c=,&", None)
    page = amazon.changed_orders(SINCE, page.next_token)
    assert (page.orders, page.next_token) == ([second], None)
    assert page.upper_bound == datetime(2026, 11, 22, 11, 58, tzinfo=UTC)
    query = {
        "lastUpdatedAfter": "2026-11-22T11:00:00Z",
        "maxResultsPerPage": "100",
        "includedData": INCLUDED,
    }
    assert [call.query for call in server.calls] == [
        query,
        query | {"paginationToken": "a+b/c=,&"},
    ]
    assert {(call.method, call.path) for call in server.calls} == {
        ("GET", "/orders/2026-01-01/orders")
    }


def test_each_call_carries_token_and_user_agent(server: Server, amazon: Amazon) -> None:
    server.answers = [Answer(200, {"orders": []})]
    search(amazon)
    (call,) = server.calls
    assert call.headers["x-amz-access-token"] == "Atza|first"
    python = ".".join(map(str, sys.version_info[:3]))
    assert call.headers["user-agent"] == f"Orderbridge/0.1.0 (Language=Python/{python})"


@pytest.mark.parametrize(
    ("pagination", "next_token"),
    [({"nextToken": "t"}, "t"), ({"nextToken": ""}, None), ({}, None), (None, None)],
)
def test_only_a_page_without_a_token_is_the_last(
    server: Server, amazon: Amazon, pagination: Any, next_token: str | None
) -> None:
    server.answers = [Answer(200, {"orders": [], "pagination": pagination})]
    assert search(amazon).next_token == next_token


@pytest.mark.parametrize("bound", [None, "soon", 7, ["2026-11-22T11:58:00Z"]])
def test_a_bound_that_cannot_be_read_is_none(server: Server, amazon: Amazon, bound: Any) -> None:
    server.answers = [Answer(200, {"orders": [], "lastUpdatedBefore": bound})]
    assert search(amazon).upper_bound is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        {},
        {"orders": None},
        {"orders": {}},
        {"payload": {"orders": []}},
        {"orders": [], "pagination": "t"},
        {"orders": [], "pagination": {"nextToken": 7}},
        {"orders": [], **errors("InternalFailure", "half an answer")},
    ],
)
def test_a_200_without_orders_is_not_nothing_new(server: Server, amazon: Amazon, body: Any) -> None:
    server.answers = [Answer(200, body)]
    with pytest.raises(Transient):
        search(amazon)
    assert len(server.calls) == 4


def test_what_is_no_order_does_not_stop_the_page_it_is_on(server: Server, amazon: Amazon) -> None:
    server.answers = [Answer(200, {"orders": ["302-1111111-2222222", {"orderId": ORDER_ID}]})]
    assert search(amazon).orders == ["302-1111111-2222222", {"orderId": ORDER_ID}]


@pytest.mark.parametrize("body", [b"", {}, {"order": None}, {"order": []}, {"payload": {}}])
def test_a_200_without_an_order_is_no_order(server: Server, amazon: Amazon, body: Any) -> None:
    server.answers = [Answer(200, body)]
    with pytest.raises(Transient):
        get(amazon)


def test_gets_one_order(server: Server, amazon: Amazon) -> None:
    server.answers = [Answer(200, {"order": an_order()})]
    assert get(amazon) == an_order()
    (call,) = server.calls
    assert (call.path, call.query) == (
        f"/orders/2026-01-01/orders/{ORDER_ID}",
        {"includedData": INCLUDED},
    )


def test_an_order_id_cannot_leave_its_place_in_the_path(server: Server, amazon: Amazon) -> None:
    server.answers = [Answer(404)]
    with pytest.raises(Rejected):
        amazon.order("../v0?x=1")
    assert server.calls[0].path == "/orders/2026-01-01/orders/..%2Fv0%3Fx%3D1"


def test_confirms_a_package(server: Server, amazon: Amazon) -> None:
    server.answers = [Answer(204)]
    confirm(amazon)
    (call,) = server.calls
    assert (call.method, call.path) == (
        "POST",
        f"/orders/v0/orders/{ORDER_ID}/shipmentConfirmation",
    )
    assert call.headers["content-type"] == "application/json"
    assert call.json == {
        "marketplaceId": GERMANY,
        "packageDetail": {
            "packageReferenceId": "1",
            "carrierCode": "DHL",
            "trackingNumber": "00340434161094000000",
            "shipDate": "2026-11-22T11:00:00Z",
            "orderItems": [{"orderItemId": "11111111111111", "quantity": 2}],
        },
    }


def test_a_carrier_that_is_not_listed_goes_by_its_name(server: Server, amazon: Amazon) -> None:
    server.answers = [Answer(204)]
    amazon.confirm_shipment(a_confirmation(carrier_code="custom", carrier_title="Bike Couriers"))
    package = server.calls[0].json["packageDetail"]
    assert (package["carrierCode"], package["carrierName"]) == ("Other", "Bike Couriers")


@pytest.mark.parametrize("place", [{"marketplace_id": INDIA}, {"country": "IN"}])
def test_nothing_is_sent_where_the_carrier_cannot_be_named(
    server: Server, amazon: Amazon, place: dict[str, str]
) -> None:
    with pytest.raises(CannotMap) as held:
        amazon.confirm_shipment(
            a_confirmation(carrier_code="custom", carrier_title="Bike Couriers", **place)
        )
    assert held.value.code == HoldCode.CARRIER_UNMAPPED
    assert server.calls == []


def test_a_ship_date_is_never_in_the_future(server: Server, amazon: Amazon) -> None:
    server.answers = [Answer(204)]
    amazon.confirm_shipment(a_confirmation(shipped_at=NOW + timedelta(minutes=3)))
    assert server.calls[0].json["packageDetail"]["shipDate"] == "2026-11-22T12:00:00Z"


@pytest.mark.parametrize("trouble", [HTML, Answer(500), Answer(0), Answer(504, b"{}")])
@pytest.mark.parametrize(
    ("act", "success"),
    [
        (search, Answer(200, {"orders": []})),
        (get, Answer(200, {"order": {}})),
        (confirm, Answer(204)),
    ],
)
def test_trouble_that_passes_is_not_noticed(
    server: Server,
    amazon: Amazon,
    slept: list[float],
    act: Callable[[Amazon], Any],
    success: Answer,
    trouble: Answer,
) -> None:
    server.answers = [trouble, trouble, success]
    act(amazon)
    assert len(server.calls) == 3
    assert len(slept) == 2
    assert len({(call.path, call.body, json.dumps(call.query)) for call in server.calls}) == 1


@pytest.mark.parametrize("act", [search, get, confirm])
def test_trouble_that_stays_is_transient(
    server: Server, amazon: Amazon, act: Callable[[Amazon], Any]
) -> None:
    server.answers = [HTML]
    with pytest.raises(Transient) as trouble:
        act(amazon)
    assert trouble.value.status == 503
    assert len(server.calls) == 4


def test_a_throttled_search_is_left_to_the_caller_at_once(
    server: Server, amazon: Amazon, slept: list[float]
) -> None:
    server.answers = [Answer(429, errors("QuotaExceeded", "You exceeded your quota."))]
    with pytest.raises(Transient) as throttled:
        search(amazon)
    assert throttled.value.retry_after_s == pytest.approx(178.57, abs=0.01)
    assert len(server.calls) == 1
    assert slept == []


def test_a_throttled_confirmation_waits_for_its_token(
    server: Server, amazon: Amazon, slept: list[float]
) -> None:
    server.answers = [Answer(429), Answer(204)]
    confirm(amazon)
    assert slept == [0.5]


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("act", "success"),
    [(get, Answer(200, {"order": {}})), (confirm, Answer(204))],
)
def test_a_refused_token_is_renewed(
    server: Server, amazon: Amazon, act: Callable[[Amazon], Any], success: Answer, status: int
) -> None:
    server.answers = [Answer(status, DENIED.body), success]
    act(amazon)
    act(amazon)
    tokens = [call.headers["x-amz-access-token"] for call in server.calls]
    assert tokens == ["Atza|first", "Atza|second", "Atza|second"]


@pytest.mark.parametrize(
    ("act", "kind", "retry_after_s"),
    [(search, Transient, 300.0), (get, Transient, 300.0), (confirm, Rejected, None)],
)
def test_a_refusal_that_outlives_the_renewal(
    server: Server,
    amazon: Amazon,
    act: Callable[[Amazon], Any],
    kind: type[RemoteError],
    retry_after_s: float | None,
) -> None:
    server.answers = [DENIED]
    with pytest.raises(kind) as refused:
        act(amazon)
    assert (type(refused.value), refused.value.retry_after_s) == (kind, retry_after_s)
    assert refused.value.code == "Unauthorized"
    assert len(server.calls) == len(server.token_calls) == 2


def test_a_revoked_account_stops(server: Server, amazon: Amazon) -> None:
    server.token_answers = [Answer(400, {"error": "invalid_grant"})]
    with pytest.raises(AccountStopped):
        get(amazon)
    assert len(server.token_calls) == 1
    assert server.calls == []


def test_a_refused_confirmation_is_not_sent_again(server: Server, amazon: Amazon) -> None:
    text = "Failed to create package due to not finding a matching package. PackageToUpdateNotFound"
    server.answers = [Answer(400, errors("InvalidInput", text), {"x-amzn-RequestId": "r-7"})]
    with pytest.raises(Rejected) as refused:
        confirm(amazon)
    assert (refused.value.code, refused.value.request_id) == ("PackageToUpdateNotFound", "r-7")
    assert refused.value.words.get_secret_value() == text
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("NA", "sellingpartnerapi-na.amazon.com"),
        ("EU", "sellingpartnerapi-eu.amazon.com"),
        ("FE", "sellingpartnerapi-fe.amazon.com"),
    ],
)
def test_each_region_has_its_endpoint(region: str, host: str) -> None:
    account = an_account("http://127.0.0.1:9", region=region, base_url=None)
    assert account.api_url == f"https://{host}"


def test_an_account_may_name_another_endpoint() -> None:
    assert an_account("http://127.0.0.1:9").api_url == "http://127.0.0.1:9"
