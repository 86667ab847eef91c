"""searchOrders and getOrder of the Amazon stand-in."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.amazon.builders import an_order
from sandbox.amazon.state import Options
from sandbox.amazon.times import iso
from tests.sandbox.conftest import NOW, Caller, refusal, running_amazon

ORDER = "028-0000001-0000001"
AGES_AGO = "2026-01-01T00:00:00Z"
LATEST = "2026-11-22T11:58:00Z"  # two minutes before NOW
JAPAN = "A1VC38T7YXB528"


def numbered(number: int) -> str:
    return f"028-0000001-{number:07}"


def found(answer: requests.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [order["orderId"] for order in answer.json()["orders"]]


def place_many(amazon: Caller, count: int) -> list[str]:
    ids = [numbered(number) for number in range(count)]
    for number, order_id in enumerate(ids):
        amazon.place(an_order(order_id, created_at=NOW - timedelta(hours=1, seconds=-number)))
    return ids


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"createdAfter": AGES_AGO, "lastUpdatedAfter": AGES_AGO},
        {"createdBefore": LATEST},
        {"lastUpdatedAfter": AGES_AGO, "createdBefore": LATEST},
        {"createdAfter": AGES_AGO, "lastUpdatedBefore": LATEST},
        {"createdAfter": LATEST, "createdBefore": "2026-11-22T11:57:59Z"},
        {"createdAfter": AGES_AGO, "createdBefore": "2026-11-22T11:58:01Z"},
        {"lastUpdatedAfter": AGES_AGO, "lastUpdatedBefore": "2026-11-22T11:58:01Z"},
        {"createdAfter": "yesterday"},
        {"createdAfter": "2026-01-01T00:00:00"},
        {"createdAfter": "2026-01-01"},
        {"createdAfter": ""},
        {"createdAfter": AGES_AGO, "fulfillmentStatuses": "Unshipped"},
        {"createdAfter": AGES_AGO, "fulfillmentStatuses": "SHIPPED,INVOICE_UNCONFIRMED"},
        {"createdAfter": AGES_AGO, "fulfilledBy": "MFN"},
        {"createdAfter": AGES_AGO, "maxResultsPerPage": "0"},
        {"createdAfter": AGES_AGO, "maxResultsPerPage": "101"},
        {"createdAfter": AGES_AGO, "maxResultsPerPage": "ten"},
        {"createdAfter": AGES_AGO, "includedData": "BUYER,ADDRESS"},
        {"createdAfter": AGES_AGO, "includedData": ""},
        {"createdAfter": AGES_AGO, "marketplaceIds": ",".join(["A"] * 51)},
        {"createdAfter": AGES_AGO, "paginationToken": "made-up"},
        {"createdAfter": [AGES_AGO, AGES_AGO]},
    ],
)
def test_a_broken_rule_is_400(amazon: Caller, parameters: dict[str, Any]) -> None:
    status, code, _ = refusal(amazon.search(**parameters))
    assert (status, code) == (400, "InvalidInput")


def test_the_market_outside_amazon_is_403(amazon: Caller) -> None:
    answer = amazon.search(createdAfter=AGES_AGO, marketplaceIds="A2ZV50J4W1RKNI")
    assert refusal(answer)[:2] == (403, "Unauthorized")


@pytest.mark.parametrize("field", ["created", "lastUpdated"])
@pytest.mark.parametrize(
    ("after", "before", "is_found"),
    [
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z", True),
        ("2026-11-22T10:00:00.001Z", "2026-11-22T11:00:00Z", False),
        ("2026-11-22T09:00:00Z", "2026-11-22T09:59:59.999Z", False),
        ("2026-11-22T11:00:00+01:00", "2026-11-22T11:00:00+01:00", True),
    ],
)
def test_both_bounds_are_inclusive(
    amazon: Caller, field: str, after: str, before: str, is_found: bool
) -> None:
    amazon.place(an_order(ORDER, created_at=NOW - timedelta(hours=2)))
    answer = amazon.search(**{f"{field}After": after, f"{field}Before": before})
    assert found(answer) == ([ORDER] if is_found else [])


def test_created_and_updated_are_told_apart(amazon: Caller) -> None:
    amazon.place(an_order(ORDER, created_at=NOW - timedelta(days=2)))
    amazon.control("POST", "clock", {"offset_s": -3600})
    amazon.control("POST", f"orders/{ORDER}/status", {"status": "CANCELLED"})
    amazon.control("POST", "clock", {"offset_s": 0})
    a_day_ago = iso(NOW - timedelta(days=1))
    assert found(amazon.search(createdAfter=a_day_ago)) == []
    assert found(amazon.search(lastUpdatedAfter=a_day_ago)) == [ORDER]
    assert found(amazon.search(createdAfter=iso(NOW - timedelta(days=2)))) == [ORDER]


@pytest.mark.parametrize("field", ["created", "lastUpdated"])
@pytest.mark.parametrize(
    ("sent", "echoed"),
    [
        (None, "2026-11-22T11:58:00.000Z"),
        ("2026-11-22T12:30:00+01:00", "2026-11-22T11:30:00.000Z"),
        (LATEST, "2026-11-22T11:58:00.000Z"),
    ],
)
def test_the_upper_bound_is_echoed(
    amazon: Caller, field: str, sent: str | None, echoed: str
) -> None:
    bounds = {f"{field}After": AGES_AGO} | ({f"{field}Before": sent} if sent else {})
    assert amazon.search(**bounds).json() == {"orders": [], f"{field}Before": echoed}


def test_the_last_two_minutes_stay_hidden_until_they_have_passed(amazon: Caller) -> None:
    amazon.place(an_order(ORDER))
    assert found(amazon.search(lastUpdatedAfter=AGES_AGO)) == []
    amazon.control("POST", "clock", {"offset_s": 119})
    assert found(amazon.search(lastUpdatedAfter=AGES_AGO)) == []
    amazon.control("POST", "clock", {"offset_s": 120})
    assert found(amazon.search(lastUpdatedAfter=AGES_AGO)) == [ORDER]


def test_the_delay_can_be_set(tmp_path: Path) -> None:
    with running_amazon(tmp_path / "a.sqlite", Options(search_delay_s=0)) as amazon:
        amazon.place(an_order(ORDER))
        answer = amazon.search(lastUpdatedAfter=AGES_AGO, lastUpdatedBefore=iso(NOW))
        assert found(answer) == [ORDER]


@pytest.mark.parametrize(
    ("parameters", "numbers"),
    [
        ({}, {1, 2, 3, 4}),
        ({"fulfilledBy": "AMAZON"}, {3}),
        ({"fulfilledBy": "AMAZON,MERCHANT"}, {1, 2, 3, 4}),
        ({"fulfillmentStatuses": "PENDING"}, {2}),
        ({"fulfillmentStatuses": "UNSHIPPED,SHIPPED"}, {1, 3, 4}),
        ({"marketplaceIds": JAPAN}, {4}),
        ({"marketplaceIds": "A1PA6795UKMFR9,NOSUCHPLACE"}, {1, 2, 3}),
        ({"marketplaceIds": "A1PA6795UKMFR9", "fulfillmentStatuses": "UNSHIPPED"}, {1}),
    ],
)
def test_filters(amazon: Caller, parameters: dict[str, str], numbers: set[int]) -> None:
    earlier = NOW - timedelta(hours=1)
    amazon.place(an_order(numbered(1), created_at=earlier))
    amazon.place(an_order(numbered(2), status="PENDING", created_at=earlier))
    fba = an_order(numbered(3), status="SHIPPED", fulfilled_by="AMAZON", created_at=earlier)
    amazon.place(fba)
    amazon.place(an_order(numbered(4), marketplace=JAPAN, currency="JPY", created_at=earlier))
    answer = amazon.search(createdAfter=AGES_AGO, **parameters)
    assert sorted(found(answer)) == [numbered(number) for number in sorted(numbers)]


def test_an_account_sees_only_its_own_orders(amazon: Caller) -> None:
    order = an_order(ORDER, created_at=NOW - timedelta(hours=1))
    amazon.place(order, account="other")
    assert found(amazon.search(createdAfter=AGES_AGO)) == []
    assert refusal(amazon.get(ORDER))[:2] == (404, "NotFound")
    other = Caller(amazon.url, "other").log_in()
    assert found(other.search(createdAfter=AGES_AGO)) == [ORDER]
    assert other.get(ORDER).json()["order"]["orderId"] == ORDER


@pytest.mark.parametrize(
    ("marketplace", "days", "is_kept"),
    [("A1PA6795UKMFR9", 730, True), ("A1PA6795UKMFR9", 731, False), (JAPAN, 731, True)],
)
def test_orders_older_than_two_years_are_gone(
    amazon: Caller, marketplace: str, days: int, is_kept: bool
) -> None:
    created_at = NOW - timedelta(days=days)
    amazon.place(an_order(ORDER, marketplace=marketplace, created_at=created_at))
    assert found(amazon.search(createdAfter=iso(created_at))) == ([ORDER] if is_kept else [])
    assert amazon.get(ORDER).status_code == (200 if is_kept else 404)


def test_an_unknown_order_is_404(amazon: Caller) -> None:
    assert refusal(amazon.get(ORDER)) == (
        404,
        "NotFound",
        f"The requested order {ORDER} was not found.",
    )


def test_an_unknown_dataset_is_400_for_one_order_too(amazon: Caller) -> None:
    amazon.place(an_order(ORDER))
    assert refusal(amazon.get(ORDER, "BUYER,ADDRESS"))[:2] == (400, "InvalidInput")


def test_pages_hold_every_order_once_and_not_by_time(amazon: Caller) -> None:
    ids = place_many(amazon, 7)
    parameters = {"createdAfter": AGES_AGO, "maxResultsPerPage": "3"}
    pages = [amazon.search(**parameters).json()]
    while "pagination" in pages[-1]:
        token = pages[-1]["pagination"]["nextToken"]
        pages.append(amazon.search(**parameters, paginationToken=token).json())
    seen = [order["orderId"] for page in pages for order in page["orders"]]
    assert [len(page["orders"]) for page in pages] == [3, 3, 1]
    assert sorted(seen) == ids
    assert seen not in (ids, ids[::-1])
    assert {page["createdBefore"] for page in pages} == {"2026-11-22T11:58:00.000Z"}


def test_a_full_last_page_has_no_pagination_key(amazon: Caller) -> None:
    place_many(amazon, 3)
    answer = amazon.search(createdAfter=AGES_AGO, maxResultsPerPage="3")
    assert set(answer.json()) == {"orders", "createdBefore"}


FIRST = {"lastUpdatedAfter": AGES_AGO, "maxResultsPerPage": "2", "fulfilledBy": "MERCHANT"}


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in FIRST.items() if key != name}


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        (FIRST, 200),
        (FIRST | {"maxResultsPerPage": "1"}, 200),
        (without("maxResultsPerPage"), 200),
        (FIRST | {"includedData": "FULFILLMENT"}, 200),
        (FIRST | {"lastUpdatedAfter": "2026-01-02T00:00:00Z"}, 400),
        (without("lastUpdatedAfter"), 400),
        (FIRST | {"fulfilledBy": "MERCHANT,AMAZON"}, 400),
        (without("fulfilledBy"), 400),
        (FIRST | {"marketplaceIds": "A1PA6795UKMFR9"}, 400),
        (FIRST | {"lastUpdatedBefore": LATEST}, 400),
    ],
)
def test_a_page_wants_the_same_parameters_again(
    amazon: Caller, parameters: dict[str, str], status: int
) -> None:
    place_many(amazon, 3)
    token = amazon.search(**FIRST).json()["pagination"]["nextToken"]
    answer = amazon.search(**parameters, paginationToken=token)
    assert answer.status_code == status
    if status == 200:
        assert len(found(answer)) == 1
    else:
        assert refusal(answer)[1] == "InvalidInput"


def test_a_page_can_be_asked_for_again(amazon: Caller) -> None:
    place_many(amazon, 3)
    token = amazon.search(**FIRST).json()["pagination"]["nextToken"]
    first, second = (found(amazon.search(**FIRST, paginationToken=token)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(("hours", "status"), [(23.9, 200), (24, 400)])
def test_a_page_token_lives_a_day(amazon: Caller, hours: float, status: int) -> None:
    place_many(amazon, 3)
    token = amazon.search(**FIRST).json()["pagination"]["nextToken"]
    amazon.control("POST", "clock", {"offset_s": hours * 3600})
    amazon.log_in()
    assert amazon.search(**FIRST, paginationToken=token).status_code == status


def test_a_page_token_is_of_one_account(amazon: Caller) -> None:
    place_many(amazon, 3)
    token = amazon.search(**FIRST).json()["pagination"]["nextToken"]
    amazon.control("POST", "accounts", {"account": "other"})
    other = Caller(amazon.url, "other").log_in()
    assert refusal(other.search(**FIRST, paginationToken=token))[:2] == (400, "InvalidInput")


def test_later_pages_keep_the_bound_of_the_first(amazon: Caller) -> None:
    place_many(amazon, 3)
    first = amazon.search(**FIRST).json()
    amazon.control("POST", "clock", {"offset_s": 600})
    token = first["pagination"]["nextToken"]
    second = amazon.search(**FIRST, paginationToken=token).json()
    assert second["lastUpdatedBefore"] == first["lastUpdatedBefore"]
