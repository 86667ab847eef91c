"""`orderbridge settlements`."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal

from pipeline.base.db import Sessions
from tests.cli.conftest import Run
from tests.console.test_settlements import settled
from tests.finances.settlement_files import ID, WITHOUT_ORDER, Line, sales


def test_there_is_none_yet(orderbridge: Run) -> None:
    assert orderbridge("settlements", "list").exit_code == 1
    assert orderbridge("settlements", "list", "--json").stdout == "[]\n"
    assert orderbridge("settlements", "show", ID).exit_code == 1


def test_lists_and_shows_what_differs(orderbridge: Run, sessions: Sessions) -> None:
    lines = sales(3)
    wrong = [Line(lines[0].amount + Decimal("0.01"), lines[0].order), *lines[1:]]
    settled(sessions, wrong, lines)
    assert "differs by 0.01" in orderbridge("settlements", "list").stdout
    (listed,) = json.loads(orderbridge("settlements", "list", "--json").stdout)
    assert (listed["settlement"], listed["state"], listed["difference"]) == (ID, "differs", 0.01)
    told = orderbridge("settlements", "show", ID).stdout
    assert f"Settlement {ID} differs by 0.01" in told
    assert "Order, OurPricePrincipal MUG-BLUE: 10.38 and 10.37 (line 3)" in told
    shown = json.loads(orderbridge("settlements", "show", ID, "--json").stdout)
    (difference,) = shown["differences"]
    assert (difference["order"], difference["why"]) == (lines[0].order, "amount")


def test_writes_every_row(orderbridge: Run, sessions: Sessions) -> None:
    lines = [*sales(20), *WITHOUT_ORDER]
    settled(sessions, lines, lines)
    for arguments in ([], ["--sums"]):
        text = orderbridge("settlements", "csv", ID, *arguments).stdout.removeprefix("\ufeff")
        rows = list(csv.DictReader(io.StringIO(text)))
        total = sum(Decimal(row["amount"]) for row in rows)
        assert total == sum(line.amount for line in lines)
