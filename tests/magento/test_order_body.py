"""Everything of an order that is not a sum."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.errors import CannotMap
from pipeline.magento.order.body import (
    OrderShape,
    check_address,
    differences,
    email_of,
    shipping_description,
)
from pipeline.magento.records import MagentoOrder
from pipeline.orders.channel_order import FulfilledBy, TaxRegistration
from pipeline.orders.outcome import HoldCode
from tests.magento.builders import (
    CALIFORNIA,
    EMAIL,
    MUG,
    a_body,
    a_line,
    amounts_of,
    an_address,
    an_order,
)

SHIP_BY = datetime(2026, 11, 24, 8, 0, tzinfo=timezone(timedelta(hours=1)))


def test_an_ordinary_order() -> None:
    body = a_body(increment_id="AMZ-902-1234567-1234567")
    names = {
        "customer_email": EMAIL,
        "store_id": 1,
        "state": "new",
        "status": "pending",
        "ext_order_id": "902-1234567-1234567",
        "increment_id": "AMZ-902-1234567-1234567",
        "created_at": "2026-11-22 12:00:00",
        "customer_is_guest": 1,
        "customer_group_id": 0,
        "customer_firstname": "Berta",
        "customer_lastname": "Buyer",
        "base_currency_code": "EUR",
        "order_currency_code": "EUR",
        "store_currency_code": "EUR",
        "global_currency_code": "EUR",
        "base_to_order_rate": 1,
        "total_qty_ordered": 2,
        "weight": Decimal("0.8"),
        "is_virtual": 0,
        "shipping_description": "Amazon",
    }
    assert {name: body[name] for name in names} == names
    item = {
        "store_id": 1,
        "product_id": 1,
        "product_type": "simple",
        "sku": "MUG-BLUE",
        "name": "Mug, blue",
        "qty_ordered": 2,
        "price": Decimal("20.0000"),
        "price_incl_tax": Decimal("23.8000"),
        "row_total": Decimal("40.00"),
        "row_total_incl_tax": Decimal("47.60"),
        "tax_amount": Decimal("7.60"),
        "weight": Decimal("0.4"),
        "row_weight": Decimal("0.8"),
        "is_virtual": 0,
        "ext_order_item_id": "I1",
    }
    assert len(body["items"]) == 1
    assert {name: body["items"][0][name] for name in item} == item
    assert "qty_shipped" not in body["items"][0]
    assert body["payment"] == {
        "method": "amazon_marketplace",
        "account_status": "",
        "cc_last4": "",
        "amount_ordered": Decimal("47.60"),
        "base_amount_ordered": Decimal("47.60"),
        "shipping_amount": 0,
        "base_shipping_amount": 0,
        "last_trans_id": "902-1234567-1234567",
        "additional_information": {
            "method_title": "Amazon",
            "amazon_order_id": "902-1234567-1234567",
            "marketplace": "DE",
            "fulfilled_by": "merchant",
        },
    }
    (history,) = body["status_histories"]
    assert history == {
        "comment": "Amazon order 902-1234567-1234567, fulfilled by merchant",
        "status": "pending",
        "entity_name": "order",
        "is_customer_notified": 0,
        "is_visible_on_front": 0,
    }


def test_the_email_comes_before_the_billing_address() -> None:
    keys = list(a_body())
    assert keys.index("customer_email") < keys.index("billing_address")


def test_the_buyer_is_billed_and_the_recipient_gets_the_parcel() -> None:
    body = a_body(an_order(buyer_company="Buyer AG", address=an_address(company="Lager Nord")))
    billing, shipping = body["billing_address"], shipping_of(body)
    assert [billing[k] for k in ("firstname", "lastname", "company", "address_type")] == [
        *("Berta", "Buyer", "Buyer AG", "billing")
    ]
    assert [shipping[k] for k in ("firstname", "lastname", "company", "address_type")] == [
        *("Karla", "Kühn", "Lager Nord", "shipping")
    ]
    for one in (billing, shipping):
        assert (one["street"], one["city"], one["email"]) == (["Lieferweg 7"], "Hamburg", EMAIL)


@pytest.mark.parametrize(
    ("registrations", "number"),
    [
        ([("BUYER", "VAT", "DE123456789")], "DE123456789"),
        ([("MERCHANT", "VAT", "DE999"), ("BUYER", "CPF", " 1<b>23 ")], "1 23"),
        ([("BUYER", "VAT", ""), ("BUYER", "CNPJ", "1")], "1"),
        ([("BUYER", "VAT", "9" * 32)], "9" * 32),
        ([("BUYER", "VAT", "9" * 33)], None),
        ([], None),
    ],
)
def test_the_buyers_tax_number_is_on_the_bill(
    registrations: list[tuple[str, str, str]], number: str | None
) -> None:
    tax_numbers = tuple(TaxRegistration(*registration) for registration in registrations)
    body = a_body(an_order(tax_registrations=tax_numbers))
    assert body.get("customer_taxvat") == number
    assert body["billing_address"].get("vat_id") == number
    assert "vat_id" not in shipping_of(body)


def shipping_of(body: dict[str, Any]) -> dict[str, Any]:
    (assignment,) = body["extension_attributes"]["shipping_assignments"]
    assert assignment["shipping"]["method"] == "flatrate_flatrate"
    address: dict[str, Any] = assignment["shipping"]["address"]
    return address


def test_a_region_of_the_directory_goes_by_id() -> None:
    order = an_order(address=an_address(country="US", region="californiA 92025-1501"))
    assert shipping_of(a_body(order, regions=(CALIFORNIA,)))["region_id"] == 12


def test_an_order_without_buyer_data_still_has_a_name() -> None:
    body = a_body(an_order(buyer_name="", buyer_email="", address=an_address(name="")))
    assert (body["customer_firstname"], body["customer_lastname"]) == ("Amazon", "Customer")
    assert body["customer_email"] == "amazon-902-1234567-1234567@orders.invalid"


@pytest.mark.parametrize(
    ("given_email", "email"),
    [
        ("a@marketplace.example", "a@marketplace.example"),
        (" a@marketplace.example ", "a@marketplace.example"),
        ("", "amazon-902-1@orders.invalid"),
        ("no address", "amazon-902-1@orders.invalid"),
        ("a@b", "amazon-902-1@orders.invalid"),
        (f"{'a' * 120}@shop.example", "amazon-902-1@orders.invalid"),
        ("a@shop.example\nBcc: b@shop.example", "amazon-902-1@orders.invalid"),
    ],
)
def test_an_email_is_always_valid(given_email: str, email: str) -> None:
    assert email_of(an_order(external_id="902-1", buyer_email=given_email)) == email


def test_a_known_customer_is_no_guest() -> None:
    body = a_body(customer_id=7)
    assert [body[key] for key in ("customer_id", "customer_is_guest", "customer_group_id")] == [
        *(7, 0, 1)
    ]
    assert "customer_id" not in a_body()


@pytest.mark.parametrize(
    ("shape", "state", "status", "shipped"),
    [
        (OrderShape.NEW, "new", "pending", [None, None]),
        (OrderShape.PARTLY, "new", "pending", [1, None]),
        (OrderShape.COMPLETE, "processing", "processing", [2, 1]),
    ],
)
def test_each_shape(shape: OrderShape, state: str, status: str, shipped: list[int | None]) -> None:
    order = an_order(lines=(a_line(quantity_fulfilled=1),))
    body = a_body(order, amounts_of(gift_wrap_net="2.00"), shape=shape)
    assert (body["state"], body["status"]) == (state, status)
    assert body["status_histories"][0]["status"] == status
    assert [item.get("qty_shipped") for item in body["items"]] == shipped


def test_never_more_counts_as_shipped_than_was_ordered() -> None:
    body = a_body(an_order(lines=(a_line(quantity_fulfilled=9),)), shape=OrderShape.PARTLY)
    assert body["items"][0]["qty_shipped"] == 2


def test_a_line_of_an_unknown_product_has_no_product_id() -> None:
    (item,) = a_body(an_order(lines=(a_line(title="", sku="NEW-1"),)), products={})["items"]
    assert (item["sku"], item["name"], item["product_type"]) == ("NEW-1", "NEW-1", "simple")
    assert "product_id" not in item


def test_the_line_has_the_catalogues_spelling_of_the_sku() -> None:
    products = {"mug-blue": MUG}
    body = a_body(an_order(lines=(a_line(sku="mug-blue"),)), products=products)
    assert body["items"][0]["sku"] == "MUG-BLUE"


def test_a_number_is_cut_where_magento_would_cut_it() -> None:
    assert a_body(an_order(external_id="9" * 40))["ext_order_id"] == "9" * 32


@pytest.mark.parametrize("changes", [{"lines": ()}, {"country": ""}])
def test_a_parcel_that_cannot_be_sent_is_held(changes: dict[str, Any]) -> None:
    order = an_order(address=an_address(**changes))
    for check in (check_address, a_body):
        with pytest.raises(CannotMap) as caught:
            check(order)
        assert caught.value.code == HoldCode.ADDRESS_UNUSABLE


def test_what_amazon_ships_needs_no_address() -> None:
    order = an_order(fulfilled_by=FulfilledBy.AMAZON, address=None, buyer_name="")
    check_address(order)
    address = shipping_of(a_body(order, shape=OrderShape.COMPLETE))
    assert (address["street"], address["city"], address["country_id"]) == (["-"], "-", "DE")
    assert (address["firstname"], address["lastname"]) == ("Amazon", "Customer")


def test_says_what_the_warehouse_should_know() -> None:
    order = an_order(
        service_level="Standard",
        programs=("PRIME", "AMAZON_BUSINESS"),
        ship_by_at=SHIP_BY,
        purchase_order_number="PO-1",
    )
    assert shipping_description(order) == (
        "Amazon - Standard | Prime | Amazon Business | ship by 2026-11-24 07:00 UTC"
    )
    assert a_body(order)["payment"]["po_number"] == "PO-1"
    assert len(shipping_description(an_order(service_level="x" * 300))) == 255


def test_names_the_total_that_differs() -> None:
    amounts = amounts_of()
    assert differences(MagentoOrder(1, grand_total=Decimal("47.6000")), amounts) is None
    assert differences(MagentoOrder(1, grand_total=Decimal("47.59")), amounts) == (
        "Magento's grand total is 47.59 EUR, Amazon's is 47.60 EUR"
    )


OBJECTS = ("billing_address", "payment", "extension_attributes", "parent_item", "product_option")


def leaves(value: Any, key: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for name, inner in value.items() for leaf in leaves(inner, name)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner, key)]
    return [(key, value)]


@given(text=st.text(max_size=40), lines=st.lists(st.text(max_size=40), max_size=4))
def test_whatever_a_buyer_writes_magento_accepts(text: str, lines: list[str]) -> None:
    order = an_order(
        fulfilled_by=FulfilledBy.AMAZON,
        buyer_name=text,
        buyer_email=text,
        buyer_company=text,
        purchase_order_number=text,
        service_level=text,
        lines=(a_line(title=text, gift_message=text),),
        address=an_address(
            name=text, company=text, lines=tuple(lines), city=text, district=text, region=text,
            postcode=text, country=text, phone=text,
        ),
    )  # fmt: skip
    body = a_body(order)
    for name, value in leaves(body):
        assert value is not None
        assert type(value) in (str, int, Decimal)
        if isinstance(value, str):
            assert not set("<>\x00") & set(value)
            assert all(ord(char) <= 0xFFFF for char in value)
        if name in ("firstname", "lastname", "city", "postcode", "telephone", "country_id", "name"):
            assert value
    assert not set(OBJECTS) & {name for name, value in leaves(body)}
