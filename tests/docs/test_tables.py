"""Tables of the docs that are made from the code say what the code says."""

from __future__ import annotations

import pytest

from tests.docs.tables import DESCRIPTION, TABLES, Table, description


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_page_has_the_table_as_it_is(table: Table) -> None:
    assert table.documented() == table.written(), "`make tables` writes the table anew"


def test_the_description_of_the_api_is_as_the_server_gives_it() -> None:
    written = DESCRIPTION.read_text(encoding="utf-8")
    assert written == description(), "`make tables` writes it anew"
