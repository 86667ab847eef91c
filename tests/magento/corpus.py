"""Sixty orders as Amazon tells them, each with its total and what is to become of it.

Totals are Amazon's own, written down by hand, as are the words an order is held with: nothing here
is worked out by the code under test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pipeline.orders.outcome import HoldCode
from tests.amazon.orders import breakdown, money

DE, FR, GB, SE, PL, TR = (
    *("A1PA6795UKMFR9", "A13V1IB3VIYZZH", "A1F83G8C2ARO7P", "A2NODRKZP88ZB9"),
    *("A1C3SOZRARQ6R3", "A33AVAJ2PDY3EV"),
)
US, CA, JP = "ATVPDKIKX0DER", "A2EUQ1WTGCTBG2", "A1VC38T7YXB528"
Parts = str | Mapping[str, str]


@dataclass(frozen=True)
class Case:
    """An order. `total` is None and `held` the code and a part of the reason where it is held."""

    kind: str
    raw: dict[str, Any]
    total: str | None
    held: tuple[HoldCode, str] | None = None
    base: str = "EUR"
    settings: Mapping[str, Any] = field(default_factory=dict)


def item(total: str | None, goods: str | None, **more: Any) -> dict[str, Any]:
    """An item by its amounts: `ship`, `wrap`, `cod`, `other`, `tax` and `off` (by part, or of the
    goods); `unit`, `qty`, `facilitated`, and `fields` that replace those of the item."""
    return {"total": total, "goods": goods, **more}


def _rendered(number: int, currency: str, row: dict[str, Any]) -> dict[str, Any]:
    parts = [
        breakdown(kind, row[name], currency=currency)
        for kind, name in (
            *(("ITEM", "goods"), ("SHIPPING", "ship"), ("GIFT_WRAP", "wrap")),
            *(("COD_FEE", "cod"), ("OTHER", "other")),
        )
        if row.get(name) is not None
    ]
    for kind, name in (("TAX", "tax"), ("DISCOUNT", "off")):
        given: Parts | None = row.get(name)
        if given is not None:
            details = {"ITEM": given} if isinstance(given, str) else given
            whole = sum((Decimal(detail) for detail in details.values()), Decimal(0))
            parts.append(breakdown(kind, row.get(f"{name}_sum", str(whole)), details, currency))
    made: dict[str, Any] = {
        "orderItemId": f"{number:014}",
        "quantityOrdered": row.get("qty", 1),
        "product": {"sellerSku": row.get("sku", "MUG-BLUE"), "title": "Mug, blue"},
        "proceeds": {"breakdowns": parts},
    }
    if row["total"] is not None:
        made["proceeds"]["proceedsTotal"] = money(row["total"], currency)
    if "unit" in row:
        made["product"]["price"] = {"unitPrice": money(row["unit"], currency)}
    if row.get("facilitated"):
        made["tax"] = {
            "taxCollections": [
                {"model": "MARKETPLACE_FACILITATOR", "responsibleParty": "Amazon Services, Inc."}
            ]
        }
    fields: dict[str, Any] = row.get("fields", {})
    return made | fields


def order(
    total: str | None,
    *items: dict[str, Any],
    currency: str = "EUR",
    marketplace: str = DE,
    extras: Mapping[str, str] | None = None,
    by: str = "MERCHANT",
    status: str = "UNSHIPPED",
    **changes: Any,
) -> dict[str, Any]:
    """An order of these items; `extras` belong to no item, `changes` replace top-level keys."""
    proceeds: dict[str, Any] = {
        "breakdowns": [
            breakdown(kind, amount, currency=currency) for kind, amount in (extras or {}).items()
        ]
    }
    if total is not None:
        proceeds["grandTotal"] = money(total, currency)
    return {
        "createdTime": "2026-11-20T08:00:00Z",
        "lastUpdatedTime": "2026-11-21T09:30:00Z",
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": marketplace},
        "fulfillment": {"fulfillmentStatus": status, "fulfilledBy": by},
        "recipient": {
            "deliveryAddress": {
                "name": "Karla Kühn",
                "addressLine1": "Lieferweg 7",
                "city": "Hamburg",
                "postalCode": "20095",
                "countryCode": "DE",
            }
        },
        "orderItems": [
            _rendered(number, currency, told) for number, told in enumerate(items, start=1)
        ],
        "proceeds": proceeds,
        **changes,
    }


def _case(
    kind: str,
    total: str,
    *items: dict[str, Any],
    base: str = "EUR",
    settings: Mapping[str, Any] | None = None,
    **more: Any,
) -> Case:
    """One that is created with Amazon's total."""
    return Case(kind, order(total, *items, **more), total, None, base, settings or {})


def _held(code: HoldCode, reason: str, kind: str, raw: dict[str, Any]) -> Case:
    return Case(f"held: {kind}", raw, None, (code, reason))


JPY: dict[str, Any] = {"currency": "JPY", "marketplace": JP}
USD: dict[str, Any] = {"currency": "USD", "marketplace": US}
COMPANY: dict[str, Any] = {
    "programs": ["AMAZON_BUSINESS"],
    "buyer": {"buyerCompanyName": "Buyer AG", "buyerPurchaseOrderNumber": "PO-7"},
    "tax": {
        "taxRegistrations": [
            {
                "entityType": "BUYER",
                "taxRegistrationType": "VAT",
                "taxRegistrationNumber": "DE123456789",
            }
        ]
    },
}
REPLACEMENT: dict[str, Any] = {
    "associatedOrders": [
        {"orderId": "302-0000000-0000001", "associationType": "REPLACEMENT_ORIGINAL_ID"}
    ]
}
TIP = {"DELIVERY_TIP": "2.50"}
IOSS = {"fulfillment": {"shipping": {"internationalShipping": {"iossNumber": "IM2760000742"}}}}
BOTH = {"ITEM": "3.80", "SHIPPING": "0.95"}
# What many lines cost together: 25 × 1.19.
MANY = tuple(item("1.19", "1.00", tax="0.19") for _ in range(25))
UNCLEAR = HoldCode.TOTALS_UNCLEAR

CREATED = (
    _case("quantity 1", "23.80", item("23.80", "20.00", tax="3.80")),
    _case("quantity 2", "47.60", item("47.60", "40.00", qty=2, unit="20.00", tax="7.60")),
    _case("quantity 3, a third each", "10.00", item("10.00", "10.00", qty=3)),
    _case("quantity 7", "83.23", item("83.23", "69.93", qty=7, unit="9.99", tax="13.30")),
    _case("quantity 144", "171.36", item("171.36", "144.00", qty=144, unit="1.00", tax="27.36")),
    _case(
        "two lines",
        "71.40",
        item("23.80", "20.00", tax="3.80"),
        item("47.60", "40.00", qty=2, tax="7.60"),
    ),
    _case(
        "two lines of two rates",
        "34.50",
        item("23.80", "20.00", tax="3.80"),
        item("10.70", "10.00", tax="0.70"),
    ),
    _case("25 lines", "29.75", *MANY),
    _case("unit price alone", "17.98", item(None, None, qty=2, unit="8.99")),
    _case("promotion, negative", "21.42", item("21.42", "20.00", tax="3.42", off="-2.00")),
    _case("promotion, positive", "21.42", item("21.42", "20.00", tax="3.42", off="2.00")),
    _case(
        "promotion on shipping",
        "25.80",
        item("25.80", "20.00", ship="5.00", tax="3.80", off={"SHIPPING": "-3.00"}),
    ),
    _case(
        "promotion on both",
        "23.80",
        item(
            *("23.80", "20.00"), ship="5.00", tax="3.80", off={"ITEM": "-2.00", "SHIPPING": "-3.00"}
        ),
    ),
    _case("free by promotion", "0.00", item("0.00", "20.00", off="-20.00")),
    _case("free shipping", "23.80", item("23.80", "20.00", ship="4.99", tax="3.80",
                                         off={"SHIPPING": "-4.99"})),
    _case("promotion of a cent", "9.98", item("9.98", "9.99", off="-0.01")),
    _case(
        "promotion on one of two",
        "41.42",
        item("21.42", "20.00", tax="3.42", off="-2.00"),
        item("20.00", "20.00"),
    ),
    _case("promotion without details", "18.00", item("18.00", "20.00", off={"ITEM": "-2.00"})),
    _case("gift wrap", "26.18", item("26.18", "20.00", wrap="2.00",
                                     tax={"ITEM": "3.80", "GIFT_WRAP": "0.38"})),
    _case("gift wrap in the price", "26.18",
          item("26.18", "20.00", wrap="2.00", tax={"ITEM": "3.80", "GIFT_WRAP": "0.38"}),
          settings={"gift_wrap": "price"}),
    _case("gift wrap of 3 in the price", "36.00", item("36.00", "30.01", qty=3, wrap="5.99"),
          settings={"gift_wrap": "price"}),
    _case("gift wrap off again", "20.00", item("20.00", "20.00", wrap="2.00",
                                               off={"GIFT_WRAP": "-2.00"})),
    _case("gift wrap and promotion", "20.00", item("20.00", "20.00", wrap="2.00", off="-2.00"),
          settings={"gift_wrap": "price"}),
    _case("shipping", "28.79", item("28.79", "20.00", ship="4.99", tax="3.80")),
    _case("shipping taxed", "29.75", item("29.75", "20.00", ship="5.00", tax=BOTH)),
    _case(
        "shipping of two lines, two rates",
        "45.10",
        item("29.75", "20.00", ship="5.00", tax=BOTH),
        item("15.35", "10.00", ship="4.35", tax={"ITEM": "0.70", "SHIPPING": "0.30"}),
    ),
    _case("shipping alone has a price", "4.99", item("4.99", "0.00", ship="4.99")),
    _case("payment on delivery", "26.80", item("26.80", "20.00", cod="3.00", tax="3.80")),
    _case("delivery tip", "26.30", item("23.80", "20.00", tax="3.80"), extras=TIP),
    _case("other charges", "25.30", item("25.30", "20.00", other="1.50", tax="3.80")),
    _case("tax inside", "23.80", item("23.80", "23.80", tax="3.80")),
    _case("tax inside, quantity 3", "29.97", item("29.97", "29.97", qty=3, unit="9.99",
                                                  tax="4.79")),
    _case("tax inside, promotion", "21.42", item("21.42", "23.80", tax="3.42", off="-2.38")),
    _case("tax inside, promotion's tax told", "21.42",
          item("21.42", "23.80", tax={"ITEM": "3.80", "DISCOUNT": "-0.38"}, off="-2.38")),
    _case("tax inside, shipping", "29.75", item("29.75", "23.80", ship="5.95", tax=BOTH)),
    _case("tax inside, gift wrap", "26.18",
          item("26.18", "23.80", wrap="2.38", tax={"ITEM": "3.80", "GIFT_WRAP": "0.38"})),
    _case("tax inside, in pounds", "19.99", item("19.99", "19.99", tax="3.33"),
          currency="GBP", marketplace=GB),
    _case("no tax wanted", "29.75", item("29.75", "20.00", ship="5.00", tax=BOTH),
          settings={"tax": "none"}),
    _case("tax of 5.5 %", "105.50", item("105.50", "100.00", tax="5.50"), marketplace=FR),
    _case("total off by a cent", "23.81", item("23.80", "20.00", tax="3.80")),
    _case("facilitator, inside the total", "21.65",
          item("21.65", "20.00", tax="1.65", facilitated=True), **USD, base="USD"),
    _case("facilitator, outside the total", "20.00",
          item("20.00", "20.00", tax="1.65", facilitated=True), **USD, base="USD"),
    _case("facilitator, outside, with shipping", "25.00",
          item("25.00", "20.00", ship="5.00", tax={"ITEM": "1.65", "SHIPPING": "0.41"},
               facilitated=True), **USD, base="USD"),
    _case("facilitator on one of two lines", "45.45",
          item("21.65", "20.00", tax="1.65", facilitated=True),
          item("23.80", "20.00", tax="3.80"), **USD, base="USD"),
    _case("facilitator, VAT, IOSS", "23.80",
          item("23.80", "20.00", tax="3.80", facilitated=True, fields=IOSS)),
    _case("facilitator, in another currency", "21.65",
          item("21.65", "20.00", tax="1.65", facilitated=True), **USD),
    _case("yen", "1200", item("1200", "1200", qty=2, tax="109"), **JPY, base="JPY"),
    _case("yen, promotion", "1100", item("1100", "1200", off="-100", tax="100"), **JPY,
          base="JPY"),
    _case("yen, thirds", "1000", item("1000", "1000", qty=3, tax="91"), **JPY, base="JPY"),
    _case("yen in a shop of euros", "3380",
          item("3380", "2980", qty=2, ship="400", tax={"ITEM": "271", "SHIPPING": "36"}), **JPY),
    _case("kronor in a shop of euros", "624.50",
          item("624.50", "499.60", qty=3, tax="124.90"), currency="SEK", marketplace=SE),
    _case("business", "23.80", item("23.80", "20.00", tax="3.80"), **COMPANY),
    _case("business, no tax", "200.00", item("200.00", "200.00", qty=10, unit="20.00"), **COMPANY),
    _case("sent by Amazon, zlotys", "61.50", item("61.50", "50.00", tax="11.50"),
          currency="PLN", marketplace=PL, by="AMAZON", status="SHIPPED"),
    _case("free replacement", "0.00", item("0.00", "0.00"), **REPLACEMENT),
)  # fmt: skip

HELD = (
    _held(UNCLEAR, "item 00000000000001: its amounts do not add up to its total", "a wrong total",
          order("30.00", item("30.00", "20.00", tax="3.80"))),
    _held(UNCLEAR, "item 00000000000002: unit price times quantity is not the price of the item",
          "a wrong quantity",
          order("40.00", item("10.00", "10.00"), item("30.00", "30.00", qty=2, unit="10.00"))),
    _held(UNCLEAR, "the items do not add up to the order's total", "a wrong grand total",
          order("50.00", item("23.80", "20.00", tax="3.80"))),
    _held(UNCLEAR, "the order's total can be read in more than one way", "two readings",
          order("20.00", item(None, "20.00", tax="1.65", facilitated=True))),
    _held(HoldCode.CURRENCY, "the shop has no rate between them", "no rate for liras",
          order("100.00", item("100.00", "100.00"), currency="TRY", marketplace=TR)),
)  # fmt: skip

CASES = (*CREATED, *HELD)
