"""confirmShipment of the Amazon stand-in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sandbox.amazon.builders import a_line, an_order
from sandbox.amazon.carriers import CARRIER_CODES
from tests.sandbox.conftest import NOW, Caller, refusal

ORDER = "028-0000001-0000001"
GERMANY, JAPAN, INDIA = "A1PA6795UKMFR9", "A1VC38T7YXB528", "A21TJRUUN4KGV"
PLACED = NOW - timedelta(days=1)

BAD_REFERENCE = "PackageReferenceId: is invalid, must be a positive numeric value"
BAD_ITEM = "OrderItemId is invalid, please obtain the value through the getOrderItems API."
NOT_FOUND = (
    "Failed to create package due to not finding a matching package or order already fulfilled."
    " PackageToUpdateNotFound (GeneralError)"
)
BAD_CARRIER = "CarrierCode is invalid."


def an_order_of_three(**changes: Any) -> dict[str, Any]:
    """Two of item A, one of item B."""
    lines = [a_line("SKU-A", 2, item_id="A"), a_line("SKU-B", 1, item_id="B")]
    given: dict[str, Any] = {"lines": lines, "created_at": PLACED}
    return an_order(ORDER, **(given | changes))


def a_confirmation(
    items: Any = (("A", 2), ("B", 1)), *, marketplace: str = GERMANY, **detail: Any
) -> dict[str, Any]:
    """A good body; `detail` replaces fields of packageDetail, None removes one."""
    if isinstance(items, tuple):
        items = [{"orderItemId": item_id, "quantity": number} for item_id, number in items]
    package = {
        "packageReferenceId": "1",
        "carrierCode": "DHL",
        "trackingNumber": "00340434161094015902",
        "shipDate": "2026-11-22T10:00:00Z",
        "orderItems": items,
    } | detail
    kept = {name: value for name, value in package.items() if value is not None}
    return {"marketplaceId": marketplace, "packageDetail": kept}


def quantities(order: dict[str, Any]) -> list[tuple[int, int]]:
    counts = [item["fulfillment"] for item in order["orderItems"]]
    return [(count["quantityFulfilled"], count["quantityUnfulfilled"]) for count in counts]


def test_a_whole_order_in_one_package(amazon: Caller) -> None:
    amazon.place(an_order_of_three())
    answer = amazon.confirm(ORDER, a_confirmation(shippingMethod="DHL Paket"))
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["x-amzn-RateLimit-Limit"] == "2.0"
    order = amazon.get(ORDER).json()["order"]
    assert order["fulfillment"]["fulfillmentStatus"] == "SHIPPED"
    assert order["lastUpdatedTime"] == "2026-11-22T12:00:00.000Z"
    assert quantities(order) == [(2, 0), (1, 0)]
    assert order["packages"] == [
        {
            "packageReferenceId": "1",
            "createdTime": "2026-11-22T12:00:00.000Z",
            "packageStatus": {"status": "SHIPPED"},
            "carrier": "DHL",
            "shipTime": "2026-11-22T10:00:00.000Z",
            "shippingService": "DHL Paket",
            "trackingNumber": "00340434161094015902",
            "packageItems": [
                {"orderItemId": "A", "quantity": 2},
                {"orderItemId": "B", "quantity": 1},
            ],
        }
    ]


def test_several_packages_ship_the_order_bit_by_bit(amazon: Caller) -> None:
    amazon.place(an_order_of_three())
    steps = []
    for reference, items in (("1", (("A", 1),)), ("2", (("A", 1),)), ("7", (("B", 1),))):
        body = a_confirmation(items, packageReferenceId=reference)
        assert amazon.confirm(ORDER, body).status_code == 204
        order = amazon.get(ORDER).json()["order"]
        steps.append((order["fulfillment"]["fulfillmentStatus"], quantities(order)))
    assert steps == [
        ("PARTIALLY_SHIPPED", [(1, 1), (0, 1)]),
        ("PARTIALLY_SHIPPED", [(2, 0), (0, 1)]),
        ("SHIPPED", [(2, 0), (1, 0)]),
    ]
    references = [package["packageReferenceId"] for package in order["packages"]]
    assert references == ["1", "2", "7"]


def test_the_same_reference_again_is_an_edit(amazon: Caller) -> None:
    amazon.place(an_order_of_three())
    first = a_confirmation((("A", 1),), shippingMethod="Paket")
    assert amazon.confirm(ORDER, first).status_code == 204
    assert amazon.confirm(ORDER, first).status_code == 204
    edit = a_confirmation(
        (("A", 1),),
        carrierCode="UPS",
        trackingNumber="1Z999AA10123456784",
        shipDate="2026-11-22T11:00:00+01:00",
    )
    amazon.control("POST", "clock", {"offset_s": 60})
    assert amazon.confirm(ORDER, edit).status_code == 204
    truth = amazon.truth(ORDER)
    (package,) = truth["order"]["packages"]
    assert package["carrier"] == "UPS"
    assert package["trackingNumber"] == "1Z999AA10123456784"
    assert package["shipTime"] == "2026-11-22T10:00:00.000Z"
    assert package["createdTime"] == "2026-11-22T12:00:00.000Z"
    assert "shippingService" not in package
    assert truth["order"]["lastUpdatedTime"] == "2026-11-22T12:01:00.000Z"
    assert quantities(truth["order"]) == [(1, 1), (0, 1)]
    assert truth["confirmations"] == {"1": {"calls": 3, "edits": 2}}


def test_a_shipped_package_can_still_be_edited(amazon: Caller) -> None:
    amazon.place(an_order_of_three())
    amazon.confirm(ORDER, a_confirmation())
    assert amazon.confirm(ORDER, a_confirmation(trackingNumber="X2")).status_code == 204
    order = amazon.truth(ORDER)["order"]
    assert [package["trackingNumber"] for package in order["packages"]] == ["X2"]
    assert order["fulfillment"]["fulfillmentStatus"] == "SHIPPED"


@pytest.mark.parametrize("where", ["another call", "Seller Central"])
def test_shipped_under_other_references_is_terminal(amazon: Caller, where: str) -> None:
    amazon.place(an_order_of_three())
    if where == "another call":
        amazon.confirm(ORDER, a_confirmation(packageReferenceId="9"))
    else:
        amazon.control("POST", f"orders/{ORDER}/status", {"status": "SHIPPED"})
    answer = amazon.confirm(ORDER, a_confirmation())
    assert refusal(answer) == (400, "InvalidInput", NOT_FOUND)
    assert "1" not in amazon.truth(ORDER)["confirmations"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (a_confirmation(packageReferenceId=None), BAD_REFERENCE),
        (a_confirmation(packageReferenceId=""), BAD_REFERENCE),
        (a_confirmation(packageReferenceId="0"), BAD_REFERENCE),
        (a_confirmation(packageReferenceId="-1"), BAD_REFERENCE),
        (a_confirmation(packageReferenceId="PKG-1"), BAD_REFERENCE),
        (
            a_confirmation(packageReferenceId=1),
            "fields with invalid type [packageDetail.packageReferenceId]",
        ),
        (
            a_confirmation(trackingNumber=1, carrierCode=2),
            "fields with invalid type [packageDetail.carrierCode, packageDetail.trackingNumber]",
        ),
        (a_confirmation({"orderItemId": "A", "quantity": 2}), BAD_ITEM),
        (a_confirmation([]), BAD_ITEM),
        (a_confirmation(orderItems=None), BAD_ITEM),
        (a_confirmation((("C", 1),)), BAD_ITEM),
        (
            a_confirmation([{"orderItemId": 1, "quantity": 1}]),
            "fields with invalid type [packageDetail.orderItems.orderItemId]",
        ),
        (a_confirmation((("A", 3),)), "Quantity is invalid, it exceeds the unshipped quantity."),
        (
            a_confirmation((("A", 1), ("A", 2))),
            "Quantity is invalid, it exceeds the unshipped quantity.",
        ),
        (a_confirmation((("A", 0),)), "Quantity is invalid, must be positive."),
        (
            a_confirmation((("A", "2"),)),
            "fields with invalid type [packageDetail.orderItems.quantity]",
        ),
        (
            a_confirmation((("A", True),)),
            "fields with invalid type [packageDetail.orderItems.quantity]",
        ),
        (a_confirmation(carrierCode=None), "fields missing [packageDetail.carrierCode]"),
        (a_confirmation(carrierCode="dhl"), BAD_CARRIER),
        (a_confirmation(carrierCode="Custom Value"), BAD_CARRIER),
        (a_confirmation(carrierCode="Other"), "fields missing [packageDetail.carrierName]"),
        (a_confirmation(trackingNumber=None), "fields missing [packageDetail.trackingNumber]"),
        (a_confirmation(trackingNumber=" "), "fields missing [packageDetail.trackingNumber]"),
        (a_confirmation(shipDate=None), "fields missing [packageDetail.shipDate]"),
        (
            a_confirmation(shipDate="2026-11-22T10:00:00"),
            "ShipDate is invalid, must be ISO 8601 with an offset.",
        ),
        (
            a_confirmation(shipDate="22.11.2026"),
            "ShipDate is invalid, must be ISO 8601 with an offset.",
        ),
        (
            a_confirmation(shipDate="2026-11-22T12:00:01Z"),
            "ShipDate is invalid, must not be in the future.",
        ),
        (
            a_confirmation(shipDate="2026-11-21T11:59:59Z"),
            "ShipDate is invalid, must not be before the order.",
        ),
        (
            a_confirmation(marketplace=JAPAN),
            "MarketplaceId is invalid, it is not the marketplace of the order.",
        ),
        (a_confirmation(marketplace=""), "fields missing [marketplaceId]"),
        (
            a_confirmation() | {"codCollectionMethod": "DirectPayment"},
            "CodCollectionMethod is invalid.",
        ),
        ([], "Request has missing or invalid parameters and cannot be parsed."),
        (
            {"marketplaceId": GERMANY},
            "Request has missing or invalid parameters and cannot be parsed.",
        ),
    ],
)
def test_a_wrong_body_is_refused_and_changes_nothing(
    amazon: Caller, body: Any, message: str
) -> None:
    amazon.place(an_order_of_three())
    before = amazon.truth(ORDER)
    assert refusal(amazon.confirm(ORDER, body)) == (400, "InvalidInput", message)
    assert amazon.truth(ORDER) == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "PENDING"}, "The order cannot be confirmed, it is PENDING."),
        ({"status": "CANCELLED"}, "The order cannot be confirmed, it is CANCELLED."),
        ({"status": "UNFULFILLABLE"}, "The order cannot be confirmed, it is UNFULFILLABLE."),
        ({"fulfilled_by": "AMAZON"}, "The order is not fulfilled by the merchant."),
        (
            {"programs": ["PRIME", "FBM_SHIP_PLUS"]},
            "Shipment confirmation is not supported for FBM_SHIP_PLUS orders.",
        ),
        (
            {"programs": ["IN_STORE_PICK_UP"]},
            "Shipment confirmation is not supported for IN_STORE_PICK_UP orders.",
        ),
    ],
)
def test_an_order_that_its_seller_may_not_confirm(
    amazon: Caller, changes: dict[str, Any], message: str
) -> None:
    amazon.place(an_order_of_three(**changes))
    assert refusal(amazon.confirm(ORDER, a_confirmation())) == (400, "InvalidInput", message)
    assert amazon.truth(ORDER)["confirmations"] == {}


def test_an_unknown_order_is_404_and_a_foreign_one_403(amazon: Caller) -> None:
    assert refusal(amazon.confirm(ORDER, a_confirmation()))[:2] == (404, "NotFound")
    amazon.place(an_order_of_three(), account="other")
    assert refusal(amazon.confirm(ORDER, a_confirmation()))[:2] == (403, "Unauthorized")


def test_a_date_within_the_second_of_the_order_counts(amazon: Caller) -> None:
    amazon.place(an_order_of_three(created_at=NOW - timedelta(milliseconds=200)))
    body = a_confirmation(shipDate="2026-11-22T11:59:59Z")
    assert amazon.confirm(ORDER, body).status_code == 204


def test_another_carrier_is_named(amazon: Caller) -> None:
    amazon.place(an_order_of_three())
    body = a_confirmation(carrierCode="Other", carrierName="Fahrradkurier")
    assert amazon.confirm(ORDER, body).status_code == 204
    assert amazon.truth(ORDER)["order"]["packages"][0]["carrier"] == "Fahrradkurier"


def test_india_takes_no_other_carrier(amazon: Caller) -> None:
    amazon.place(an_order_of_three(marketplace=INDIA, currency="INR"))
    body = a_confirmation(marketplace=INDIA, carrierCode="Other", carrierName="Courier")
    assert refusal(amazon.confirm(ORDER, body)) == (400, "InvalidInput", BAD_CARRIER)


@pytest.mark.parametrize(("method", "status"), [("DirectPayment", 204), ("Cash", 400)])
def test_japan_knows_one_cod_method(amazon: Caller, method: str, status: int) -> None:
    amazon.place(an_order_of_three(marketplace=JAPAN, currency="JPY"))
    body = a_confirmation(marketplace=JAPAN) | {"codCollectionMethod": method}
    assert amazon.confirm(ORDER, body).status_code == status


@pytest.mark.parametrize(
    ("codes", "status"),
    [(["T1", "T2"], 204), (["T1"], 400), (["T1", "T2", "T3"], 400), ([], 400), ("T1T2", 400)],
)
def test_transparency_wants_a_code_per_unit(amazon: Caller, codes: Any, status: int) -> None:
    line = a_line("SKU-A", 2, item_id="A", programs=["TRANSPARENCY"])
    amazon.place(an_order_of_three(lines=[line]))
    item = {"orderItemId": "A", "quantity": 2, "transparencyCodes": codes}
    assert amazon.confirm(ORDER, a_confirmation([item])).status_code == status
    packages = amazon.truth(ORDER)["order"].get("packages", [])
    assert [package["packageItems"] for package in packages] == ([[item]] if status == 204 else [])


def test_carriers_are_spelled_as_amazon_does() -> None:
    known = {"UPS", "USPS", "FedEx", "DHL", "DPD", "GLS", "Royal Mail", "Hermes Logistik Gruppe"}
    assert known | {"Nacex", "NACEX", "Transaragonés", "GO!", "R+L", "Other"} <= CARRIER_CODES
    assert len(CARRIER_CODES) == 377
    assert all(code == code.strip() != "" for code in CARRIER_CODES)
