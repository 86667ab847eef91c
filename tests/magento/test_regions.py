"""Text of a marketplace, and the region of the shop's directory it means."""

from __future__ import annotations

import pytest

from pipeline.magento.order import regions
from pipeline.magento.records import Region

# Codes and names as Magento has them, odd ones included.
DIRECTORY = {
    "US": {
        6: ("AE", "Armed Forces Africa"),
        7: ("AA", "Armed Forces Americas"),
        8: ("AE", "Armed Forces Canada"),
        9: ("AE", "Armed Forces Europe"),
        10: ("AE", "Armed Forces Middle East"),
        11: ("AP", "Armed Forces Pacific"),
        12: ("CA", "California"),
        18: ("DC", "District of Columbia"),
        20: ("GU", "Guam"),
        43: ("NY", "New York"),
        52: ("PR", "Puerto Rico"),
        60: ("VI", "Virgin Islands"),
        62: ("WA", "Washington"),
    },
    "CA": {74: ("ON", "Ontario"), 76: ("QC", "Quebec")},
    "DE": {80: ("BAW", "Baden-Württemberg"), 81: ("BAY", "Bayern")},
    "ES": {
        130: ("A Coruсa", "A Coruña"),
        133: ("Alicante", "Alicante"),
        139: ("ES-B", "Barcelona"),
    },
    "IT": {512: ("MI", "Milano"), 550: ("RM", "Roma")},
    "LV": {
        458: ("LV-RIX", "Rīga"),
        460: ("LV-DGV", "Daugavpils"),
        470: ("LV-025", "Daugavpils novads"),
        471: ("LV-001", "Aglonas novads"),
    },
    "PL": {
        693: ("PL-02", "dolnośląskie"),
        698: ("PL-10", "łódzkie"),
        700: ("PL-14", "mazowieckie"),
    },
}


def found(country: str, text: str) -> int | None:
    known = [Region(number, *named) for number, named in DIRECTORY.get(country, {}).items()]
    region = regions.find(text, country, known)
    return region.id if region else None


@pytest.mark.parametrize(
    ("country", "text", "number"),
    [
        ("US", "CA", 12),
        ("US", "ca", 12),
        ("US", "C.A.", 12),
        ("US", "California", 12),
        ("US", "CALIFORNIA", 12),
        ("US", "californiA 92025-1501", 12),
        ("US", "CA, 92025", 12),
        ("US", "US-CA", 12),
        ("US", "State of New York", 43),
        ("US", "Washington State", 62),
        ("US", "D.C.", 18),
        ("US", "Puerto Rico", 52),
        ("US", "PR", 52),
        ("US", "GU", 20),
        ("US", "VI", 60),
        ("US", "Armed Forces Americas", 7),
        ("US", "AP", 11),
        # Of the five that share this code it is the one most mail goes to, unless it is named.
        ("US", "AE", 9),
        ("US", "AE 09012", 9),
        ("US", "Armed Forces - Middle East", 10),
        ("US", "Washington, D.C.", 18),
        ("US", "Kalifornien", None),
        ("US", "92025", None),
        ("US", "", None),
        ("US", "--", None),
        ("CA", "Québec", 76),
        ("CA", "ON K1A 0B1", 74),
        ("DE", "Baden-Wuerttemberg", 80),
        ("DE", "BADEN-WÜRTTEMBERG", 80),
        ("ES", "B", 139),
        ("ES", "ES-B", 139),
        ("ES", "A CORUNA", 130),
        ("ES", "Alicante/Alacant", 133),
        ("ES", "Provincia de Barcelona", 139),
        ("ES", "Alicante/Barcelona", None),
        ("IT", "MI", 512),
        ("IT", "Roma 00118", 550),
        ("LV", "Riga", 458),
        ("LV", "RIX", 458),
        ("LV", "Daugavpils", 460),
        ("LV", "Daugavpils novads", 470),
        ("PL", "Mazowieckie", 700),
        ("PL", "woj. mazowieckie", 700),
        ("PL", "Województwo Łódzkie", 698),
        ("PL", "lodzkie", 698),
        ("PL", "14", 700),
        ("PL", "Dolnoslaskie 50-001", 693),
        ("GB", "Surrey", None),
        ("JP", "東京都", None),
    ],
)
def test_finds_a_region_however_it_is_written(country: str, text: str, number: int | None) -> None:
    assert found(country, text) == number


def test_a_code_that_several_share_is_none_of_them() -> None:
    known = [Region(1, "X", "North"), Region(2, "X", "South")]
    assert regions.find("X", "ZZ", known) is None
    assert regions.find("South", "ZZ", known) == known[1]


def test_an_empty_name_is_no_region() -> None:
    assert regions.find("", "ZZ", [Region(1, "", "")]) is None
