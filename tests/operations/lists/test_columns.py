"""The columns of the list: each list has those it can head, and the page sorts by known keys."""

from __future__ import annotations

from pipeline.operations.lists.columns import IN_CSV, IN_THE_TERMINAL, ON_THE_PAGE
from pipeline.operations.lists.sorting import KEYS


def test_each_list_names_a_column_once() -> None:
    for columns in (IN_CSV, IN_THE_TERMINAL, ON_THE_PAGE):
        assert len({column.name for column in columns}) == len(columns)


def test_each_column_has_a_heading_where_it_is_shown() -> None:
    assert all(column.label for column in ON_THE_PAGE)
    assert all(column.heading or column.label for column in IN_THE_TERMINAL)


def test_the_page_sorts_by_keys_of_the_list() -> None:
    sorted_by = [column.sort for column in ON_THE_PAGE if column.sort is not None]
    assert sorted_by == ["number", "magento", "purchased", "ship_by", "total"]
    assert {*sorted_by} <= KEYS.keys()
