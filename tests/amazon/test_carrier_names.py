"""Titles as shops write them: by everyday and former names, by country, and false friends."""

from __future__ import annotations

import pytest

from pipeline.amazon.carriers import Carrier, carrier_for, offered
from pipeline.base.errors import CannotMap
from sandbox.amazon.carriers import CARRIER_CODES


@pytest.mark.parametrize(
    ("title", "country", "code"),
    [
        ("DHL Paket", "DE", "DHL-Paket"),
        ("DHL - Paket", "DE", "DHL-Paket"),
        ("D.H.L.", "DE", "DHL"),
        ("DHL Parcel UK", "GB", "DHL"),
        ("DHL Express Germany", "DE", "DHL Express"),
        ("RoyalMail", "GB", "Royal Mail"),
        ("Royal Mail 48", "GB", "Royal Mail"),
        ("Royal Mail Tracked 24", "GB", "Royal Mail"),
        ("Royal Mail: Signed For®", "GB", "Royal Mail"),
        ("United Parcel Service", "US", "UPS"),
        ("UPS®", "US", "UPS"),
        ("UPS Ground", "US", "UPS"),
        ("UPS Freight", "US", "UPS Freight"),
        ("U.S. Postal Service", "US", "USPS"),
        ("Federal Express", "US", "FedEx"),
        ("Fedex", "JP", "FEDEX_JP"),
        ("DPD (UK)", "GB", "DPD"),
        ("dpd local", "GB", "DPD Local"),
        ("Deutscher Paketdienst", "DE", "DPD"),
        ("German Parcel", "DE", "GLS"),
        ("La Poste Colissimo", "FR", "Colissimo"),
        ("Colis Privé", "FR", "Colis Prive"),
        ("Correos-Express", "ES", "Correos Express"),
        ("Correos de España", "ES", "Correos"),
        ("Transaragones", "ES", "Transaragonés"),
        ("Poczta Polska", "PL", "Polish Post"),
        ("Österreichische Post", "DE", "AT Post"),
        ("Kühne & Nagel", "DE", "Kuehne Nagel"),
        ("ヤマト運輸", "JP", "YAMATO"),
        ("佐川急便", "JP", "SAGAWA"),
        ("AusPost", "AU", "Australia Post"),
        # One name, another carrier in each country.
        ("Post", "DE", "Deutsche Post"),
        ("Post", "IN", "India Post"),
        ("TNT Post", "NL", "PostNL"),
        ("TNT Post", "GB", "Whistl"),
        ("Hermes", "DE", "Hermes Logistik Gruppe"),
        ("Hermes", "GB", "Hermes UK"),
        ("Evri", "GB", "Hermes UK"),
        ("Hermes", "FR", "Hermes"),
        # A carrier with its service or its legal form.
        ("USPS Ground Advantage", "US", "USPS"),
        ("United States Postal Service - Priority Mail", "US", "USPS"),
        ("FedEx 2Day", "US", "FedEx"),
        ("FedEx Priority Overnight", "US", "FedEx"),
        ("UPS 3 Day Select", "US", "UPS"),
        ("United Parcel Service (UPS)", "US", "UPS"),
        ("R&L Carriers", "US", "R+L"),
        ("Royal Mail Special Delivery Guaranteed by 1pm", "GB", "Royal Mail"),
        ("Tuffnells Parcels Express", "GB", "Tuffnells"),
        ("Deutsche Post Einschreiben", "DE", "Deutsche Post"),
        ("GLS Germany GmbH & Co. OHG", "DE", "GLS"),
        ("La Poste - Lettre suivie", "FR", "La Poste"),
        ("Chronopost 13", "FR", "Chronopost"),
        ("Poste Italiane - Crono", "IT", "Poste Italiane"),
        ("Correos Certificado", "ES", "Correos"),
        ("Kurier DPD", "PL", "DPD"),
        ("ヤマト運輸株式会社", "JP", "YAMATO"),
        ("日本郵便(ゆうパック)", "JP", "Japan Post"),
        ("佐川急便株式会社", "JP", "SAGAWA"),
        ("Australia Post eParcel", "AU", "Australia Post"),
    ],
)
def test_a_title_is_known_by_what_shops_write(title: str, country: str, code: str) -> None:
    assert code in CARRIER_CODES
    assert carrier_for("custom", title, country) == Carrier(code)
    assert carrier_for("custom", title.upper(), country) == Carrier(code)


@pytest.mark.parametrize(
    ("title", "country"),
    [
        ("Post", "GB"),
        ("Post", ""),
        ("StarTrack", "AU"),
        ("DHL/UPS", "DE"),
        ("UPS Store pick-up", "US"),
        ("Correos Chile", "ES"),
        ("Correos de México", "MX"),
        ("Royal Mailbox", "GB"),
        ("Hermes Bikes", "DE"),
        ("Relais Colis", "FR"),
        ("Postal Service", "US"),
        ("Target Express", "GB"),
        ("Express", "DE"),
        ("48", "GB"),
        ("!!!", "DE"),
    ],
)
def test_a_name_that_could_be_anybody_goes_as_the_clerk_wrote_it(title: str, country: str) -> None:
    assert carrier_for("custom", title, country) == Carrier("Other", title)


@pytest.mark.parametrize(
    "title",
    [
        *("Blue Dart", "DHL Express India", "United Parcel Service", "Delhivery Pvt Ltd"),
        *("Ecom Express Pvt. Ltd.", "Xpressbees Logistics", "Gati-KWE", "Professional Couriers"),
        *("First Flight Couriers", "India Post Speed Post", "Trackon Courier", "Shree Maruti"),
    ],
)
def test_in_india_such_a_title_is_no_reason_to_hold(title: str) -> None:
    assert carrier_for("custom", title, "IN").code != "Other"
    with pytest.raises(CannotMap):
        carrier_for("custom", "Bike Couriers", "IN")


def test_a_title_gives_what_its_magento_code_gives() -> None:
    for country in ("DE", "GB", "FR", "JP", "US", ""):
        for code in offered():
            assert carrier_for("custom", code, country) == carrier_for(code, "", country)


def test_a_code_of_an_extension_is_read_when_its_title_says_nothing() -> None:
    assert carrier_for("dhl_paket", "", "DE") == Carrier("DHL-Paket")
    assert carrier_for("royal_mail", "Small parcels", "GB") == Carrier("ROYAL_MAIL")
