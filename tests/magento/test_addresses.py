from __future__ import annotations

from typing import Any

import pytest

from pipeline.channel import Address
from pipeline.errors import CannotMap
from pipeline.magento import addresses
from pipeline.magento.records import Region
from pipeline.outcome import HoldCode
from tests.magento.builders import CALIFORNIA, an_address

US = (CALIFORNIA, Region(62, "WA", "Washington"), Region(2, "AA", "Armed Forces Americas"))
SPAIN = (Region(130, "A Coruсa", "A Coruña"), Region(139, "ES-B", "Barcelona"))


def for_order(address: Address, **changes: Any) -> dict[str, Any]:
    return addresses.for_order(
        "shipping",
        address,
        **{
            "name": address.name,
            "company": address.company,
            "email": "a@shop.example",
            "regions": (),
            "fallback_country": "DE",
            **changes,
        },
    )


def test_a_whole_address() -> None:
    address = an_address(
        company="Kühn & Co",
        lines=("Lieferweg 7", "", "Hinterhaus", "c/o Meier"),
        district="Altona",
        region="Hamburg",
    )
    assert for_order(address) == {
        "address_type": "shipping",
        "firstname": "Karla",
        "lastname": "Kühn",
        "company": "Kühn & Co",
        "street": ["Lieferweg 7", "Hinterhaus", "c/o Meier", "Altona"],
        "city": "Hamburg",
        "region": "Hamburg",
        "postcode": "20095",
        "country_id": "DE",
        "telephone": "+49 40 123456",
        "fax": "",
        "email": "a@shop.example",
    }


def test_what_was_withheld_has_a_value_that_says_so() -> None:
    assert for_order(Address()) == {
        "address_type": "shipping",
        "firstname": "Amazon",
        "lastname": "Customer",
        "company": "",
        "street": ["-"],
        "city": "-",
        "postcode": "-",
        "country_id": "DE",
        "telephone": "0000000000",
        "fax": "",
        "email": "a@shop.example",
    }


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("CA", CALIFORNIA),
        ("ca", CALIFORNIA),
        ("C.A.", CALIFORNIA),
        ("California", CALIFORNIA),
        ("CALIFORNIA", CALIFORNIA),
        ("californiA 92025-1501", CALIFORNIA),
        ("CA, 92025", CALIFORNIA),
        ("US-CA", CALIFORNIA),
        ("Armed Forces Americas", US[2]),
        ("Kalifornien", None),
        ("92025", None),
        ("", None),
        ("--", None),
    ],
)
def test_finds_a_region_however_it_is_written(text: str, region: Region | None) -> None:
    assert addresses.find_region(text, "US", US) == region


@pytest.mark.parametrize("text", ["B", "ES-B", "Barcelona", "barcelona"])
def test_a_code_may_carry_its_country(text: str) -> None:
    assert addresses.find_region(text, "ES", SPAIN) == SPAIN[1]


def test_accents_do_not_matter() -> None:
    assert addresses.find_region("A CORUNA", "ES", SPAIN) == SPAIN[0]


def test_a_known_region_goes_by_id_and_another_as_text() -> None:
    known = {"region": "California", "region_code": "CA", "region_id": 12}
    assert addresses.region_fields("ca 92025", "US", US) == known
    assert addresses.region_fields("Bayern", "DE", ()) == {"region": "Bayern"}
    assert addresses.region_fields(" ", "DE", ()) == {}


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"lines": ()}, "no street line:"),
        ({"lines": ("", "😀")}, "no street line:"),
        ({"country": ""}, "no country code:"),
        ({"country": "Germany"}, "no country code:"),
        ({"lines": (), "country": ""}, "no street line and no country code:"),
    ],
)
def test_a_parcel_needs_a_street_and_a_country(changes: dict[str, Any], missing: str) -> None:
    with pytest.raises(CannotMap, match=missing) as caught:
        addresses.check_deliverable(an_address(**changes))
    assert caught.value.code == HoldCode.ADDRESS_UNUSABLE


def test_a_district_alone_is_somewhere() -> None:
    addresses.check_deliverable(an_address(lines=(), district="Altona", city="", name=""))


def test_an_address_book_gets_what_its_rules_allow() -> None:
    address = an_address(country="us", region="ca", city="San Diego", postcode="92025-1501")
    assert addresses.for_address_book(address, US) == {
        "firstname": "Karla",
        "lastname": "Kühn",
        "street": ["Lieferweg 7"],
        "city": "San Diego",
        "country_id": "US",
        "telephone": "+49 40 123456",
        "default_billing": True,
        "default_shipping": True,
        "postcode": "92025-1501",
        "region_id": 12,
        "region": {"region": "California", "region_code": "CA", "region_id": 12},
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"phone": ""},
        {"phone": "+1 415-555-0100 ext. 12345"},
        {"lines": ()},
        {"city": ""},
        {"city": "Area 51"},
        {"country": ""},
        {"postcode": ""},
    ],
)
def test_an_address_book_gets_nothing_it_would_refuse(changes: dict[str, Any]) -> None:
    assert addresses.for_address_book(an_address(**changes), ()) is None


def test_an_address_book_needs_a_known_region_where_there_are_any() -> None:
    assert addresses.for_address_book(an_address(country="US", region="Ohio"), US) is None


def test_some_countries_have_no_postcodes() -> None:
    made = addresses.for_address_book(an_address(country="IE", city="Cork", postcode=""), ())
    assert made is not None
    assert "postcode" not in made
