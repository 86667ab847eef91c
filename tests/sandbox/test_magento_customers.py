"""Customers of the Magento stand-in, and the welcome mail that comes with them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.test_magento_auth import Caller, magento, one_shop, refusal

__all__ = ["magento", "one_shop"]


def an_address(**fields: Any) -> dict[str, Any]:
    address = {
        "firstname": "Ada",
        "lastname": "Example",
        "street": ["Example Street 1"],
        "city": "Seattle",
        "postcode": "98101",
        "country_id": "US",
        "region": {"region_id": 62},
        "telephone": "1",
        "default_billing": True,
    }
    return {key: value for key, value in (address | fields).items() if value is not None}


def a_customer(**fields: Any) -> dict[str, Any]:
    customer = {"email": "ada@example.com", "firstname": "Ada", "lastname": "Example"}
    return {"customer": {k: v for k, v in (customer | fields).items() if v is not None}}


def test_a_new_customer_is_written_to(magento: Caller) -> None:
    made = magento.ok("POST", "customers", a_customer(addresses=[an_address()]))
    assert magento.control("GET", "mails") == [{"kind": "customer_welcome", "to_customer_id": 1}]
    assert magento.ok("GET", "customers/1") == made
    (address,) = made["addresses"]
    assert address["region"] == {"region_code": "WA", "region": "Washington", "region_id": 62}
    assert made["default_billing"] == "1"


def test_the_back_door_makes_a_customer_without_a_mail(magento: Caller) -> None:
    assert magento.ok("PUT", "customers/0", a_customer())["id"] == 1
    assert magento.control("GET", "mails") == []
    search = (
        "customers/search?searchCriteria[filterGroups][0][filters][0][field]=email"
        "&searchCriteria[filterGroups][0][filters][0][value]=ADA@example.com"
        "&searchCriteria[filterGroups][1][filters][0][field]=website_id"
        "&searchCriteria[filterGroups][1][filters][0][value]=1"
    )
    assert [item["id"] for item in magento.ok("GET", search)["items"]] == [1]


TAKEN = "A customer with the same email address already exists in an associated website."


@pytest.mark.parametrize("email", ["ada@example.com", "ADA@Example.com"])
@pytest.mark.parametrize(("method", "path"), [("POST", "customers"), ("PUT", "customers/0")])
def test_an_address_is_taken_once(magento: Caller, method: str, path: str, email: str) -> None:
    magento.ok("PUT", "customers/0", a_customer())
    assert refusal(magento.call(method, path, a_customer(email=email))) == (400, TAKEN)
    assert magento.control("GET", "mails") == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lastname": None}, '"Last Name" is a required value.'),
        ({"lastname": ""}, '"Last Name" is a required value.'),
        ({"firstname": "Ada 😀"}, "First Name is not valid!"),
        ({"lastname": "<b>x</b>"}, "Last Name is not valid!"),
        ({"email": "nobody"}, '"Email" is not a valid email address.'),
        (
            {"addresses": [an_address(telephone=None)]},
            '"%fieldName" is required. Enter and try again.',
        ),
    ],
)
def test_a_refused_customer_is_not_there(
    magento: Caller, fields: dict[str, Any], message: str
) -> None:
    assert refusal(magento.call("POST", "customers", a_customer(**fields))) == (400, message)
    assert magento.ok("GET", "customers/search?searchCriteria=")["total_count"] == 0
    assert magento.control("GET", "mails") == []


@pytest.mark.parametrize("name", ["-", "O'Neil", "Jürgen & Söhne GmbH", "山田"])
def test_names_that_are_accepted(magento: Caller, name: str) -> None:
    assert magento.ok("POST", "customers", a_customer(lastname=name))["lastname"] == name


def test_an_update_merges_and_replaces_addresses(magento: Caller) -> None:
    magento.ok("PUT", "customers/0", a_customer(addresses=[an_address(), an_address()]))
    magento.ok("PUT", "customers/1", a_customer(firstname="Eve"))
    kept = magento.ok("GET", "customers/1")
    assert (kept["firstname"], len(kept["addresses"])) == ("Eve", 2)
    magento.ok("PUT", "customers/1", a_customer(addresses=[kept["addresses"][1]]))
    assert [address["id"] for address in magento.ok("GET", "customers/1")["addresses"]] == [2]


def test_an_unknown_customer(magento: Caller) -> None:
    answer = magento.call("GET", "customers/99")
    assert answer.status_code == 404
    assert answer.json()["parameters"] == {"fieldName": "customerId", "fieldValue": 99}
