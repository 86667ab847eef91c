"""Writes, over a socket: what is sent, that it is sent once, and what an odd end means."""

from __future__ import annotations

import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from pipeline.base.errors import OutcomeUnknown, Rejected, Transient
from pipeline.base.http import Http
from pipeline.magento.client import Magento
from pipeline.magento.order.save_again import Quantities, rewritten
from pipeline.magento.records import MagentoItem, MagentoOrder
from pipeline.magento.rest.customers import Customer
from pipeline.settings.model import ShopSettings
from tests.magento.builders import EMAIL, NOW, STORE, a_body, an_address, an_order
from tests.magento.conftest import Shop

Write = Callable[[Magento], Any]

WRITES: dict[str, Write] = {
    "create_order": lambda magento: magento.orders.create(a_body(), "default"),
    "invoice": lambda magento: magento.invoices.create(7),
    "ship": lambda magento: magento.shipments.create(
        7, {9: 1}, carrier_code="ups", title="UPS", number="1Z"
    ),
    "cancel": lambda magento: magento.orders.cancel(7),
    "refund": lambda magento: magento.credit_memos.refund(7, [1]),
    "comment": lambda magento: magento.orders.comment(7, "hello", "pending"),
    "create_customer": lambda magento: magento.customers.create({"email": EMAIL}, "default"),
}
each_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())


def test_creates_an_order_and_returns_what_the_shop_kept(shop: Shop, magento: Magento) -> None:
    shop.answers(
        {
            "entity_id": 7,
            "increment_id": "000000007",
            "grand_total": 47.6,
            "items": [{"item_id": 9, "sku": "MUG-BLUE", "ext_order_item_id": "I1"}],
        }
    )
    assert magento.orders.create(a_body(), "default") == MagentoOrder(
        7,
        "000000007",
        grand_total=Decimal("47.6"),
        items=(MagentoItem(9, "MUG-BLUE", "I1"),),
    )
    (asked,) = shop.asked
    assert (asked.method, asked.path) == ("PUT", "/rest/default/V1/orders/create")
    assert asked.headers["Content-Type"] == "application/json"
    entity = asked.body["entity"]
    assert entity["grand_total"] == Decimal("47.6")
    assert entity["items"][0]["price_incl_tax"] == Decimal("23.8")
    assert entity["customer_email"] == EMAIL


SAVED = {
    "entity_id": 7,
    "state": "new",
    "status": "pending",
    "items": [{"item_id": 9, "qty_ordered": 3, "qty_shipped": 0, "qty_canceled": 0}],
}
LINE = SAVED["items"][0]  # type: ignore[index]


@pytest.mark.parametrize(
    ("reply", "is_shown"),
    [
        pytest.param(SAVED, True, id="as it was asked"),
        pytest.param({"entity_id": 7}, False, id="of nothing but its id"),
        pytest.param(SAVED | {"entity_id": 8}, False, id="of another order"),
        pytest.param(SAVED | {"state": "canceled"}, False, id="in another state"),
        pytest.param(SAVED | {"status": "canceled"}, False, id="with another status"),
        pytest.param(SAVED | {"items": []}, False, id="without its line"),
        pytest.param(SAVED | {"items": [LINE | {"qty_shipped": 6}]}, False, id="with its mark"),
        pytest.param(SAVED | {"items": [LINE | {"qty_canceled": 3}]}, False, id="with less left"),
    ],
)
def test_a_saved_order_shows_what_was_saved(
    shop: Shop, magento: Magento, reply: Any, is_shown: bool
) -> None:
    order = MagentoOrder(7, items=(MagentoItem(9, quantity_ordered=Decimal(3)),))
    lines = {9: Quantities(Decimal(0))}
    shop.answers_with(200, reply)
    body = rewritten(order, state="new", status="pending", lines=lines)
    assert magento.orders.save(body) is is_shown


@pytest.mark.parametrize("answer", ["1", 1])
def test_an_invoice_is_for_all_and_tells_nobody(shop: Shop, magento: Magento, answer: Any) -> None:
    shop.answers_with(200, f'"{answer}"' if isinstance(answer, str) else answer)
    assert magento.invoices.create(7) == "1"
    (asked,) = shop.asked
    assert (asked.method, asked.path) == ("POST", "/rest/V1/order/7/invoice")
    assert asked.body == {"capture": True, "notify": False}


def test_a_shipment_has_its_number_and_tells_nobody(shop: Shop, magento: Magento) -> None:
    shop.answers_with(200, '"3"')
    units = {9: 2, 10: 1}
    assert (
        magento.shipments.create(7, units, carrier_code="custom", title="Swift Post", number="S-1")
        == "3"
    )
    (asked,) = shop.asked
    assert (asked.method, asked.path) == ("POST", "/rest/V1/order/7/ship")
    assert asked.body == {
        "items": [{"order_item_id": 9, "qty": 2}, {"order_item_id": 10, "qty": 1}],
        "notify": False,
        "tracks": [{"carrier_code": "custom", "title": "Swift Post", "track_number": "S-1"}],
    }


@pytest.mark.parametrize("answer", [True, False])
def test_cancel_says_whether_it_did(shop: Shop, magento: Magento, answer: bool) -> None:
    shop.answers(answer)
    assert magento.orders.cancel(7) is answer
    (asked,) = shop.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/rest/V1/orders/7/cancel", None)


def test_a_comment_never_notifies(shop: Shop, magento: Magento) -> None:
    shop.answers(True)
    magento.orders.comment(7, "hello <b>you</b> 😀\nbye", "pending")
    (asked,) = shop.asked
    assert (asked.method, asked.path) == ("POST", "/rest/V1/orders/7/comments")
    assert asked.body == {
        "statusHistory": {
            "parent_id": 7,
            "comment": "hello you\nbye",
            "status": "pending",
            "entity_name": "order",
            "is_customer_notified": 0,
            "is_visible_on_front": 0,
        }
    }


def test_a_refund_puts_goods_back(shop: Shop, magento: Magento) -> None:
    shop.answers_with(200, '"3"')
    assert magento.credit_memos.refund(7, (9, 10)) == "3"
    (asked,) = shop.asked
    assert (asked.method, asked.path) == ("POST", "/rest/V1/order/7/refund")
    assert asked.body == {
        "notify": False,
        "arguments": {"extension_attributes": {"return_to_stock_items": [9, 10]}},
    }


def test_a_customer_has_no_password_and_an_acceptable_name(shop: Shop, magento: Magento) -> None:
    shop.answers({"id": "DE"}, {"id": 5, "group_id": "4"})
    order = an_order(buyer_name="Jürgen & Söhne 😀")
    body = magento.customers.body(order, EMAIL, STORE, 4)
    assert magento.customers.create(body, "default") == Customer(5, 4)
    regions, asked = shop.asked
    assert regions.path == "/rest/default/V1/directory/countries/DE"
    assert (asked.method, asked.path) == ("POST", "/rest/default/V1/customers")
    (address,) = asked.body["customer"].pop("addresses")
    assert address["telephone"] == "+49 40 123456"
    assert asked.body == {
        "customer": {
            "email": EMAIL,
            "firstname": "Jürgen",
            "lastname": "Söhne",
            "website_id": 1,
            "store_id": 1,
            "group_id": 4,
        }
    }


def test_a_customers_address_without_a_phone_is_left_out(shop: Shop, magento: Magento) -> None:
    shop.answers({"id": "DE"})
    order = an_order(address=an_address(phone=""), buyer_name="")
    body = magento.customers.body(order, EMAIL, STORE, 1)
    assert (body["firstname"], body["lastname"]) == ("Karla", "Kühn")
    assert "addresses" not in body


def test_a_customers_address_in_a_country_the_store_does_not_allow_is_left_out(
    shop: Shop, magento: Magento
) -> None:
    shop.answers_with(404, {"message": "The country isn't available."})
    assert "addresses" not in magento.customers.body(an_order(), EMAIL, STORE, 1)


@pytest.mark.parametrize(
    ("message", "parameters", "words"),
    [
        (
            '"%value" is not a valid %fieldName.',
            {"value": EMAIL, "fieldName": "email"},
            f'"{EMAIL}" is not a valid email.',
        ),
        (f"{EMAIL} is taken.", {}, f"{EMAIL} is taken."),
        ("Karla Kühn is not valid!", {}, "Karla Kühn is not valid!"),
        ('"Telephone" +49 40 123456 is wrong.', {}, '"Telephone" +49 40 123456 is wrong.'),
    ],
)
def test_a_refused_customer_keeps_the_shops_words_to_itself(
    shop: Shop, magento: Magento, message: str, parameters: dict[str, str], words: str
) -> None:
    shop.answers({"id": "DE"})
    body = magento.customers.body(an_order(buyer_name="Karla Kühn"), EMAIL, STORE, 1)
    shop.answers_with(400, {"message": message, "parameters": parameters})
    with pytest.raises(Rejected) as refused:
        magento.customers.create(body, "default")
    assert str(refused.value) == "Magento answered 400"
    assert refused.value.words.get_secret_value() == words


@each_write
@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_write_that_broke_off_is_sent_once_and_its_end_unknown(
    shop: Shop, magento: Magento, write: Write, status: int, slept: list[float]
) -> None:
    shop.answers_with(status, "<html></html>")
    with pytest.raises(OutcomeUnknown):
        write(magento)
    assert len(shop.asked) == 1
    assert slept == []


@each_write
@pytest.mark.parametrize("body", ["", "<html></html>", "null", {}, [], '"x"', '""', "0"])
def test_an_odd_answer_to_a_write_leaves_its_end_unknown(
    shop: Shop, magento: Magento, write: Write, body: Any
) -> None:
    shop.answers_with(200, body)
    with pytest.raises(OutcomeUnknown):
        write(magento)
    assert len(shop.asked) == 1


@each_write
def test_a_write_that_was_turned_away_is_sent_again(
    shop: Shop, magento: Magento, write: Write, slept: list[float]
) -> None:
    shop.answers_with(429, "", Retry_After="4")
    shop.answers_with(400, {"message": "no"})
    with pytest.raises(Rejected):
        write(magento)
    assert slept == [4]


@each_write
def test_a_write_to_nobody_may_be_sent_again(write: Write, slept: list[float], clock: Any) -> None:
    settings = ShopSettings.model_validate({"base_url": "http://127.0.0.1:1", "auth": "bearer"})
    magento = Magento("main", settings, now=clock, sleep=slept.append)
    with pytest.raises(Transient, match="could not connect"):
        write(magento)
    assert len(slept) == 3


def test_a_number_that_is_taken_has_a_code(shop: Shop, magento: Magento) -> None:
    shop.answers_with(400, {"message": "Unique constraint violation found"})
    with pytest.raises(Rejected) as caught:
        magento.orders.create(a_body(), "default")
    assert caught.value.code == "unique"


@pytest.mark.parametrize("name", ["create_order", "create_customer", "comment"])
def test_a_refusal_does_not_quote_the_buyer(shop: Shop, magento: Magento, name: str) -> None:
    template = "We can't save the address:\n%1"
    shop.answers_with(400, {"message": template, "parameters": ["Berta Buyer, Lieferweg 7"]})
    with pytest.raises(Rejected, match="save the address") as caught:
        WRITES[name](magento)
    assert "Berta" not in str(caught.value)
    assert "Lieferweg" not in str(caught.value)


def test_a_refused_invoice_keeps_the_reason_as_words(shop: Shop, magento: Magento) -> None:
    shop.answers_with(400, {"message": "status is %1", "parameters": ["complete"]})
    with pytest.raises(Rejected) as refused:
        magento.invoices.create(7)
    assert refused.value.words.get_secret_value() == "status is complete"


def test_an_http_client_of_ones_own_is_used(shop: Shop) -> None:
    settings = ShopSettings.model_validate({"base_url": "http://127.0.0.1:1", "auth": "bearer"})
    shop.answers(True)
    magento = Magento("main", settings, http=Http(shop.url), now=lambda: NOW)
    assert magento.orders.cancel(7) is True


def test_nothing_of_a_buyer_is_logged(
    shop: Shop, magento: Magento, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shop.answers({"entity_id": 7})
    magento.orders.create(a_body(), "default")
    for secret in ("Berta", "Kühn", "Lieferweg", EMAIL, "the-token"):
        assert secret not in caplog.text
