"""The stand-in gives pages that lead nowhere, and tells orders badly, when it is asked to."""

from __future__ import annotations

from datetime import timedelta

from sandbox.amazon.builders import an_order
from tests.sandbox.conftest import NOW, Caller

ORDER = "028-0000001-0000001"
AGES_AGO = "2026-01-01T00:00:00Z"


def place(amazon: Caller) -> None:
    amazon.place(an_order(ORDER, created_at=NOW - timedelta(hours=1)))


def test_a_page_names_itself_as_the_next(amazon: Caller) -> None:
    place(amazon)
    amazon.control("POST", "pages", {"kind": "same_token", "times": 2})
    token = amazon.search(createdAfter=AGES_AGO).json()["pagination"]["nextToken"]
    again = amazon.search(createdAfter=AGES_AGO, paginationToken=token).json()
    assert again["pagination"] == {"nextToken": token}
    assert [order["orderId"] for order in again["orders"]] == [ORDER]
    assert "pagination" not in amazon.search(createdAfter=AGES_AGO, paginationToken=token).json()


def test_a_page_is_empty_and_not_the_last_in_the_searches_that_are_named(amazon: Caller) -> None:
    place(amazon)
    asked = {"kind": "empty", "contains": "createdAfter", "times": 9}
    amazon.control("POST", "pages", asked)
    assert "pagination" not in amazon.search(lastUpdatedAfter=AGES_AGO).json()
    page = amazon.search(createdAfter=AGES_AGO).json()
    assert (page["orders"], list(page["pagination"])) == ([], ["nextToken"])
    amazon.control("DELETE", "pages")
    token = page["pagination"]["nextToken"]
    further = amazon.search(createdAfter=AGES_AGO, paginationToken=token).json()
    assert [order["orderId"] for order in further["orders"]] == [ORDER]


def test_an_order_is_told_as_it_is_said_and_stays_what_it_is(amazon: Caller) -> None:
    place(amazon)
    amazon.control("POST", f"orders/{ORDER}/told", {"as": ["odd"]})
    assert amazon.search(createdAfter=AGES_AGO).json()["orders"] == [["odd"]]
    assert amazon.get(ORDER).json() == {"order": ["odd"]}
    assert amazon.truth(ORDER)["order"]["orderId"] == ORDER
    amazon.control("DELETE", f"orders/{ORDER}/told")
    assert amazon.get(ORDER).json()["order"]["orderId"] == ORDER
