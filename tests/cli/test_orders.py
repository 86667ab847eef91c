"""`orderbridge orders` against real PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.cli.common import system_user
from pipeline.operations.acts.tables import BulkAct, BulkActOrder
from pipeline.orders.tables import Note, Order
from tests.cli.conftest import Run
from tests.console.builders import (
    FRANCE,
    NOW,
    a_held_order,
    a_note,
    a_pending_order,
    a_shipped_order,
    an_attempt,
    an_item,
    an_order,
    store,
)


def test_list_is_a_table_of_what_is_shown(sessions: Sessions, orderbridge: Run) -> None:
    store(sessions, a_shipped_order(1), a_held_order(2), a_pending_order(3))
    result = orderbridge("orders", "list")
    assert (result.exit_code, result.stderr) == (0, "")
    header, first, second, hidden = result.stdout.splitlines()
    assert header.split("  ")[0] == "ID"
    assert first.split() == [
        *("1", "303-0000000-0000001", "000000001", "DE", "german", "FBM", "SHIPPED"),
        *("sync_tracking", "done", "41.97", "EUR", "2026-03-10", "11:00", "2026-03-10", "17:00"),
        *("2", "00340434161094015902"),
    ]
    assert second.endswith("MUG-1 is not in Magento's catalogue")
    assert hidden == "Hidden: 1, most often because Amazon has not verified the payment."


def test_list_takes_a_status_a_limit_and_hidden_orders(
    sessions: Sessions, orderbridge: Run
) -> None:
    store(sessions, an_order(1), a_held_order(2), a_held_order(3), a_pending_order(4))
    assert _ids(orderbridge("orders", "list", "--json").stdout) == [1, 2, 3]
    assert _ids(orderbridge("orders", "list", "--all", "--json").stdout) == [1, 2, 3, 4]
    assert _ids(orderbridge("orders", "list", "--status", "held", "--json").stdout) == [2, 3]
    limited = orderbridge("orders", "list", "--limit", "2")
    assert "There are more than 2 orders; raise --limit to see them." in limited.stdout


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (("--number", "0000002"), [2]),
        (("--number", "3 000000001"), [1, 3]),
        (("--sku", "mug-1"), [1, 2, 3]),
        (("--account", "us"), []),
        (("--marketplace", "fr"), [2]),
        (("--amazon", "SHIPPED"), [1]),
        (("--currency", "PLN"), [3]),
        (("--currency", "eur", "--min", "41.98"), [2]),
        (("--currency", "EUR", "--sort", "-total"), [2, 1]),
        (("--ship-from", "2026-03-11"), [3]),
        (("--ship-by", "today", "--ship-until", "2026-03-09"), []),
        (("--sort", "-magento"), [3, 2, 1]),
    ],
)
def test_list_takes_the_filters_of_the_page(
    sessions: Sessions, orderbridge: Run, options: tuple[str, ...], numbers: list[int]
) -> None:
    store(
        sessions,
        a_shipped_order(1),
        an_order(2, marketplace_id=FRANCE, grand_total=Decimal("50")),
        an_order(3, currency="PLN", ship_by_at=NOW + timedelta(days=1)),
    )
    assert _ids(orderbridge("orders", "list", "--json", *options).stdout) == numbers


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--min", "12", "Choose a currency too"),
        ("--sort", "total", "Choose a currency too"),
        ("--ship-by", "soon", "Ship-by is one of overdue, today, day, two_days."),
        ("--store", "none", "No marketplace’s orders go to this store view."),
    ],
)
def test_list_says_which_filter_cannot_be_read(
    orderbridge: Run, option: str, value: str, sentence: str
) -> None:
    result = orderbridge("orders", "list", option, value)
    assert result.exit_code == 2
    assert f"Invalid value for {option}: {sentence}" in result.stderr


def test_list_as_json_has_plain_values(sessions: Sessions, orderbridge: Run) -> None:
    store(sessions, a_held_order(1, items=[an_item(1), an_item(2, quantity=1)]))
    (order,) = json.loads(orderbridge("orders", "list", "--json").stdout)
    assert datetime.fromisoformat(order.pop("updated_at")).tzinfo is not None
    assert order == {
        "id": 1,
        "account": "eu",
        "external_id": "303-0000000-0000001",
        "marketplace_id": "A1PA6795UKMFR9",
        "fulfilled_by": "FBM",
        "remote_status": "UNSHIPPED",
        "step": "enrich_order",
        "status": "held",
        "shop": None,
        "magento_order_id": None,
        "magento_increment_id": None,
        "buyer": "",
        "programs": [],
        "currency": "EUR",
        "grand_total": 41.97,
        "purchased_at": "2026-03-10T11:00:00+00:00",
        "ship_by_at": "2026-03-10T17:00:00+00:00",
        "due_at": "2026-03-10T12:40:00+00:00",
        "hold_code": "sku_not_found",
        "hold_reason": "MUG-1 is not in Magento's catalogue",
        "last_note": "MUG-1 is not in Magento's catalogue",
        "items": [{"sku": "MUG-1", "quantity": 2}, {"sku": "MUG-2", "quantity": 1}],
        "tracking_numbers": [],
        "assignee": "",
        "country": "DE",
        "store": "german",
    }


def test_an_empty_list_is_no_failure(orderbridge: Run) -> None:
    result = orderbridge("orders", "list")
    assert (result.exit_code, result.stdout) == (0, "There are no orders yet.\n")
    assert orderbridge("orders", "list", "--json").stdout == "[]\n"


def test_list_refuses_a_status_that_is_none(without_database: Run) -> None:
    result = without_database("orders", "list", "--status", "stuck")
    assert result.exit_code == 2
    assert "A status is one of ready, running, waiting, held, done, cancelled." in result.stderr


def test_nothing_a_remote_wrote_reaches_the_terminal_as_a_control(
    sessions: Sessions, orderbridge: Run
) -> None:
    nasty = "\x1b[2Jgone\r\n\x07"
    (order_id,) = store(
        sessions, a_held_order(1, hold_reason=nasty, items=[an_item(sku=nasty, title=nasty)])
    )
    for words in (("list",), ("show", str(order_id))):
        printed = orderbridge("orders", *words).stdout
        assert "gone" in printed
        assert not {"\x1b", "\r", "\x07"} & set(printed)


def test_show_tells_all_there_is(sessions: Sessions, orderbridge: Run) -> None:
    (order_id,) = store(sessions, a_shipped_order(3))
    with sessions() as session, session.begin():
        session.add_all([an_attempt(order_id, 70), an_attempt(order_id, 60)])
        session.add(a_note(order_id, 5, "anna", "the buyer called"))
    result = orderbridge("orders", "show", "303-0000000-0000003")
    assert (result.exit_code, result.stderr) == (0, "")
    assert [" ".join(line.split()) for line in result.stdout.splitlines()] == [
        "Order 303-0000000-0000003",
        "our id 1",
        "account eu",
        "marketplace DE (A1PA6795UKMFR9)",
        "store german",
        "fulfilled by FBM",
        "Amazon says SHIPPED, 2026-03-10 09:00",
        "Magento order 000000003, entity 1003, complete",
        "step sync_tracking",
        "status done",
        "purchased 2026-03-10 09:00",
        "ship by 2026-03-10 17:00",
        "deliver by -",
        "total 41.97 EUR",
        "",
        "Lines",
        "2 x MUG-1 37.98 EUR Mug, model 1",
        "",
        "Total",
        "MUG-1 37.98 EUR",
        "delivery tip 3.99 EUR",
        "total 41.97 EUR",
        "",
        "Shipments",
        "77 2026-03-10 11:10 DHL 00340434161094015902 accepted",
        "",
        "Timeline, newest first",
        "2026-03-10 11:55 note the buyer called by anna",
        "2026-03-10 11:15 package shipment 77 confirmed to Amazon DHL 00340434161094015902",
        "2026-03-10 11:10 package shipment 77 shipped DHL 00340434161094015902",
        "2026-03-10 11:00 attempt ship_order wait waiting for the warehouse 2 times since "
        "2026-03-10 10:50 by worker-1:20",
        "2026-03-10 09:00 report first reported by Amazon",
    ]


def test_show_proves_the_total_part_by_part(sessions: Sessions, orderbridge: Run) -> None:
    proof = {
        "currency": "EUR",
        "mode": "tax on top",
        "doubt": "the items do not add up to the order's total",
        "grand_total": "41.97",
        "lines": {"item-1": "37.98"},
        "parts": {"item-1": {"net": "32.00", "discount": "0.00", "tax": "5.98"}},
        "readings": {"item-1": "tax on top"},
        "adjustments": {"delivery tip": "3.99"},
        "collected_by_amazon": {"item-1": "5.98"},
    }
    (order_id,) = store(sessions, an_order(1, total_proof=proof))
    lines = orderbridge("orders", "show", str(order_id)).stdout.splitlines()
    start = lines.index("Total")
    assert [" ".join(line.split()) for line in lines[start + 1 : start + 7]] == [
        "net tax total",
        "MUG-1 32.00 5.98 37.98 EUR tax on top",
        "delivery tip 3.99 EUR",
        "total 41.97 EUR",
        "including tax that Amazon keeps 5.98 EUR",
        "Only the total is certain: the items do not add up to the order's total",
    ]


def test_show_says_why_a_personal_field_is_missing(sessions: Sessions, orderbridge: Run) -> None:
    facts = {
        "channel": "NON_AMAZON",
        "replaces": "303-9",
        "missing": {"phone": "withheld: the delivery date is over"},
    }
    (order_id,) = store(sessions, an_order(1, facts=facts))
    shown = orderbridge("orders", "show", str(order_id)).stdout
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "no phone withheld: the delivery date is over" in lines
    assert "replaces 303-9" in lines
    assert "sold outside of Amazon" in lines
    assert json.loads(orderbridge("orders", "show", "1", "--json").stdout)["facts"] == facts


def test_show_of_a_held_order_says_why_and_when_it_is_looked_at(
    sessions: Sessions, orderbridge: Run
) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    lines = [
        " ".join(line.split())
        for line in orderbridge("orders", "show", str(order_id)).stdout.splitlines()
    ]
    assert "held because sku_not_found: MUG-1 is not in Magento's catalogue" in lines
    assert "facts skus MUG-1" in lines
    assert "next run 2026-03-10 12:40" in lines


def test_show_as_json(sessions: Sessions, orderbridge: Run) -> None:
    (order_id,) = store(sessions, a_shipped_order(3))
    shown = json.loads(orderbridge("orders", "show", str(order_id), "--json").stdout)
    assert shown["external_id"] == "303-0000000-0000003"
    assert shown["grand_total"] == 41.97
    assert shown["total_proof"]["adjustments"] == {"delivery tip": 3.99}
    assert [line["sku"] for line in shown["lines"]] == ["MUG-1"]
    assert shown["shipments"][0]["items"] == {"501": 2}
    assert [event["kind"] for event in shown["timeline"]] == ["package", "package", "report"]


def test_show_says_what_it_did_not_find(sessions: Sessions, orderbridge: Run) -> None:
    same = "303-1111111-1111111"
    store(sessions, an_order(1, external_id=same), an_order(2, external_id=same, account="us"))
    result = orderbridge("orders", "show", "303-9")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: there is no order 303-9\n"
    result = orderbridge("orders", "show", same)
    assert result.exit_code == 1
    assert "matches several orders; use one of our ids: 1, 2" in result.stderr


def test_release_writes_the_row_and_notes_who_did_it(sessions: Sessions, orderbridge: Run) -> None:
    store(sessions, a_held_order(1), an_order(2), a_held_order(3))
    before = datetime.now(UTC)
    result = orderbridge("orders", "release", "303-0000000-0000001", "2")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "303-0000000-0000001 is retried now\n2 is retried now\n"
    with sessions() as session:
        orders = session.scalars(select(Order).order_by(Order.id)).all()
        notes = session.scalars(select(Note).order_by(Note.id)).all()
    released = [order.due_at is not None and order.due_at >= before for order in orders]
    assert released == [True, True, False]
    assert orders[2].due_at == a_held_order(3).due_at
    assert [(note.order_id, note.author, note.text) for note in notes] == [
        (1, system_user(), "released"),
        (2, system_user(), "released"),
    ]


def test_release_of_what_is_not_there_or_has_ended_is_a_failure(
    sessions: Sessions, orderbridge: Run
) -> None:
    store(sessions, a_held_order(1), a_shipped_order(2))
    result = orderbridge("orders", "release", "1", "2", "303-9", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "released": ["1"],
        "not_released": {"2": "2 is neither waiting nor held", "303-9": "there is no order 303-9"},
    }


def test_release_held_begins_an_act_on_all_that_are(sessions: Sessions, orderbridge: Run) -> None:
    ids = store(
        sessions,
        a_held_order(1),
        an_order(2),
        a_held_order(3, shown=False),
        a_held_order(4, hold_code="in_magento_already"),
    )
    result = orderbridge("orders", "release", "--held")
    assert (result.exit_code, result.stdout) == (
        0,
        "Held orders to be retried: 2, five a second.\n"
        "Follow the bulk job: orderbridge bulk show 1\n",
    )
    assert json.loads(orderbridge("orders", "release", "--held", "--json").stdout) == {
        "act": 2,
        "orders": 2,
    }
    with sessions() as session:
        authors = session.scalars(select(BulkAct.author)).all()
        chosen = session.scalars(select(BulkActOrder.order_id).where(BulkActOrder.act_id == 1))
        assert sorted(chosen) == [ids[0], ids[2]]
    assert authors == [system_user()] * 2


def test_release_held_without_any_did_nothing(sessions: Sessions, orderbridge: Run) -> None:
    store(sessions, an_order(1), a_held_order(2, hold_code="in_magento_already"))
    result = orderbridge("orders", "release", "--held")
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: there is no held order that a bulk job may retry\n",
    )


def test_release_wants_either_numbers_or_all(without_database: Run) -> None:
    for words in ((), ("--held", "1")):
        result = without_database("orders", "release", *words)
        assert result.exit_code == 2
        assert "name the orders, or use --held" in result.stderr


def _ids(printed: str) -> list[int]:
    return [order["id"] for order in json.loads(printed)]
