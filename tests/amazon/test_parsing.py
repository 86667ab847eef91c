"""Orders as Amazon really sends them: whole, half empty, in old words, and broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.amazon.amounts import amounts
from pipeline.amazon.parsing import identify, parse
from pipeline.base.errors import CannotMap
from pipeline.orders.amounts import Amounts
from pipeline.orders.channel import Raw
from pipeline.orders.channel_order import (
    Address,
    ChannelOrder,
    FulfilledBy,
    Identity,
    Line,
    Missing,
    Package,
    TaxRegistration,
    Window,
)
from pipeline.orders.outcome import HoldCode
from tests.amazon.orders import GERMANY, WHOLE, an_item, an_order, patient


def test_reads_a_whole_order() -> None:
    assert parse(WHOLE) == ChannelOrder(
        external_id="302-1111111-2222222",
        marketplace_id=GERMANY,
        status="PARTIALLY_SHIPPED",
        fulfilled_by=FulfilledBy.MERCHANT,
        purchased_at=datetime(2026, 11, 20, 8, 0, tzinfo=UTC),
        updated_at=datetime(2026, 11, 21, 9, 30, 0, 250_000, tzinfo=UTC),
        lines=(
            Line(
                item_id="11111111111111",
                sku="SKU-1",
                title="A thing",
                quantity=2,
                asin="B0",
                quantity_fulfilled=1,
                programs=("TRANSPARENCY",),
                gift_message="All the best\nJo",
                promotion_ids=("P-1",),
                buyer_wants_to_cancel=True,
                buyer_cancel_reason="late",
                cancelled_by="MERCHANT",
                cancel_reason="NoInventory",
                gift_wrap="STANDARD",
                condition="USED / GOOD / a scratch",
                price_designation="BUSINESS_PRICE",
                customization_url="https://example.com/doe.zip",
                measurement="2.40 KILOGRAMS",
                substitution="DO_NOT_SUBSTITUTE",
                serial_number_required=True,
                serial_numbers=("S-1", "S-2"),
                constraints=("cashOnDelivery", "signatureConfirmation"),
                delivery=Window(
                    datetime(2026, 11, 27, 8, 0, tzinfo=UTC),
                    datetime(2026, 11, 27, 10, 0, tzinfo=UTC),
                ),
                ioss_number="IM4420001201",
                points=12,
                tax_collected_by="Amazon Services, Inc.",
                tax_schemes=("IOSS",),
                belongs_to=("22222222222222",),
            ),
        ),
        cancelled_lines=(Line("33333333333333", "SKU-3", "A thing", 0, cancelled_by="BUYER"),),
        channel="AMAZON",
        marketplace_name="Amazon.de",
        aliases=("WEB-17",),
        exchanges="302-1",
        ship_from_at=datetime(2026, 11, 22, 23, 0, tzinfo=UTC),
        deliver_from_at=datetime(2026, 11, 26, 0, 0, tzinfo=UTC),
        label_from_at=datetime(2026, 11, 22, 12, 0, tzinfo=UTC),
        drop_off="Doe's porch",
        delivery_instruction="Ring twice at Doe",
        tax_registrations=(TaxRegistration("BUYER", "VAT", "DE123456789", "Doe GmbH", "DE"),),
        invoice_preference="BUSINESS",
        invoice_status="PENDING",
        payment_methods=("Invoice", "GiftCertificate"),
        currency="EUR",
        grand_total=Decimal("27.00"),
        ship_by_at=datetime(2026, 11, 24, 22, 59, 59, tzinfo=UTC),
        deliver_by_at=datetime(2026, 11, 28, 22, 59, 59, tzinfo=UTC),
        service_level="STANDARD",
        programs=("PRIME", "A_PROGRAM_TO_COME"),
        replaces="302-2",
        buyer_name="Jo Doe",
        buyer_email="relay@marketplace.amazon.de",
        buyer_company="Doe GmbH",
        purchase_order_number="PO-9",
        address=Address(
            name="Jo Doe",
            company="Doe GmbH",
            lines=("Hauptstr. 1", "Hinterhaus"),
            city="Bonn",
            district="Mitte",
            region="NRW",
            postcode="53111",
            country="DE",
            phone="0228 1",
            is_pickup_point=True,
        ),
        packages=(
            Package(
                "1",
                "T-1",
                "DHL",
                {"11111111111111": 2},
                status="IN_TRANSIT",
                service="DHL Paket",
                shipped_at=datetime(2026, 11, 23, 10, 0, tzinfo=UTC),
            ),
        ),
    )


def test_what_amazon_withholds_is_empty() -> None:
    order = parse(
        {
            "orderId": "302-1111111-2222222",
            "createdTime": "2026-11-20T08:00:00Z",
            "lastUpdatedTime": "2026-11-20T08:00:00Z",
            "orderItems": [{"orderItemId": "1", "quantityOrdered": 1}],
        }
    )
    at = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
    assert order == ChannelOrder(
        external_id="302-1111111-2222222",
        marketplace_id="",
        status="",
        fulfilled_by=FulfilledBy.MERCHANT,
        purchased_at=at,
        updated_at=at,
        lines=(Line(item_id="1", sku="", title="", quantity=1),),
        missing=dict.fromkeys(
            ("buyer name", "buyer e-mail", "recipient", "street", "postcode", "phone"),
            Missing.ROLE,
        ),
    )


@pytest.mark.parametrize(
    ("status", "quantities", "told"),
    [
        ("UNSHIPPED", (0, 0), "CANCELLED"),
        ("PENDING", (0,), "CANCELLED"),
        ("PENDING_AVAILABILITY", (0,), "CANCELLED"),
        ("Unshipped", (0,), "CANCELLED"),
        ("CANCELLED", (0, 0), "CANCELLED"),
        ("Canceled", (0,), "CANCELLED"),
        ("UNSHIPPED", (0, 1), "UNSHIPPED"),
        ("PARTIALLY_SHIPPED", (2, 0), "PARTIALLY_SHIPPED"),
    ],
)
def test_an_order_of_which_nothing_is_left_counts_as_cancelled(
    status: str, quantities: tuple[int, ...], told: str
) -> None:
    ids = [str(number) * 14 for number in range(1, 1 + len(quantities))]
    raw = an_order(
        *(an_item(item_id=one, quantity=n) for one, n in zip(ids, quantities, strict=True)),
        fulfillment={"fulfillmentStatus": status, "fulfilledBy": "MERCHANT"},
    )
    order = parse(raw)
    assert identify(raw).status == order.status == told
    assert [line.quantity for line in order.lines] == [n for n in quantities if n]
    assert [line.quantity for line in order.cancelled_lines] == [n for n in quantities if not n]


@pytest.mark.parametrize("status", ["SHIPPED", "PARTIALLY_SHIPPED", "UNFULFILLABLE", "NEW_ONE"])
def test_nothing_left_of_what_was_shipped_is_held(status: str) -> None:
    fulfillment = {"fulfillmentStatus": status, "fulfilledBy": "MERCHANT"}
    with pytest.raises(CannotMap) as held:
        parse(an_order(an_item(quantity=0), fulfillment=fulfillment))
    assert held.value.code == HoldCode.UNREADABLE_ORDER
    assert held.value.reason == (
        f"the order is {status} although no unit is left of any of its items"
    )


@pytest.mark.parametrize(
    ("told", "status"),
    [
        *((word, word) for word in ("PENDING_AVAILABILITY", "PENDING", "UNSHIPPED", "SHIPPED")),
        *((word, word) for word in ("PARTIALLY_SHIPPED", "CANCELLED", "UNFULFILLABLE")),
        ("PendingAvailability", "PENDING_AVAILABILITY"),
        ("Pending", "PENDING"),
        ("Unshipped", "UNSHIPPED"),
        ("PartiallyShipped", "PARTIALLY_SHIPPED"),
        ("Shipped", "SHIPPED"),
        ("Canceled", "CANCELLED"),
        ("CANCELED", "CANCELLED"),
        ("Unfulfillable", "UNFULFILLABLE"),
        ("InvoiceUnconfirmed", "SHIPPED"),
        ("INVOICE_UNCONFIRMED", "SHIPPED"),
        ("OnItsWayToTheMoon", "OnItsWayToTheMoon"),
        (None, ""),
        (7, ""),
    ],
)
def test_statuses_are_amazons_words_of_2026(told: Any, status: str) -> None:
    fulfillment = {"fulfillmentStatus": told, "fulfilledBy": "MERCHANT"}
    assert parse(an_order(fulfillment=fulfillment)).status == status


@pytest.mark.parametrize(
    ("told", "status", "fulfilled_by"),
    [
        ("MERCHANT", "UNSHIPPED", FulfilledBy.MERCHANT),
        ("MFN", "UNSHIPPED", FulfilledBy.MERCHANT),
        ("AMAZON", "UNSHIPPED", FulfilledBy.AMAZON),
        ("AFN", "UNSHIPPED", FulfilledBy.AMAZON),
        ("SOMEONE_ELSE", "", FulfilledBy.MERCHANT),
        (None, "", FulfilledBy.MERCHANT),
    ],
)
def test_without_a_word_on_who_fulfils_the_status_is_unknown(
    told: str | None, status: str, fulfilled_by: FulfilledBy
) -> None:
    fulfillment = {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": told}
    order = parse(an_order(fulfillment=fulfillment))
    assert (order.status, order.fulfilled_by) == (status, fulfilled_by)


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ("2026-11-20T08:00:00Z", datetime(2026, 11, 20, 8, 0, tzinfo=UTC)),
        ("2026-11-20T08:00:00.123Z", datetime(2026, 11, 20, 8, 0, 0, 123_000, tzinfo=UTC)),
        ("2026-11-20T08:00:00.123456789Z", datetime(2026, 11, 20, 8, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-11-20T08:00:00+05:30", datetime(2026, 11, 20, 2, 30, tzinfo=UTC)),
        ("2026-11-20T08:00:00", datetime(2026, 11, 20, 8, 0, tzinfo=UTC)),
    ],
)
def test_reads_every_form_of_a_time(told: str, at: datetime) -> None:
    assert identify(an_order(lastUpdatedTime=told)).updated_at == at


@pytest.mark.parametrize(
    ("told", "total"),
    [
        ("12.3456", Decimal("12.3456")),
        ("999999999999999.99", Decimal("999999999999999.99")),
        ("1000000000000000", None),
        ("1E+999999", None),
        ("0.00001", None),
        ("1E-999999", None),
        ("twelve", None),
        ("NaN", None),
        (12.5, None),
        (None, None),
    ],
)
def test_an_amount_is_what_the_database_can_hold(told: Any, total: Decimal | None) -> None:
    proceeds = {"grandTotal": {"amount": told, "currencyCode": "EUR"}}
    assert parse(an_order(proceeds=proceeds)).grand_total == total


def test_brazilian_streets_become_lines() -> None:
    extended = {"streetName": "Rua A", "streetNumber": "7", "neighborhood": "Centro"}
    address = {"extendedFields": extended, "municipality": "Santos"}
    order = parse(an_order(recipient={"deliveryAddress": address}))
    assert order.address == Address(lines=("Rua A 7", "Centro"), city="Santos")


@pytest.mark.parametrize(
    ("address", "lines", "city", "district"),
    [
        ({"addressLine1": "Rua A, 7 - Centro"}, ("Rua A, 7 - Centro",), "", ""),
        ({"addressLine1": "Rua A 7"}, ("Rua A 7", "Centro"), "", ""),
        ({"addressLine1": "Rua A 70"}, ("Rua A 70", "Rua A 7", "Centro"), "", ""),
        ({"city": "Santos", "municipality": "Santos"}, ("Rua A 7", "Centro"), "Santos", ""),
        (
            {"city": "Gonzaga", "municipality": "Santos", "districtOrCounty": "Leste"},
            ("Rua A 7", "Centro"),
            "Gonzaga",
            "Leste, Santos",
        ),
    ],
)
def test_nothing_of_an_address_is_left_out_and_nothing_told_twice(
    address: dict[str, str], lines: tuple[str, ...], city: str, district: str
) -> None:
    extended = {"streetName": "Rua A", "streetNumber": "7", "neighborhood": "Centro"}
    told = {"extendedFields": extended, **address}
    order = parse(an_order(recipient={"deliveryAddress": told}))
    assert order.address == Address(lines=lines, city=city, district=district)


def test_an_address_of_empty_fields_is_none() -> None:
    assert parse(an_order(recipient={"deliveryAddress": {"name": " "}})).address is None


def test_characters_no_database_takes_are_left_out() -> None:
    assert parse(an_order(buyer={"buyerName": "J\x00o\ud800 Doe"})).buyer_name == "Jo Doe"


@pytest.mark.parametrize("quantity", [2, Decimal("2.0")])
def test_a_whole_quantity(quantity: Any) -> None:
    assert parse(an_order({**an_item(), "quantityOrdered": quantity})).lines[0].quantity == 2


@pytest.mark.parametrize(
    ("broken", "names"),
    [
        ({"orderId": None}, "orderId"),
        ({"orderId": "  "}, "orderId"),
        ({"lastUpdatedTime": "yesterday"}, "lastUpdatedTime"),
        ({"lastUpdatedTime": "0001-01-01T00:00:00+14:00"}, "lastUpdatedTime"),
        ({"createdTime": None}, "createdTime"),
        ({"createdTime": 1763625600}, "createdTime"),
        ({"orderItems": None}, "orderItems"),
        ({"orderItems": []}, "orderItems"),
        ({"orderItems": ["11111111111111"]}, "orderItemId"),
        ({"orderItems": [{"quantityOrdered": 1}]}, "orderItemId"),
        ({"orderItems": [an_item(quantity=-1)]}, "quantityOrdered"),
        ({"orderItems": [{**an_item(), "quantityOrdered": Decimal("1.5")}]}, "quantityOrdered"),
        ({"orderItems": [{**an_item(), "quantityOrdered": True}]}, "quantityOrdered"),
        (
            {"orderItems": [{**an_item(), "quantityOrdered": Decimal("1E+99999")}]},
            "quantityOrdered",
        ),
        ({"orderItems": [an_item(), an_item()]}, "orderItemId 11111111111111"),
    ],
)
def test_an_order_that_cannot_be_kept_names_the_key(broken: dict[str, Any], names: str) -> None:
    with pytest.raises(CannotMap) as held:
        parse(an_order(**broken))
    assert held.value.code == HoldCode.UNREADABLE_ORDER
    assert names in held.value.reason


@pytest.mark.parametrize("raw", [None, "302-1111111-2222222", [], 7])
def test_what_is_no_object_is_no_order(raw: Any) -> None:
    with pytest.raises(CannotMap) as held:
        identify(raw)
    assert held.value.code == HoldCode.UNREADABLE_ORDER


def test_identifies_an_order_whose_items_are_broken() -> None:
    assert identify(an_order(orderItems=None, fulfillment={"fulfilledBy": "AMAZON"})) == Identity(
        external_id="302-1111111-2222222",
        marketplace_id=GERMANY,
        status="",
        fulfilled_by=FulfilledBy.AMAZON,
        purchased_at=datetime(2026, 11, 20, 8, 0, tzinfo=UTC),
        updated_at=datetime(2026, 11, 21, 9, 30, 0, 250_000, tzinfo=UTC),
    )


def places(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """Where in a JSON value something can be broken."""
    if path:
        yield path
    if isinstance(value, dict):
        inside: list[tuple[Any, Any]] = list(value.items())
    else:
        inside = list(enumerate(value)) if isinstance(value, list) else []
    for key, one in inside:
        yield from places(one, *path, key)


GONE = object()
BREAKAGE = st.one_of(
    st.just(GONE),
    st.none(),
    st.booleans(),
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.text(),
    st.sampled_from(["-0", "1E+999999", "1E-999999", "99999999999999999999.99", "9999-12-31"]),
    st.just([]),
    st.just({}),
    st.lists(st.one_of(st.none(), st.text(), st.just({})), max_size=3),
)


@st.composite
def broken_orders(draw: st.DrawFn) -> dict[str, Any]:
    """The whole order with some of its values gone, null or of another type."""
    order = deepcopy(WHOLE)
    every = sorted(places(WHOLE), key=repr)
    paths = draw(st.lists(st.sampled_from(every), unique=True, min_size=1, max_size=12))
    # What lies deepest is broken first: then every path still leads somewhere.
    for path in sorted(paths, key=len, reverse=True):
        within: Any = order
        for key in path[:-1]:
            within = within[key]
        value = draw(BREAKAGE)
        if value is GONE and isinstance(within, dict):
            del within[path[-1]]
        else:
            within[path[-1]] = None if value is GONE else value
    return order


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        (identify, Identity),
        (parse, ChannelOrder),
        (amounts, Amounts),
        (partial(amounts, trust_total=True), Amounts),
    ],
)
@patient
@given(order=broken_orders())
def test_a_broken_order_is_read_or_held(
    read: Callable[[Raw], Any], kind: type, order: dict[str, Any]
) -> None:
    hold: CannotMap | None = None
    try:
        result = read(order)
    except CannotMap as error:
        hold = error
    if hold is None:
        assert isinstance(result, kind)
    else:
        assert hold.code in set(HoldCode)
        assert "Doe" not in hold.reason + repr(hold.facts)
