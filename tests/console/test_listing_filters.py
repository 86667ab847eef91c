"""Filters are read from a query string and written back to one; what cannot be read is told."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.operations.lists.filters import Filters, ShipBy, read
from pipeline.operations.lists.sorting import KEYS, NEWEST_FIRST, Place, Sort
from pipeline.operations.lists.stores import stores
from pipeline.orders.channel_order import FulfilledBy, RemoteStatus
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Status
from tests.console.builders import FRANCE, GERMANY, NOW, some_settings

STORES = stores(some_settings())


def squeezed(text: str) -> str:
    return " ".join(text.split())


MARKETPLACES = ["", GERMANY, FRANCE, "A000NEWSHOP"]
some_filters = st.builds(
    Filters,
    account=st.sampled_from(["", "eu", "an account"]),
    marketplace=st.sampled_from(MARKETPLACES),
    amazon_status=st.none() | st.sampled_from(RemoteStatus),
    currency=st.sampled_from(["EUR", "JPY"]),
    ship_by=st.none() | st.sampled_from(ShipBy),
    ship_from=st.none() | st.dates(date(2000, 1, 1), date(2020, 1, 1)),
    ship_until=st.none() | st.dates(date(2020, 1, 1), date(2999, 12, 31)),
    status=st.none() | st.sampled_from(Status),
    everything=st.booleans(),
    number=st.from_regex(r"[0-9A-Z%_~&=+ -]{0,30}", fullmatch=True).map(squeezed),
    sku=st.from_regex(r"[\wäß#&? /.-]{0,30}", fullmatch=True).map(str.strip),
    buyer=st.lists(st.from_regex(r"[0-9a-f]{16}", fullmatch=True), max_size=3).map(tuple),
    placed_from=st.none() | st.dates(date(2000, 1, 1), date(2020, 1, 1)),
    placed_until=st.none() | st.dates(date(2020, 1, 1), date(2999, 12, 31)),
    total_from=st.none() | st.decimals(0, 99, places=2),
    total_until=st.none() | st.decimals(100, 10**15 - 1, places=2),
    channel=st.none() | st.sampled_from(FulfilledBy),
    program=st.sampled_from(["", "PRIME", "AMAZON_BUSINESS"]),
    store=st.none() | st.sampled_from(list(STORES.values())),
    reason=st.none() | st.sampled_from(HoldCode),
    sort=st.builds(Sort, st.sampled_from(sorted(KEYS)), st.booleans()),
)


@given(some_filters)
def test_filters_come_back_as_they_were_written(filters: Filters) -> None:
    asked = read(filters.query(), STORES)
    assert asked.filters == filters
    assert asked.mistakes == {}


def test_what_is_as_usual_is_not_in_the_address() -> None:
    assert Filters().query() == {}
    assert read({"sort": "-purchased", "status": "", "number": "  "}, STORES).filters == Filters()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("status", "lost"),
        ("reason", "because"),
        ("all", "yes"),
        ("buyer", "Erika"),
        ("from", "31.03.2026"),
        ("from", "2026-02-30"),
        ("until", "0001-01-01"),
        ("min", "-1"),
        ("min", "1e5"),
        ("min", "NaN"),
        ("max", "12.00000"),
        ("max", "1.234,56"),
        ("channel", "MFN"),
        ("program", "PRIME'"),
        ("store", "unheard-of"),
        ("sort", "-id"),
        ("sort", "total"),
        ("min", "12"),
        ("max", "12"),
        ("currency", "EURO"),
        ("currency", "€"),
        ("marketplace", "XX"),
        ("marketplace", "amazon.de"),
        ("amazon", "unheard-of"),
        ("ship_by", "soon"),
        ("ship_from", "tomorrow"),
        ("number", " ".join(map(str, range(201)))),
        ("sort", "--total"),
    ],
)
def test_a_bad_value_is_told_at_its_field_and_the_rest_still_counts(name: str, text: str) -> None:
    asked = read({"sku": "MUG-1", name: text}, STORES)
    assert asked.filters == Filters(sku="MUG-1")
    assert list(asked.mistakes) == [name]
    assert asked.mistakes[name].endswith(".")


@pytest.mark.parametrize("text", ["1.234", "1,234", "1,2345", "1 234"])
def test_what_may_be_thousands_is_no_amount(text: str) -> None:
    asked = read({"currency": "EUR", "min": text}, STORES)
    assert asked.filters == Filters(currency="EUR")
    assert "two decimals at most" in asked.mistakes["min"]


def test_amounts_and_words_are_read_as_people_write_them() -> None:
    asked = read(
        {
            **{"min": " 12,50 ", "currency": "eur", "marketplace": "fr"},
            **{"program": "prime", "number": "\x00 303-1 "},
        },
        STORES,
    )
    assert asked.filters == Filters(
        total_from=Decimal("12.50"),
        currency="EUR",
        marketplace=FRANCE,
        program="PRIME",
        number="303-1",
    )


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2026-03-02", "until": "2026-03-01"}, "until"),
        ({"min": "2", "max": "1", "currency": "EUR"}, "max"),
        ({"ship_from": "2026-03-02", "ship_until": "2026-03-01"}, "ship_until"),
    ],
)
def test_a_range_the_wrong_way_round_is_told(query: dict[str, str], field: str) -> None:
    assert list(read(query, STORES).mistakes) == [field]


@given(st.dictionaries(st.sampled_from(["status", "min", "from", "sort", "buyer"]), st.text()))
def test_no_query_string_is_too_odd_to_be_read(query: dict[str, str]) -> None:
    asked = read(query, STORES)
    assert set(asked.mistakes) <= {*query, "until", "max"}


@given(
    st.sampled_from(sorted(KEYS)),
    st.integers(0, 10**18 - 1),
    st.timedeltas(timedelta(0), timedelta(days=3650)),
)
def test_a_place_comes_back_as_it_was_written(key: str, order_id: int, later: timedelta) -> None:
    values = {"total": Decimal("12.3400"), "number": "303~1-~2", "magento": "0~1"}
    place = Sort(key).place_of(values.get(key, NOW + later), order_id)
    assert Place.parse(str(place), Sort(key)) == place


@pytest.mark.parametrize(
    "text",
    [
        *("", "~", "12", "2026-01-01~5", "2026-01-01T00:00:00~5", "x~5", "~5x", "~" + "9" * 19),
        "2026-01-01T00:00:00+00:00\x00~5",
    ],
)
def test_a_damaged_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"place|isoformat"):
        Place.parse(text, NEWEST_FIRST)


@pytest.mark.parametrize(
    ("sort", "text"), [("total", "NaN~5"), ("total", "1e9~5"), ("number", "~5"), ("updated", "~5")]
)
def test_a_place_fits_the_way_the_list_is_sorted(sort: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"place|amount"):
        Place.parse(text, Sort(sort))
