"""Convert a marketplace's address to Magento's, for orders and for customers' address books."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pipeline.base.errors import CannotMap
from pipeline.magento.order import countries, names, region_words, regions
from pipeline.magento.order.plain_text import in_digits, label, unkept_letters
from pipeline.magento.records import Region
from pipeline.orders.channel_order import Address
from pipeline.orders.outcome import HoldCode

# Magento needs the key and label printers want digits: all zeros mean that no number was given.
NO_PHONE = "0000000000"
NOT_GIVEN = "-"
# Length of each column of sales_order_address; the street lines share a column. Magento cuts
# silently.
_LONGEST = 255
_COUNTRY = re.compile(r"[A-Z]{2}")
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

    A withheld field is "-". Magento's admin cannot show an order without a country, so
    `fallback_country` replaces a missing country. Nothing is cut from an address that
    `check_deliverable` accepts.
    """
    address = countries.located(address)
    street = "\n".join(street_lines(address))[:_LONGEST].split("\n")
    country = country_of(address) or fallback_country
    first, last = names.split(name, _LONGEST)
    return {
        "address_type": kind,
        "firstname": first,
        "lastname": last,
        "company": label(company)[:_LONGEST],
        "street": street if any(street) else [NOT_GIVEN],
        "city": label(address.city)[:_LONGEST] or NOT_GIVEN,
        **region_fields(address.region, country, regions),
        "postcode": in_digits(address.postcode)[:_LONGEST] or NOT_GIVEN,
        "country_id": country,
        "telephone": phone_of(address)[:_LONGEST] or NO_PHONE,
        "fax": "",
        "email": email,
    }


def check_deliverable(address: Address) -> None:
    """Raise CannotMap(ADDRESS_UNUSABLE) when no parcel can be sent to the address, or when
    Magento's database would lose a part that the carrier needs."""
    address = countries.located(address)
    street = street_lines(address)
    if missing := [
        what
        for what, given in (
            ("street line", not all(map(names.says_nothing, street))),
            ("country code", country_of(address)),
        )
        if not given
    ]:
        raise CannotMap(
            HoldCode.ADDRESS_UNUSABLE,
            f"the shipping address has no {' and no '.join(missing)}: it may still be withheld, "
            "else ask the buyer through Amazon and correct the address",
            {"missing": ", ".join(missing)},
        )
    check_country(address)
    parts = {
        "name": address.name,
        "company": address.company,
        "street": "\n".join(street),
        "city": address.city,
        "region": address.region,
        "postcode": address.postcode,
        "phone": address.phone,
    }
    for what, text in parts.items():
        length = len(text if what == "street" else label(text))
        if length > _LONGEST:
            raise CannotMap(
                HoldCode.ADDRESS_UNUSABLE,
                f"the {what} of the shipping address has {length} characters, of which Magento "
                f"keeps {_LONGEST}: correct the address",
                {"too_long": what},
            )
    where = (*address.lines, address.district, address.city, address.region)
    if lost := sum(map(unkept_letters, where)):
        raise CannotMap(
            HoldCode.ADDRESS_UNUSABLE,
            f"{lost} of the shipping address's letters cannot be stored by Magento's database: "
            "correct the address with common letters",
            {"letters": str(lost)},
        )


def check_country(address: Address) -> None:
    """Raise CannotMap(ADDRESS_UNUSABLE) for a country outside Magento's directory: its admin cannot
    open such an order, whoever delivers it."""
    country = country_of(address)
    if country and country not in countries.KNOWN:
        raise CannotMap(
            HoldCode.ADDRESS_UNUSABLE,
            f"Magento's directory has no country {country}, and its admin cannot open an order to "
            "that country: correct the address to a country that it has, or enter the order by "
            "hand",
            {"country": country},
        )


def country_of(address: Address) -> str:
    """Magento's code of the country; "" when the address has no valid country code."""
    code = address.country.strip().upper()
    return countries.code(code) if _COUNTRY.fullmatch(code) else ""


def street_lines(address: Address) -> list[str]:
    """The non-empty address lines, and the district unless a line has it already."""
    lines = [line for line in map(label, address.lines) if line]
    district = label(address.district)
    known_words = [region_words.words(text) for text in (*lines, address.city, address.region)]
    if district and region_words.words(district) not in known_words:
        lines.append(district)
    return lines


def phone_of(address: Address) -> str:
    """The phone number with its extension; "" when it is missing."""
    phone = in_digits(address.phone)
    return phone if any(map(str.isdigit, phone)) else ""


def region_fields(text: str, country: str, known: Sequence[Region]) -> dict[str, Any]:
    """The region from the shop's directory, else as free text, else no region."""
    return regions.fields(text, country, known, _LONGEST)


def for_address_book(address: Address, known: Sequence[Region]) -> dict[str, Any] | None:
    """An address of a customer account; None when some version of Magento would refuse it.

    Its rules are stricter than an order's: a telephone number, a city of letters, a street of
    letters and digits, a region of the directory where the country has any.
    Source: Magento\\Customer\\Model\\Validator, 2.4.8.
    """
    address = countries.located(address)
    street = street_lines(address)
    country = country_of(address)
    city = label(address.city)
    phone = phone_of(address)
    postcode = in_digits(address.postcode)
    region = regions.find(address.region, country, known)
    usable = (
        street
        and all(names.is_allowed(char) for line in street for char in line)
        and len("\n".join(street)) <= _LONGEST
        and country
        and _CITY.fullmatch(city)
        and _PHONE.fullmatch(phone)
        and (postcode or country in _WITHOUT_POSTCODE)
        and (region is not None or not known)
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
