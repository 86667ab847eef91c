from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from pipeline.magento.rest.search import Filter, any_of, batches, criteria, encode, equals


def test_writes_groups_sort_page_and_fields() -> None:
    query = criteria(
        [equals("ext_order_id", "902-1"), any_of("store_id", [1, 2])],
        sort="entity_id",
        fields="items[entity_id],total_count",
        page=3,
        page_size=50,
    )
    stem = "searchCriteria[filterGroups]"
    assert parse_qsl(query) == [
        (f"{stem}[0][filters][0][field]", "ext_order_id"),
        (f"{stem}[0][filters][0][value]", "902-1"),
        (f"{stem}[0][filters][0][conditionType]", "eq"),
        (f"{stem}[1][filters][0][field]", "store_id"),
        (f"{stem}[1][filters][0][value]", "1,2"),
        (f"{stem}[1][filters][0][conditionType]", "in"),
        ("searchCriteria[sortOrders][0][field]", "entity_id"),
        ("searchCriteria[sortOrders][0][direction]", "ASC"),
        ("searchCriteria[pageSize]", "50"),
        ("searchCriteria[currentPage]", "3"),
        ("fields", "items[entity_id],total_count"),
    ]


def test_a_value_with_a_comma_is_a_filter_of_its_own_in_the_same_group() -> None:
    assert any_of("sku", ["A", "B,C", "D", "E,F"]) == (
        Filter("sku", "A,D", "in"),
        Filter("sku", "B,C", "eq"),
        Filter("sku", "E,F", "eq"),
    )
    assert any_of("sku", ["B,C"]) == (Filter("sku", "B,C", "eq"),)


def test_refuses_to_search_for_any_of_nothing() -> None:
    with pytest.raises(ValueError, match="no values"):
        any_of("sku", [])


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("a b", "a%20b"),
        ("a+b", "a%2Bb"),
        ("a/b", "a%2Fb"),
        ("50%", "50%25"),
        ("a&b=c", "a%26b%3Dc"),
        ("Ü", "%C3%9C"),
        ("a~b", "a~b"),
    ],
)
def test_encodes_as_rfc_3986_says(value: str, encoded: str) -> None:
    assert encode([("k[0]", value)]) == f"k%5B0%5D={encoded}"


def test_batches_are_distinct_and_in_order() -> None:
    assert list(batches([3, 1, 3, 2, 1, 4, 5], 2)) == [[3, 1], [2, 4], [5]]
    assert list(batches([])) == []
