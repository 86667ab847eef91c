"""Every status, either fulfilment and each reason why Amazon leaves personal data out."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from pipeline.amazon.parsing import parse
from pipeline.amazon.withheld_fields import reasons
from pipeline.orders.channel_order import FulfilledBy, Missing
from pipeline.orders.decision import Case, Next
from pipeline.orders.decision_table import decide
from pipeline.settings.marketplace import MarketplaceSettings
from tests.amazon.orders import GERMANY, JAPAN, UNITED_STATES, an_order

WHOLE: dict[str, Any] = {
    "buyer": {"buyerName": "Jo Doe", "buyerEmail": "relay@marketplace.amazon.de"},
    "recipient": {
        "deliveryAddress": {
            "name": "Jo Doe",
            "addressLine1": "Hauptstr. 1",
            "city": "Bonn",
            "postalCode": "53111",
            "countryCode": "DE",
            "phone": "0228 1",
        }
    },
}
FIELDS = ("buyer name", "buyer e-mail", "recipient", "street", "postcode", "phone")
# What Amazon still shows of the recipient when the restricted role is not held.
ROLELESS = {"recipient": {"deliveryAddress": {"city": "Bonn", "countryCode": "DE"}}}
STATUSES = ("PENDING_AVAILABILITY", "PENDING", "UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED")
EVERY_STATUS = (*STATUSES, "CANCELLED", "UNFULFILLABLE")
PAID = ("UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED")


def told(status: str, by: str, marketplace: str = GERMANY, **given: Any) -> Any:
    fulfillment = {"fulfillmentStatus": status, "fulfilledBy": by}
    return parse(an_order(fulfillment=fulfillment, marketplace=marketplace, **given))


def without(*names: str) -> dict[str, Any]:
    """Everything but these keys of the buyer and of the address."""
    return {
        "buyer": {key: value for key, value in WHOLE["buyer"].items() if key not in names},
        "recipient": {
            "deliveryAddress": {
                key: value
                for key, value in WHOLE["recipient"]["deliveryAddress"].items()
                if key not in names
            }
        },
    }


@pytest.mark.parametrize(
    ("status", "by"), list(itertools.product(EVERY_STATUS, ("MERCHANT", "AMAZON")))
)
def test_what_is_there_is_not_missing(status: str, by: str) -> None:
    assert told(status, by, **WHOLE).missing == {}


GERMAN_FBA = [Missing.TAX_ROLE, Missing.BY_AMAZON, *[Missing.TAX_ROLE] * 3, Missing.BY_AMAZON]


@pytest.mark.parametrize(
    ("status", "by", "marketplace", "expected"),
    [
        ("PENDING_AVAILABILITY", "MERCHANT", GERMANY, [Missing.NOT_YET] * 6),
        ("PENDING", "MERCHANT", GERMANY, [Missing.NOT_YET] * 6),
        ("UNSHIPPED", "MERCHANT", GERMANY, [Missing.ROLE] * 6),
        ("PARTIALLY_SHIPPED", "MERCHANT", GERMANY, [Missing.ROLE] * 6),
        ("SHIPPED", "MERCHANT", GERMANY, [Missing.ROLE] * 6),
        ("CANCELLED", "MERCHANT", GERMANY, [Missing.CANCELLED] * 6),
        ("PENDING", "AMAZON", GERMANY, [Missing.NOT_YET] * 6),
        ("CANCELLED", "AMAZON", GERMANY, [Missing.CANCELLED] * 6),
        ("UNSHIPPED", "AMAZON", GERMANY, GERMAN_FBA),
        ("SHIPPED", "AMAZON", GERMANY, GERMAN_FBA),
        ("UNFULFILLABLE", "AMAZON", GERMANY, GERMAN_FBA),
        ("SHIPPED", "AMAZON", UNITED_STATES, [Missing.BY_AMAZON] * 6),
        ("SHIPPED", "AMAZON", JAPAN, [Missing.BY_AMAZON] * 6),
        ("SHIPPED", "AMAZON", "A-NEW-MARKETPLACE", GERMAN_FBA),
    ],
)
@pytest.mark.parametrize("given", [{}, ROLELESS, {"buyer": None, "recipient": {}}])
def test_why_everything_is_missing(
    given: dict[str, Any], status: str, by: str, marketplace: str, expected: list[Missing]
) -> None:
    assert told(status, by, marketplace, **given).missing == dict(
        zip(FIELDS, expected, strict=True)
    )


@pytest.mark.parametrize(
    ("given", "status", "missing"),
    [
        # The role is held, since something came that only the role gets.
        (without("phone"), "UNSHIPPED", {"phone": Missing.NOT_GIVEN}),
        (without("phone"), "SHIPPED", {"phone": Missing.DELIVERED}),
        (without("buyerEmail"), "SHIPPED", {"buyer e-mail": Missing.NOT_GIVEN}),
        (without("addressLine1"), "UNSHIPPED", {"street": Missing.NOT_GIVEN}),
        (without("postalCode"), "UNSHIPPED", {"postcode": Missing.NOT_GIVEN}),
        # Only the name and the postcode, which other roles get as well.
        (
            without("buyerEmail", "name", "addressLine1", "phone"),
            "UNSHIPPED",
            dict.fromkeys(("buyer e-mail", "recipient", "street", "phone"), Missing.ROLE),
        ),
        (
            {**WHOLE, "buyer": None},
            "UNSHIPPED",
            dict.fromkeys(("buyer name", "buyer e-mail"), Missing.NOT_GIVEN),
        ),
    ],
)
def test_why_a_part_is_missing(
    given: dict[str, Any], status: str, missing: dict[str, Missing]
) -> None:
    assert told(status, "MERCHANT", **given).missing == missing


@pytest.mark.parametrize("status", PAID)
@pytest.mark.parametrize(
    "place",
    [
        {"programs": ["IN_STORE_PICK_UP"], **ROLELESS},
        {"recipient": {"deliveryAddress": {"addressType": "PICKUP_POINT", "city": "Bonn"}}},
    ],
)
def test_a_pick_up_point_is_a_place_and_no_person(status: str, place: dict[str, Any]) -> None:
    missing = told(status, "MERCHANT", **place).missing
    of_recipient = FIELDS[2:]
    assert {missing[field] for field in of_recipient} == {Missing.PICK_UP}
    assert {missing[field] for field in FIELDS[:2]} == {Missing.ROLE}


@pytest.mark.parametrize(
    ("requested", "not_requested"),
    [
        (("RECIPIENT",), FIELDS[:2]),
        (("BUYER",), FIELDS[2:]),
        ((), FIELDS),
    ],
)
@pytest.mark.parametrize("status", EVERY_STATUS)
def test_what_was_not_asked_for_comes_before_every_other_reason(
    status: str, requested: tuple[str, ...], not_requested: tuple[str, ...]
) -> None:
    found = reasons(told(status, "MERCHANT"), requested)
    assert {field for field, why in found.items() if why is Missing.NOT_REQUESTED} == set(
        not_requested
    )


NEXT = {
    ("MERCHANT", "PENDING_AVAILABILITY"): Next.WAIT,
    ("MERCHANT", "PENDING"): Next.WAIT,
    **{("MERCHANT", status): Next.GO_ON for status in PAID},
    ("MERCHANT", "CANCELLED"): Next.CANCEL,
    ("MERCHANT", "UNFULFILLABLE"): Next.HOLD,
    **{("AMAZON", status): Next.WAIT for status in STATUSES[:4]},
    ("AMAZON", "SHIPPED"): Next.GO_ON,
    ("AMAZON", "CANCELLED"): Next.CANCEL,
    ("AMAZON", "UNFULFILLABLE"): Next.CANCEL,
}


@pytest.mark.parametrize(
    "given", [WHOLE, ROLELESS, {}, without("phone")], ids=["whole", "roleless", "none", "no phone"]
)
@pytest.mark.parametrize(("by", "status"), list(NEXT))
def test_missing_data_never_changes_what_becomes_of_an_order(
    by: str, status: str, given: dict[str, Any]
) -> None:
    order = told(status, by, **given)
    case = Case(order.fulfilled_by, order.status, MarketplaceSettings(), is_known=True)
    assert decide(case).next is NEXT[by, status]
    assert order.fulfilled_by is (FulfilledBy.MERCHANT if by == "MERCHANT" else FulfilledBy.AMAZON)
