"""Where an order goes whose country Magento's directory does not have, and that all others stay."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.base.errors import CannotMap
from pipeline.magento.order import addresses
from pipeline.magento.order.body import check_address
from pipeline.magento.order.countries import KNOWN
from pipeline.magento.records import Region
from pipeline.orders.channel_order import Address, FulfilledBy
from pipeline.orders.outcome import HoldCode
from sandbox.magento.regions import COUNTRIES
from tests.magento.builders import an_address, an_order

CODES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS
BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE
EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM
HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC
LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW
SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO
TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
ISO_3166 = set(CODES.split())
PUERTO_RICO = Region(52, "PR", "Puerto Rico")
# What goes out for a code that Magento does not have: its country, and the region if that is known.
GOES_TO = {
    **{"UK": ("GB", None), "EL": ("GR", None), "FX": ("FR", None), "DD": ("DE", None)},
    **{"BU": ("MM", None), "TP": ("TL", None), "ZR": ("CD", None)},
    "XI": ("GB", "Northern Ireland"),
    "PR": ("US", "Puerto Rico"),
    "IC": ("ES", None),
    "EA": ("ES", None),
    "AC": ("SH", "Ascension"),
    "TA": ("SH", "Tristan da Cunha"),
    "CQ": ("GG", "Sark"),
    "DG": ("IO", "Diego Garcia"),
}
# South Sudan, which Magento has nowhere, and codes of no country or of several.
HELD = {"SS", "EU", "EZ", "UN", "CS", "YU", "NT", "SU", "CP", "QQ", "XX", "ZZ"}


def made(address: Address, *regions: Region) -> dict[str, Any]:
    addresses.check_deliverable(address)
    return addresses.for_order(
        "shipping",
        address,
        name=address.name,
        company="",
        email="a@shop.example",
        regions=regions,
        fallback_country="DE",
    )


def test_the_stand_in_has_magentos_directory() -> None:
    assert set(COUNTRIES) == KNOWN
    assert sorted(ISO_3166 - KNOWN) == ["PR", "SS"]
    assert sorted(KNOWN - ISO_3166) == ["AN", "XK"]


@pytest.mark.parametrize("code", sorted(ISO_3166 - {"SS"} | {"AN", "XK"}))
def test_every_country_goes_out_as_one_that_magento_has(code: str) -> None:
    expected = GOES_TO.get(code, (code, None))[0]
    assert made(an_address(country=code))["country_id"] == expected
    assert expected in KNOWN


@pytest.mark.parametrize("code", GOES_TO)
def test_codes_beside_the_directory(code: str) -> None:
    country, region = GOES_TO[code]
    entry = made(an_address(country=code, region=""))
    assert (entry["country_id"], entry.get("region")) == (country, region)


@pytest.mark.parametrize("code", sorted(HELD))
@pytest.mark.parametrize("fulfilled_by", FulfilledBy)
def test_a_country_that_magento_has_nowhere_holds_the_order(
    code: str, fulfilled_by: FulfilledBy
) -> None:
    order = an_order(address=an_address(country=code), fulfilled_by=fulfilled_by)
    with pytest.raises(CannotMap, match=f"Magento's directory has no country {code}") as caught:
        check_address(order)
    assert (caught.value.code, caught.value.facts) == (
        HoldCode.ADDRESS_UNUSABLE,
        {"country": code},
    )


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ("PR", ["Lieferweg 7"]),
        ("P.R.", ["Lieferweg 7"]),
        ("US-PR", ["Lieferweg 7"]),
        ("Puerto Rico", ["Lieferweg 7"]),
        ("", ["Lieferweg 7"]),
        ("San Juan", ["Lieferweg 7"]),
        ("Guaynabo", ["Lieferweg 7", "Guaynabo"]),
    ],
)
def test_puerto_rico_is_a_region_of_the_united_states(given: str, lines: list[str]) -> None:
    address = an_address(country="PR", region=given, city="San Juan", postcode="00907")
    entry = made(address, PUERTO_RICO)
    assert (entry["country_id"], entry["region_id"], entry["region_code"]) == ("US", 52, "PR")
    assert (entry["street"], entry["city"]) == (lines, "San Juan")


@pytest.mark.parametrize(
    ("code", "given", "city", "postcode", "region"),
    [
        ("IC", "", "Arona", "38640", "Santa Cruz de Tenerife"),
        ("IC", "Islas Canarias", "Telde", "35200", "Las Palmas"),
        ("IC", "Las Palmas", "Telde", "", "Las Palmas"),
        ("IC", "Canarias", "Telde", "", "Canarias"),
        ("EA", "", "Ceuta", "51001", "Ceuta"),
        ("EA", "", "Melilla", "", "Melilla"),
        ("EA", "", "", "５２００１", "Melilla"),
    ],
)
def test_canary_islands_ceuta_and_melilla_are_provinces_of_spain(
    code: str, given: str, city: str, postcode: str, region: str
) -> None:
    provinces = [
        Region(number, name, name)
        for number, name in enumerate(
            ("Las Palmas", "Santa Cruz de Tenerife", "Ceuta", "Melilla"), start=1
        )
    ]
    address = an_address(country=code, region=given, city=city, postcode=postcode)
    entry = made(address, *provinces)
    assert (entry["country_id"], entry["region"]) == ("ES", region)
    assert ("region_id" in entry) == (region != "Canarias")
    assert entry["street"] == ["Lieferweg 7"]


def test_the_address_book_is_in_the_same_place() -> None:
    address = an_address(country="PR", region="Guaynabo", city="San Juan", postcode="00907")
    entry = addresses.for_address_book(address, [PUERTO_RICO])
    assert entry is not None
    assert (entry["country_id"], entry["region_id"]) == ("US", 52)
    assert entry["street"] == ["Lieferweg 7", "Guaynabo"]
