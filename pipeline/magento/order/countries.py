"""Map an address to a country of Magento's directory, and to a region there.

Amazon names places by ISO 3166 codes and by codes outside that standard; Magento's directory has
most of the former and none of the latter. Magento's admin cannot open an order with a country that
its directory lacks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pipeline.magento.order.plain_text import in_digits
from pipeline.magento.order.region_words import folded
from pipeline.orders.channel_order import Address

# directory_country of 2.4.4 to 2.4.8: ISO 3166 without PR and SS, and with AN and XK.
_CODES = """
AD AE AF AG AI AL AM AN AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR
BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC
EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK
HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB
LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ
NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PS PT PW PY QA RE RO RS RU RW
SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR
TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
"""
KNOWN = frozenset(_CODES.split())


@dataclass(frozen=True, slots=True)
class _Place:
    """The country of Magento's directory for a place with a separate code at Amazon.

    `region` is the place's region there. If it has several, `by_postcode` selects one by the first
    digits of the postcode, or the address names it as its city or region. `names` are the names of
    the whole place.
    """

    country: str
    region: str = ""
    by_postcode: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()


_PLACES = {
    # Everyday codes, those of the European Union's tax offices, and codes that were withdrawn.
    "UK": _Place("GB"),
    "XI": _Place("GB", "Northern Ireland"),
    "EL": _Place("GR"),
    "FX": _Place("FR"),
    "BU": _Place("MM"),
    "DD": _Place("DE"),
    "TP": _Place("TL"),
    "ZR": _Place("CD"),
    # Parts of countries.
    "PR": _Place("US", "Puerto Rico"),
    "IC": _Place(
        "ES",
        by_postcode={"35": "Las Palmas", "38": "Santa Cruz de Tenerife"},
        names=("Canarias", "Islas Canarias", "Canary Islands"),
    ),
    "EA": _Place(
        "ES",
        by_postcode={"51": "Ceuta", "52": "Melilla"},
        names=("Ceuta y Melilla", "Ceuta and Melilla"),
    ),
    "AC": _Place("SH", "Ascension"),
    "TA": _Place("SH", "Tristan da Cunha"),
    "CQ": _Place("GG", "Sark"),
    "DG": _Place("IO", "Diego Garcia"),
}


def code(given: str) -> str:
    """Magento's code for Amazon's country code; an unknown code is returned unchanged."""
    given = given.strip().upper()
    place = _PLACES.get(given)
    return place.country if place else given


def located(address: Address) -> Address:
    """The address with the country and region of Magento's directory.

    Nothing gets lost: a different text in its region, such as a municipality of Puerto Rico,
    becomes an address line.
    """
    given = address.country.strip().upper()
    place = _PLACES.get(given)
    if place is None:
        return address
    region = place.region or _region_of(place, address) or address.region
    own = {folded(name) for name in (given, f"{place.country}-{given}", region, *place.names)}
    known_words = {folded(text) for text in (*address.lines, address.district, address.city)} | own
    rest = folded(address.region)
    lines = address.lines
    if rest and rest not in known_words and rest not in folded(region):
        lines = (*lines, address.region)
    return replace(address, country=place.country, region=region, lines=lines)


def _region_of(place: _Place, address: Address) -> str:
    """The region of the place that the address is in; "" when the address does not show it."""
    for start, name in place.by_postcode.items():
        if in_digits(address.postcode).startswith(start):
            return name
    written = {folded(address.region), folded(address.city)}
    named = [name for name in place.by_postcode.values() if folded(name) in written]
    return named[0] if len(named) == 1 else ""
