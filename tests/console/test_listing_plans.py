"""How PostgreSQL reads the list and the boards: none goes through all of 50,000 orders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from bench.orders_tab import NEWEST, fill, readings
from pipeline.base.db import Sessions
from pipeline.operations.acts.many_orders import Act, BulkActs
from pipeline.operations.lists.board import Board
from pipeline.operations.lists.causes import causes
from pipeline.operations.lists.filters import Filters
from pipeline.operations.lists.orders import Listing
from pipeline.operations.lists.selection import held_by, these, those_of, weigh
from pipeline.operations.lists.sorting import KEYS, Sort
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Status
from tests.builders import a_vault

ORDERS = 50_000


def scans(plan: dict[str, Any], *, is_limited: bool = False) -> Iterator[tuple[str, bool]]:
    """The tables that a plan goes through row by row, and whether a limit stops it."""
    is_limited = is_limited or plan["Node Type"] == "Limit"
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"], is_limited
    for part in plan.get("Plans", []):
        yield from scans(part, is_limited=is_limited)


@pytest.fixture
def database_url(own_database_url: str) -> str:
    """A new database: statistics that other tests left would change the plans."""
    return own_database_url


@pytest.fixture
def asked(sessions: Sessions) -> Iterator[list[tuple[str, Any]]]:
    """Every SELECT that is sent, with what it is sent with."""
    found: list[tuple[str, Any]] = []

    def keep(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            found.append((statement, parameters))

    with sessions() as session:
        engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", keep)
    yield found
    event.remove(engine, "before_cursor_execute", keep)


def plans(sessions: Sessions, asked: list[tuple[str, Any]]) -> list[dict[str, Any]]:
    with sessions() as session:
        engine = session.get_bind()
    assert isinstance(engine, Engine)
    with engine.connect() as connection:
        replies = [
            connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar()
            for statement, parameters in list(asked)
        ]
    return [plan["Plan"] for reply in replies if reply for plan in reply]


def test_no_page_and_no_file_goes_through_all_orders(
    sessions: Sessions, asked: list[tuple[str, Any]]
) -> None:
    fill(sessions, ORDERS)
    listing = Listing(sessions)
    for name, reading in readings(sessions).items():
        asked.clear()
        reading()
        assert asked
        for plan in plans(sessions, asked):
            found = list(scans(plan))
            # To count all, the first 10,000 are as good as any.
            allowed = [("orders", True)] if name.startswith("count of all") else []
            assert found in ([], allowed), name
    for key in KEYS:
        for is_descending in (False, True):
            # Totals are compared within a currency.
            currency = "EUR" if key == "total" else ""
            filters = Filters(currency=currency, sort=Sort(key, is_descending))
            asked.clear()
            page = listing.page(filters)
            assert page.following is not None
            listing.page(filters, after=page.following)
            listing.page(filters, before=page.following)
            assert len(asked) == 3
            for plan in plans(sessions, asked):
                assert list(scans(plan)) == [], filters.sort


def test_neither_the_boards_nor_their_counts_go_through_all_orders(
    sessions: Sessions, asked: list[tuple[str, Any]]
) -> None:
    fill(sessions, ORDERS)
    board = Board(sessions, NEWEST)
    asked.clear()
    assert board.to_ship()
    assert board.unconfirmed() == []
    assert sum(board.by_class().values()) > 0
    assert board.standing().held.number == ORDERS // 200
    assert causes(sessions)
    assert len(asked) == 5
    for plan in plans(sessions, asked):
        # The watermarks are a row or two for each account.
        assert [table for table, _ in scans(plan) if table != "cursors"] == []


def test_an_act_on_many_is_weighed_and_written_down_by_the_indexes(
    sessions: Sessions, asked: list[tuple[str, Any]]
) -> None:
    fill(sessions, ORDERS)
    chosen = {
        "held": those_of(Filters(Status.HELD)),
        "waiting, by channel": those_of(Filters(Status.WAITING, channel=FulfilledBy.MERCHANT)),
        "one reason": those_of(Filters(reason=HoldCode.OUT_OF_STOCK)),
        "one SKU": those_of(Filters(sku="MUG-7")),
        "ticked": these(range(1, 51)),
        "a cause": held_by("sku_not_found", ""),
        "all": those_of(Filters()),
    }
    for name, choice in chosen.items():
        asked.clear()
        weigh(sessions, Act.RELEASE, choice)
        with sessions() as session:
            assert session.execute(choice.turns()).all(), name
        assert len(asked) == 3
        for plan in plans(sessions, asked):
            # Of those that are passed over the first 10,000 are as good as any.
            assert list(scans(plan)) in ([], [("orders", True)]), name


def test_the_next_orders_of_an_act_are_found_by_an_index(
    sessions: Sessions, asked: list[tuple[str, Any]]
) -> None:
    fill(sessions, ORDERS)
    acts, choice = BulkActs(sessions, a_vault()), those_of(Filters(Status.WAITING))
    acts.begin(Act.RELEASE, choice.turns(), chosen="", author="anna", now=NEWEST, token="t")
    with sessions() as session, session.begin():
        session.execute(text("ANALYZE bulk_acts, bulk_act_orders"))
    asked.clear()
    assert acts.go_on(NEWEST) == 100
    assert len(asked) > 5
    for plan in plans(sessions, asked):
        assert {table for table, _ in scans(plan)} <= {"bulk_acts"}
