"""Hand-written orders in Amazon's JSON, as an answer of searchOrders holds them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings

# How long an example takes says more of the machine than of the code.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

GERMANY, UNITED_STATES, JAPAN = "A1PA6795UKMFR9", "ATVPDKIKX0DER", "A1VC38T7YXB528"


def money(amount: str, currency: str = "EUR") -> dict[str, str]:
    return {"amount": amount, "currencyCode": currency}


def breakdown(
    kind: str, subtotal: str, details: Mapping[str, str] | None = None, currency: str = "EUR"
) -> dict[str, Any]:
    """An entry of a proceeds list; only TAX and DISCOUNT have details."""
    entry: dict[str, Any] = {"type": kind, "subtotal": money(subtotal, currency)}
    if details is not None:
        entry["detailedBreakdowns"] = [
            {"subtype": subtype, "value": money(value, currency)}
            for subtype, value in details.items()
        ]
    return entry


def an_item(
    *breakdowns: dict[str, Any],
    total: str | None = None,
    item_id: str = "11111111111111",
    quantity: int = 1,
    unit_price: str | None = None,
    currency: str = "EUR",
    facilitated: bool = False,
) -> dict[str, Any]:
    """An item with these proceeds, and with nothing of which the test does not speak."""
    item: dict[str, Any] = {
        "orderItemId": item_id,
        "quantityOrdered": quantity,
        "product": {"sellerSku": f"SKU-{item_id[:1]}", "title": "A thing"},
        "proceeds": {"breakdowns": list(breakdowns)},
    }
    if total is not None:
        item["proceeds"]["proceedsTotal"] = money(total, currency)
    if unit_price is not None:
        item["product"]["price"] = {"unitPrice": money(unit_price, currency)}
    if facilitated:
        item["tax"] = {"taxCollections": [{"model": "MARKETPLACE_FACILITATOR"}]}
    return item


def an_order(
    *items: dict[str, Any],
    grand_total: str | None = None,
    breakdowns: list[dict[str, Any]] | None = None,
    marketplace: str = GERMANY,
    currency: str = "EUR",
    **changes: Any,
) -> dict[str, Any]:
    """An unshipped merchant-fulfilled order; `changes` replace top-level keys."""
    order: dict[str, Any] = {
        "orderId": "302-1111111-2222222",
        "createdTime": "2026-11-20T08:00:00Z",
        "lastUpdatedTime": "2026-11-21T09:30:00.250Z",
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": marketplace},
        "fulfillment": {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "MERCHANT"},
        "orderItems": list(items) or [an_item()],
        "proceeds": {"breakdowns": breakdowns or []},
    }
    if grand_total is not None:
        order["proceeds"]["grandTotal"] = money(grand_total, currency)
    return order | changes


# An order with every field that is read, and with some that tell nothing.
WHOLE: dict[str, Any] = an_order(
    {
        **an_item(
            breakdown("ITEM", "20.00"),
            breakdown("SHIPPING", "5.00"),
            breakdown("TAX", "4.00", {"ITEM": "3.20", "SHIPPING": "0.80"}),
            breakdown("DISCOUNT", "-2.00", {"ITEM": "-2.00"}),
            total="27.00",
            quantity=2,
            unit_price="10.00",
            facilitated=True,
        ),
        "programs": ["TRANSPARENCY"],
        "measurement": {"unit": "KILOGRAMS", "value": Decimal("2.40")},
        "associatedOrderItems": [
            {"orderItemId": "22222222222222", "associationType": "VALUE_ADD_SERVICE"}
        ],
        "product": {
            "asin": "B0",
            "title": "A thing",
            "sellerSku": "SKU-1",
            "serialNumbers": ["S-1", "S-2"],
            "condition": {
                "conditionType": "USED",
                "conditionSubtype": "GOOD",
                "conditionNote": "a scratch",
            },
            "price": {
                "unitPrice": {"amount": "10.00", "currencyCode": "EUR"},
                "priceDesignation": "BUSINESS_PRICE",
            },
            "customization": {"customizedUrl": "https://example.com/doe.zip"},
        },
        "promotion": {"breakdowns": [{"promotionId": "P-1"}, {}]},
        "cancellation": {
            "cancellationRequest": {"requester": "BUYER", "cancelReason": "late"},
            "cancellationExecution": {"cancelledBy": "MERCHANT", "cancelReason": "NoInventory"},
        },
        "expense": {"pointsCost": {"pointsGranted": {"pointsNumber": 12}}},
        "fulfillment": {
            "quantityFulfilled": 1,
            "picking": {"substitutionPreference": {"substitutionType": "DO_NOT_SUBSTITUTE"}},
            "packing": {
                "giftOption": {"giftMessage": "All the best\nJo", "giftWrapLevel": "STANDARD"},
                "serialNumberRequirement": {"requirementType": "REQUIRED"},
            },
            "shipping": {
                "scheduledDeliveryWindow": {
                    "earliestDateTime": "2026-11-27T08:00:00Z",
                    "latestDateTime": "2026-11-27T10:00:00Z",
                },
                "shippingConstraints": {
                    "signatureConfirmation": "MANDATORY",
                    "cashOnDelivery": "MANDATORY",
                    "palletDelivery": "OPTIONAL",
                },
                "internationalShipping": {"iossNumber": "IM4420001201"},
            },
        },
        "tax": {
            "taxCalculationBreakdowns": [{"reportingScheme": "IOSS"}],
            "taxCollections": [
                {"model": "MARKETPLACE_FACILITATOR", "responsibleParty": "Amazon Services, Inc."}
            ],
        },
    },
    {
        **an_item(item_id="33333333333333", quantity=0),
        "cancellation": {"cancellationExecution": {"cancelledBy": "BUYER"}},
    },
    grand_total="27.00",
    breakdowns=[breakdown("ITEM", "20.00")],
    programs=["PRIME", "A_PROGRAM_TO_COME"],
    orderAliases=[{"aliasId": "WEB-17", "aliasType": "SELLER_ORDER_ID"}],
    salesChannel={
        "channelName": "AMAZON",
        "marketplaceId": GERMANY,
        "marketplaceName": "Amazon.de",
    },
    payment={
        "paymentExecutions": [
            {"paymentMethod": "Invoice", "acquirerId": "X"},
            {"paymentMethod": "Invoice"},
            {"paymentMethod": "GiftCertificate"},
        ]
    },
    tax={
        "taxRegistrations": [
            {
                "entityType": "BUYER",
                "legalName": "Doe GmbH",
                "taxRegistrationType": "VAT",
                "taxRegistrationNumber": "DE123456789",
                "taxRegistrationAddress": {"countryCode": "de"},
            }
        ],
        "taxInvoicing": {"buyerInvoicePreference": "BUSINESS", "invoiceStatus": "PENDING"},
    },
    associatedOrders=[
        {"orderId": "302-1", "associationType": "EXCHANGE_ORIGINAL_ID"},
        {"orderId": "302-2", "associationType": "REPLACEMENT_ORIGINAL_ID"},
    ],
    buyer={
        "buyerName": "Jo Doe",
        "buyerEmail": "relay@marketplace.amazon.de",
        "buyerCompanyName": "Doe GmbH",
        "buyerPurchaseOrderNumber": "PO-9",
    },
    recipient={
        "deliveryAddress": {
            "name": "Jo Doe",
            "companyName": "Doe GmbH",
            "addressLine1": "Hauptstr. 1",
            "addressLine2": "",
            "addressLine3": "Hinterhaus",
            "city": "Bonn",
            "districtOrCounty": "Mitte",
            "stateOrRegion": "NRW",
            "postalCode": "53111",
            "countryCode": "de",
            "phone": "0228 1",
            "addressType": "PICKUP_POINT",
        },
        "deliveryPreference": {
            "dropOffLocation": "Doe's porch",
            "addressInstruction": "Ring twice at Doe",
        },
    },
    fulfillment={
        "fulfillmentStatus": "PARTIALLY_SHIPPED",
        "fulfilledBy": "MERCHANT",
        "fulfillmentServiceLevel": "STANDARD",
        "shipByWindow": {
            "earliestDateTime": "2026-11-23T00:00:00+01:00",
            "latestDateTime": "2026-11-24T23:59:59+01:00",
        },
        "deliverByWindow": {
            "earliestDateTime": "2026-11-26T00:00:00Z",
            "latestDateTime": "2026-11-28T22:59:59Z",
        },
        "labelPrintingWindow": {"earliestDateTime": "2026-11-22T12:00:00Z"},
    },
    packages=[
        {
            "packageReferenceId": "1",
            "trackingNumber": "T-1",
            "carrier": "DHL",
            "shipTime": "2026-11-23T10:00:00Z",
            "shippingService": "DHL Paket",
            "packageStatus": {"status": "IN_TRANSIT", "detailedStatus": "OnItsWay"},
            "packageItems": [
                {"orderItemId": "11111111111111", "quantity": 1},
                {"orderItemId": "11111111111111", "quantity": 1},
                {"orderItemId": "", "quantity": 1},
            ],
        }
    ],
)
