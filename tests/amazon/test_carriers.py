"""Which carrier a Magento tracking number becomes."""

from __future__ import annotations

import pytest

from pipeline.amazon.carriers import Carrier, carrier_for, offered
from pipeline.base.errors import CannotMap
from pipeline.orders.outcome import HoldCode


@pytest.mark.parametrize(
    ("magento_code", "title", "country", "carrier"),
    [
        ("ups", "United Parcel Service", "US", Carrier("UPS")),
        ("usps", "", "US", Carrier("USPS")),
        ("FedEx", "Federal Express", "US", Carrier("FedEx")),
        ("fedex", "", "JP", Carrier("FEDEX_JP")),
        ("dhl", "DHL Express", "DE", Carrier("DHL")),
        ("hermes", "", "DE", Carrier("Hermes Logistik Gruppe")),
        ("evri", "Evri", "GB", Carrier("Hermes UK")),
        ("hermes", "", "FR", Carrier("Hermes")),
        ("royalmail", "", "gb", Carrier("Royal Mail")),
        ("ups", "", "IN", Carrier("UPS")),
        ("custom", "royal mail", "GB", Carrier("Royal Mail")),
        ("tracker1", "  DHL   freight ", "DE", Carrier("DHL Freight")),
        ("custom", "TRANSARAGONÉS", "ES", Carrier("Transaragonés")),
        ("custom", "GEODIS", "FR", Carrier("GEODIS")),
        ("custom", "geodis", "FR", Carrier("geodis")),
        ("custom", "BLUEDART", "IN", Carrier("BlueDart")),
        ("custom", "Bike Couriers", "DE", Carrier("Other", "Bike Couriers")),
        ("bikes", "Bike Couriers", "", Carrier("Other", "Bike Couriers")),
        ("custom", "Other", "DE", Carrier("Other", "Other")),
        ("custom", "HS code", "DE", Carrier("Other", "HS code")),
    ],
)
def test_a_tracking_number_goes_out_with(
    magento_code: str, title: str, country: str, carrier: Carrier
) -> None:
    assert carrier_for(magento_code, title, country) == carrier


@pytest.mark.parametrize(
    ("magento_code", "title", "country"),
    [("custom", "Bike Couriers", "IN"), ("custom", "", "in"), ("custom", " ", "DE"), ("", "", "")],
)
def test_a_carrier_without_a_name_is_held(magento_code: str, title: str, country: str) -> None:
    with pytest.raises(CannotMap) as held:
        carrier_for(magento_code, title, country)
    assert held.value.code == HoldCode.CARRIER_UNMAPPED
    assert held.value.facts == {"carrier_code": magento_code, "country": country}
    assert not title.strip() or title not in held.value.reason


def test_every_carrier_on_offer_is_known_to_amazon_by_that_name() -> None:
    carriers = offered()
    assert {code: carrier_for(code, "", "FR").code for code in carriers} == carriers
    assert list(carriers.values()) == sorted(carriers.values(), key=str.casefold)
    assert carriers["royalmail"] == "Royal Mail"
