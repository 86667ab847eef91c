from __future__ import annotations

from typing import Any

import pytest

from pipeline.base.errors import CannotMap
from pipeline.magento.order import addresses
from pipeline.magento.records import Region
from pipeline.orders.channel_order import Address
from pipeline.orders.outcome import HoldCode
from tests.magento.builders import CALIFORNIA, an_address

US = (CALIFORNIA, Region(62, "WA", "Washington"), Region(2, "AA", "Armed Forces Americas"))


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
        ({"lines": ("n/a", "-")}, "no street line:"),
        ({"country": ""}, "no country code:"),
        ({"country": "Germany"}, "no country code:"),
        ({"lines": (), "country": ""}, "no street line and no country code:"),
    ],
)
def test_a_parcel_needs_a_street_and_a_country(changes: dict[str, Any], missing: str) -> None:
    with pytest.raises(CannotMap, match=missing) as caught:
        addresses.check_deliverable(an_address(**changes))
    assert caught.value.code == HoldCode.ADDRESS_UNUSABLE


@pytest.mark.parametrize(
    ("changes", "reason", "facts"),
    [
        (
            {"lines": ("x" * 130, "y" * 130)},
            "the street of the shipping address has 261 characters, of which Magento keeps 255",
            {"too_long": "street"},
        ),
        (
            {"lines": ("x" * 130,), "district": "y" * 125},
            "the street of the shipping address has 256 characters, of which Magento keeps 255",
            {"too_long": "street"},
        ),
        (
            {"name": "x" * 256},
            "the name of the shipping address has 256 characters, of which Magento keeps 255",
            {"too_long": "name"},
        ),
        (
            {"city": "x" * 300},
            "the city of the shipping address has 300 characters, of which Magento keeps 255",
            {"too_long": "city"},
        ),
        (
            {"phone": "1" * 256},
            "the phone of the shipping address has 256 characters, of which Magento keeps 255",
            {"too_long": "phone"},
        ),
        (
            {"lines": ("𩸽町 1",), "city": "𞤀"},
            "2 of the shipping address's letters cannot be stored by Magento's database",
            {"letters": "2"},
        ),
    ],
)
def test_nothing_a_carrier_needs_is_cut(
    changes: dict[str, Any], reason: str, facts: dict[str, str]
) -> None:
    with pytest.raises(CannotMap) as caught:
        addresses.check_deliverable(an_address(**changes))
    assert caught.value.code == HoldCode.ADDRESS_UNUSABLE
    assert caught.value.reason.partition(": ")[0] == reason
    assert caught.value.facts == facts


def test_what_just_fits_is_whole() -> None:
    address = an_address(lines=("x" * 127, "y" * 127), name="Ann " + "z" * 251, city="c" * 255)
    addresses.check_deliverable(address)
    made = for_order(address)
    assert made["street"] == ["x" * 127, "y" * 127]
    assert (made["firstname"], made["lastname"]) == ("Ann", "z" * 251)
    assert made["city"] == "c" * 255


def test_what_amazon_delivers_is_cut_to_what_magento_keeps() -> None:
    made = for_order(an_address(lines=("x" * 200, "y" * 200)))
    assert made["street"] == ["x" * 200, "y" * 54]


WHERE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Puerto Rico as a country": (
        {"country": "PR", "region": "PR", "city": "San Juan", "postcode": "00907"},
        {"country_id": "US", "region": "Puerto Rico", "postcode": "00907"},
    ),
    "United Kingdom by its everyday code, with a county": (
        {"country": "UK", "region": "Surrey", "postcode": "GU1 1AA"},
        {"country_id": "GB", "region": "Surrey", "postcode": "GU1 1AA"},
    ),
    "a post office box": (
        {"lines": ("P.O. Box 1234", "PMB #56")},
        {"street": ["P.O. Box 1234", "PMB #56"]},
    ),
    "a parcel station": (
        {"lines": ("Packstation 101", "12345678"), "company": "DHL", "is_pickup_point": True},
        {"street": ["Packstation 101", "12345678"], "company": "DHL"},
    ),
    "an army post office": (
        {"country": "US", "city": "APO", "region": "AA", "postcode": "34030-1234"},
        {"city": "APO", "region_id": 2, "region_code": "AA", "postcode": "34030-1234"},
    ),
    "three lines and a district": (
        {"lines": ("Quay 4", "Quay 4", "Floor 2"), "district": "Docklands"},
        {"street": ["Quay 4", "Quay 4", "Floor 2", "Docklands"]},
    ),
    "a district that is told already": (
        {"lines": ("Lieferweg 7",), "district": "HAMBURG"},
        {"street": ["Lieferweg 7"]},
    ),
    "a prefecture of Japan, in full-width digits": (
        {"country": "JP", "region": "東京都", "postcode": "１００－０００１", "phone": "０３"},
        {"region": "東京都", "postcode": "100-0001", "telephone": "03"},
    ),
    "a phone with an extension": (
        {"phone": "+1 415-555-0100 ext. 12345"},
        {"telephone": "+1 415-555-0100 ext. 12345"},
    ),
    "a phone that is none": ({"phone": "n/a"}, {"telephone": "0000000000"}),
    "no postcode": ({"country": "IE", "postcode": ""}, {"postcode": "-"}),
    "brackets": ({"lines": ("Hof <links>", "Tor >2<")}, {"street": ["Hof links", "Tor 2"]}),
    "a region nobody knows where there are some": (
        {"country": "US", "region": "Nowhere"},
        {"region": "Nowhere"},
    ),
}


@pytest.mark.parametrize(("changes", "made"), WHERE.values(), ids=WHERE)
def test_addresses_of_all_kinds(changes: dict[str, Any], made: dict[str, Any]) -> None:
    address = an_address(**changes)
    addresses.check_deliverable(address)
    whole = for_order(address, regions=US if address.country == "US" else ())
    assert {key: whole[key] for key in made} == made
    assert ("region_id" in whole) == ("region_id" in made)


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
        {"lines": ("c/o Meier",)},
        {"lines": ("x" * 130, "y" * 130)},
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
