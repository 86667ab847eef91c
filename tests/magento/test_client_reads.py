"""Orders, shipments and customers, read over a socket, and how every read fails."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from pipeline.base.errors import Rejected, Transient
from pipeline.magento.client import Magento
from pipeline.magento.records import (
    CreditMemo,
    CreditMemoLine,
    Invoice,
    MagentoItem,
    MagentoOrder,
    MagentoShipment,
    Track,
)
from pipeline.magento.rest.customers import Customer
from tests.magento.conftest import Shop
from tests.magento.searches import a_page, filters, page_of

NO_ENTITY = {"message": "The entity that was requested doesn't exist."}


def test_no_skus_no_call(magento: Magento) -> None:
    assert magento.catalog.products([], "default") == {}
    assert magento.catalog.products(["", " "], "default") == {}
    assert magento.inventory.salable({}, "default") == {}
    assert magento.orders.by_ids([]) == {}
    assert magento.shipments.of_orders([]) == []
    assert magento.invoices.of_orders([]) == {}


def test_orders_are_found_by_the_part_of_the_number_that_magento_keeps(
    shop: Shop, magento: Magento
) -> None:
    shop.answers(a_page({"entity_id": 1}, {"entity_id": 3}), a_page())
    number = "9" * 33
    assert magento.orders.find(number) == [MagentoOrder(1), MagentoOrder(3)]
    assert magento.orders.find(number, 2) == []
    kept = ("ext_order_id", "eq", "9" * 32)
    assert filters(shop.asked[0]) == [kept]
    assert filters(shop.asked[1]) == [kept, ("store_id", "eq", "2")]
    assert page_of(shop.asked[0]) == ("entity_id", "1", "100")
    assert shop.asked[0].path == "/rest/V1/orders"


def test_orders_come_in_batches_of_a_hundred(shop: Shop, magento: Magento) -> None:
    shop.answers(a_page({"entity_id": 1}), a_page({"entity_id": 101}))
    assert magento.orders.by_ids(range(1, 102)) == {1: MagentoOrder(1), 101: MagentoOrder(101)}
    assert filters(shop.asked[0]) == [
        ("entity_id", "in", ",".join(str(number) for number in range(1, 101)))
    ]
    assert filters(shop.asked[1]) == [("entity_id", "in", "101")]


def test_pages_are_read_to_the_end(shop: Shop, magento: Magento) -> None:
    rows = [{"entity_id": number} for number in range(1, 151)]
    shop.answers(a_page(*rows[:100], total=150), a_page(*rows[100:], total=150))
    assert len(magento.orders.find("902-1")) == 150
    assert [page_of(asked)[1] for asked in shop.asked] == ["1", "2"]


def test_a_shop_with_smaller_pages_is_asked_for_those_from_then_on(
    shop: Shop, magento: Magento
) -> None:
    rows = [{"entity_id": number} for number in range(1, 61)]
    limit = {"message": "Maximum SearchCriteria pageSize is %max", "parameters": {"max": 50}}
    shop.answers_with(400, limit)
    shop.answers(a_page(*rows[:50], total=60), a_page(*rows[50:], total=60), a_page())
    assert len(magento.orders.find("902-1")) == 60
    assert magento.orders.find("902-2") == []
    asked = [page_of(one)[1:] for one in shop.asked]
    assert asked == [("1", "100"), ("1", "50"), ("2", "50"), ("1", "50")]


def test_a_limit_that_no_page_fits_is_an_error(shop: Shop, magento: Magento) -> None:
    limit = {"message": "Maximum SearchCriteria pageSize is %max", "parameters": {"max": 0}}
    shop.answers_with(400, limit)
    with pytest.raises(Rejected, match="pageSize is 0"):
        magento.orders.find("902-1")


def test_an_empty_page_ends_a_search_whose_rows_went_away(shop: Shop, magento: Magento) -> None:
    shop.answers(a_page({"entity_id": 1}, total=301), a_page(total=301))
    assert magento.orders.find("902-1") == [MagentoOrder(1)]


def test_one_order(shop: Shop, magento: Magento) -> None:
    shop.answers({"entity_id": 7, "state": "new", "items": [{"item_id": 1, "qty_ordered": 2}]})
    assert magento.orders.get(7) == MagentoOrder(
        7, state="new", items=(MagentoItem(1, quantity_ordered=Decimal(2)),)
    )
    assert shop.asked[0].path == "/rest/V1/orders/7"
    assert "ext_order_item_id" in shop.asked[0].query["fields"]


def test_an_order_that_is_not_there(shop: Shop, magento: Magento) -> None:
    shop.answers_with(404, NO_ENTITY)
    with pytest.raises(Rejected) as caught:
        magento.orders.get(7)
    assert caught.value.code == "NotFound"


def test_shipments_survive_every_odd_shape(shop: Shop, magento: Magento) -> None:
    shop.answers(
        a_page(
            {
                "entity_id": "3",
                "order_id": 82,
                "created_at": "2026-11-22 21:09:43",
                "items": [{"order_item_id": "79", "qty": "2.0000"}],
                "tracks": [{"entity_id": 5, "track_number": "0034", "carrier_code": "dhl"}],
            },
            {"entity_id": 4, "order_id": "82", "items": None, "tracks": None},
        )
    )
    assert magento.shipments.of_orders([82]) == [
        MagentoShipment(
            3,
            82,
            datetime(2026, 11, 22, 21, 9, 43, tzinfo=UTC),
            {79: Decimal(2)},
            (Track(5, "dhl", "", "0034"),),
        ),
        MagentoShipment(4, 82),
    ]
    (asked,) = shop.asked
    assert asked.path == "/rest/V1/shipments"
    assert filters(asked) == [("order_id", "in", "82")]
    assert "tracks[entity_id,carrier_code,title,track_number]" in asked.query["fields"]


def test_shipments_made_after_another(shop: Shop, magento: Magento) -> None:
    shop.answers(a_page({"entity_id": "4", "order_id": 82}, {"entity_id": 5, "order_id": "83"}))
    since = datetime(2026, 11, 22, 21, 9, 43, tzinfo=UTC)
    assert magento.shipments.made_after(3, since) == {4: 82, 5: 83}
    (asked,) = shop.asked
    assert filters(asked) == [
        ("entity_id", "gt", "3"),
        ("created_at", "gteq", "2026-11-22 21:09:43"),
    ]
    assert asked.query["fields"] == "items[entity_id,order_id],total_count"


def test_fewer_shipments_than_the_shop_counts_are_no_answer(shop: Shop, magento: Magento) -> None:
    """One that is left out would look as if it had been deleted."""
    cut = a_page({"entity_id": 3, "order_id": 82}, total=2)
    shop.answers(cut)
    with pytest.raises(Transient, match="counts 2 and sent 1"):
        magento.shipments.of_orders([82])


def test_credit_memos_since_a_time(shop: Shop, magento: Magento) -> None:
    line = {
        "order_item_id": "79",
        "sku": "MUG-BLUE",
        "qty": "1.0000",
        "row_total": 20,
        "tax_amount": "3.80",
        "discount_amount": 2,
        "discount_tax_compensation_amount": None,
        "name": "Mug, blue",
    }
    memo = {
        "entity_id": "12",
        "order_id": 82,
        "increment_id": "000000012",
        "created_at": "2026-11-22 21:09:43",
        "order_currency_code": "EUR",
        "grand_total": 27.74,
        "shipping_amount": 4.99,
        "shipping_tax_amount": 0.95,
        "state": "2",
        "base_currency_code": "USD",
        "subtotal": 20,
        "tax_amount": 4.75,
        "discount_amount": -3,
        "adjustment_positive": 2.5,
        "adjustment_negative": "1.50",
        "items": [line, {"order_item_id": 80, "qty": 0}],
        "comments": [{"comment": "amazon-refund"}, {"comment": None}],
    }
    shop.answers(a_page(memo))
    at = datetime(2026, 11, 22, 21, 9, 43, tzinfo=UTC)
    expected = CreditMemo(
        entity_id=12,
        order_id=82,
        increment_id="000000012",
        created_at=at,
        currency="EUR",
        grand_total=Decimal("27.74"),
        shipping=Decimal("5.94"),
        lines=(
            CreditMemoLine(
                order_item_id=79,
                sku="MUG-BLUE",
                quantity=Decimal(1),
                total=Decimal("21.80"),
                tax=Decimal("3.80"),
                row=Decimal(20),
                discount=Decimal(2),
                name="Mug, blue",
            ),
        ),
        shipping_tax=Decimal("0.95"),
        state=2,
        base_currency="USD",
        subtotal=Decimal(20),
        tax=Decimal("4.75"),
        discount=Decimal(3),
        adjustment_positive=Decimal("2.50"),
        adjustment_negative=Decimal("1.50"),
        comments=("amazon-refund", ""),
    )
    assert magento.credit_memos.since(at) == [expected]
    assert "amazon-refund" not in repr(expected)
    (asked,) = shop.asked
    assert asked.path == "/rest/V1/creditmemos"
    assert filters(asked) == [("created_at", "gteq", "2026-11-22 21:09:43")]
    assert page_of(asked) == ("entity_id", "1", "100")


def test_credit_memos_by_their_ids(shop: Shop, magento: Magento) -> None:
    memo = {"entity_id": 12, "order_id": 82, "created_at": "2026-11-22 21:09:43", "items": []}
    shop.answers(a_page(memo))
    assert [one.entity_id for one in magento.credit_memos.by_ids([12, 13])] == [12]
    assert filters(shop.asked[0]) == [("entity_id", "in", "12,13")]
    assert magento.credit_memos.by_ids([]) == []


def test_a_comment_is_found_by_its_words(shop: Shop, magento: Magento) -> None:
    rows = [{"entity_id": 18, "comment": "Told"}, {"entity_id": 9, "comment": "Told"}, {}]
    shop.answers(a_page(*rows), a_page(*rows))
    assert magento.orders.find_comment(900, "Told") == "9"
    assert magento.orders.find_comment(900, "Told more") is None
    assert shop.asked[0].path == "/rest/V1/orders/900/comments"


def test_invoices_by_order(shop: Shop, magento: Magento) -> None:
    shop.answers(a_page({"entity_id": 1, "order_id": 82, "grand_total": "52.5900"}))
    total = Decimal("52.59")
    assert magento.invoices.of_orders([82, 83]) == {82: [Invoice(1, total)], 83: []}
    assert filters(shop.asked[0]) == [("order_id", "in", "82,83")]


def test_finds_a_customer_of_the_website(shop: Shop, magento: Magento) -> None:
    shop.answers(a_page({"id": "7", "group_id": 2}), a_page())
    assert magento.customers.find("a+b@shop.example", 3) == Customer(7, 2)
    assert magento.customers.find("a+b@shop.example", 3) is None
    assert filters(shop.asked[0]) == [
        ("email", "eq", "a+b@shop.example"),
        ("website_id", "eq", "3"),
    ]


def test_a_customer_by_id_or_none_when_it_was_deleted(shop: Shop, magento: Magento) -> None:
    shop.answers({"id": 7, "group_id": 1})
    assert magento.customers.get(7) == Customer(7, 1)
    shop.answers_with(404, {"message": "No such entity with customerId = 7"})
    assert magento.customers.get(7) is None
    assert [asked.path for asked in shop.asked] == ["/rest/V1/customers/7"] * 2


def test_a_read_is_tried_again_and_waits_as_told(
    shop: Shop, magento: Magento, slept: list[float]
) -> None:
    shop.answers_with(429, {"message": "Too Many Requests"}, Retry_After="2")
    shop.answers_with(503, "<html></html>", Retry_After="3")
    shop.answers_with(500, "An error has happened during application run.")
    shop.answers({"entity_id": 7})
    assert magento.orders.get(7) == MagentoOrder(7)
    assert slept[:2] == [2, 3]
    assert len(slept) == 3


@pytest.mark.parametrize(
    "body",
    [
        "<html></html>",
        "",
        [],
        {},
        {"items": {"entity_id": 1}, "total_count": 1},
        {"items": []},
        {"items": [], "total_count": None},
        {"items": [{}], "total_count": 1},
        "null",
    ],
)
def test_an_unusable_answer_is_never_an_empty_success(
    shop: Shop, magento: Magento, body: Any
) -> None:
    for _ in range(4):
        shop.answers_with(200, body)
    with pytest.raises(Transient, match="without a usable body"):
        magento.orders.find("902-1")


def test_a_read_gives_up_after_four_tries(shop: Shop, magento: Magento, slept: list[float]) -> None:
    for _ in range(4):
        shop.answers_with(502, "<html></html>")
    with pytest.raises(Transient):
        magento.orders.get(7)
    assert len(slept) == 3


def test_a_search_whose_count_has_no_end_is_given_up(shop: Shop, magento: Magento) -> None:
    """A shop repeats its last page when it is asked for one beyond it."""
    page = {"items": [{"id": 7, "group_id": 1}], "total_count": 10**9}
    shop.answers(page, page)
    with pytest.raises(Transient, match="repeats a page"):
        magento.customers.find("b@buyers.example", 1)
