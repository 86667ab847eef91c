"""A marketplace's address as Magento's, for orders and for customers' address books."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from pipeline.channel import Address
from pipeline.errors import CannotMap
from pipeline.magento import names
from pipeline.magento.records import Region
from pipeline.magento.wording import plain
from pipeline.outcome import HoldCode

# Magento needs the key and label printers want digits: all zeros reads as "none was given".
NO_PHONE = "0000000000"
NOT_GIVEN = "-"
_LONGEST = 255
_COUNTRY = re.compile(r"[A-Z]{2}")
_TRAILING_POSTCODE = re.compile(r"[\s,]+[\d-]*\d[\d\s-]*$")
_PHONE = re.compile(r"[0-9+() -]{1,20}")
_CITY = re.compile(r"[^\W\d_](?:[^\W\d_]|[ '-]){0,99}")
# Countries whose addresses Magento accepts without a postcode, by its defaults.
_WITHOUT_POSTCODE = frozenset({"HK", "IE", "MO", "PA", "GB"})


def for_order(
    kind: str,
    address: Address,
    *,
    name: str,
    company: str,
    email: str,
    regions: Sequence[Region],
    fallback_country: str,
) -> dict[str, Any]:
    """An order address with every key that Magento requires. `kind` is billing or shipping.

    What was withheld is "-". A country must be there, because Magento's admin cannot show an order
    without one: `fallback_country` stands for it.
    """
    street = street_lines(address)
    country = country_of(address) or fallback_country
    first, last = names.split(name)
    return {
        "address_type": kind,
        "firstname": first,
        "lastname": last,
        "company": plain(company, _LONGEST),
        "street": street or [NOT_GIVEN],
        "city": plain(address.city, _LONGEST) or NOT_GIVEN,
        **region_fields(address.region, country, regions),
        "postcode": plain(address.postcode, _LONGEST) or NOT_GIVEN,
        "country_id": country,
        "telephone": plain(address.phone, _LONGEST) or NO_PHONE,
        "fax": "",
        "email": email,
    }


def check_deliverable(address: Address) -> None:
    """Raise CannotMap(ADDRESS_UNUSABLE) when no parcel can be sent there."""
    missing = [
        what
        for what, given in (
            ("street line", street_lines(address)),
            ("country code", country_of(address)),
        )
        if not given
    ]
    if missing:
        raise CannotMap(
            HoldCode.ADDRESS_UNUSABLE,
            f"the shipping address has no {' and no '.join(missing)}: it may still be withheld, "
            "else ask the buyer through Amazon",
        )


def country_of(address: Address) -> str:
    """The ISO 3166 alpha-2 code, "" when there is none."""
    code = address.country.strip().upper()
    return code if _COUNTRY.fullmatch(code) else ""


def street_lines(address: Address) -> list[str]:
    """The address lines that hold something, and the district after them."""
    lines = [plain(line, _LONGEST) for line in (*address.lines, address.district)]
    return [line for line in dict.fromkeys(lines) if line]


def region_fields(text: str, country: str, regions: Sequence[Region]) -> dict[str, Any]:
    """The region as the shop's directory knows it, else as free text, else nothing."""
    known = find_region(text, country, regions)
    if known is not None:
        return {"region": known.name, "region_code": known.code, "region_id": known.id}
    free = plain(text, _LONGEST)
    return {"region": free} if free else {}


def find_region(text: str, country: str, regions: Sequence[Region]) -> Region | None:
    """The region that `text` means: its name or code in any spelling, with or without the country's
    prefix ("US-CA"), also with a postcode after it ("californiA 92025-1501")."""
    by_word: dict[str, Region] = {}
    for region in reversed(regions):
        by_word[_folded(region.name)] = region
    for region in reversed(regions):
        by_word[_folded(region.code)] = region
        by_word[_folded(_without_prefix(region.code, country))] = region
    by_word.pop("", None)
    for candidate in (text, _TRAILING_POSTCODE.sub("", text)):
        for spelling in (candidate, _without_prefix(candidate.strip(), country)):
            region_found = by_word.get(_folded(spelling))
            if region_found is not None:
                return region_found
    return None


def _without_prefix(code: str, country: str) -> str:
    return re.sub(rf"^{re.escape(country)}[-_]", "", code, flags=re.IGNORECASE)


def _folded(text: str) -> str:
    """Letters and digits alone, without accents and case."""
    spread = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char for char in spread if char.isalnum())


def for_address_book(address: Address, regions: Sequence[Region]) -> dict[str, Any] | None:
    """An address of a customer account, None when Magento would refuse it.

    Its rules are stricter than an order's: a telephone number, a city of letters, a region that the
    directory knows where the country has any. Source: Magento\\Customer\\Model\\Validator, 2.4.8.
    """
    street = street_lines(address)
    country = country_of(address)
    city = plain(address.city, _LONGEST)
    phone = plain(address.phone, _LONGEST)
    postcode = plain(address.postcode, _LONGEST)
    region = find_region(address.region, country, regions)
    usable = (
        street
        and country
        and _CITY.fullmatch(city)
        and _PHONE.fullmatch(phone)
        and (postcode or country in _WITHOUT_POSTCODE)
        and (region is not None or not regions)
    )
    if not usable:
        return None
    first, last = names.for_customer(address.name)
    entry: dict[str, Any] = {
        "firstname": first,
        "lastname": last,
        "street": street,
        "city": city,
        "country_id": country,
        "telephone": phone,
        "default_billing": True,
        "default_shipping": True,
    }
    if postcode:
        entry["postcode"] = postcode
    if region is not None:
        entry["region_id"] = region.id
        entry["region"] = {
            "region": region.name,
            "region_code": region.code,
            "region_id": region.id,
        }
    return entry
