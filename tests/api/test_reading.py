"""Orders, one order and its timeline, as another system reads them."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event, update

from pipeline.base.db import Sessions, engine_for
from pipeline.orders.tables import Attempt, Effect, EffectState, Note, Order, Status
from tests.api.conftest import System
from tests.builders import NOW, a_number, a_shipment, an_item, an_order, stored
from tests.colliding import OTHER_ACCOUNT, OTHER_SHOP, twins

HOUR = timedelta(hours=1)


def ids(system: System, **query: object) -> list[int]:
    answer = system.get("/orders", **query)
    assert answer.status_code == 200, answer.json
    assert answer.json["next"] is None
    return [order["id"] for order in answer.json["orders"]]


def shown(number: int = 0, **changes: Any) -> Order:
    values: dict[str, Any] = {"shown": True, "purchased_at": NOW - number * HOUR, **changes}
    return an_order(external_id=a_number(), **values)


def test_an_order_is_told_with_its_lines_packages_and_amounts(
    sessions: Sessions, system: System
) -> None:
    two = twins(
        sessions,
        shop="main",
        currency="EUR",
        grand_total=Decimal("20.50"),
        items=lambda: [an_item(magento_item_id=501, line_total=Decimal("20.5000"))],
        shipments=lambda: [a_shipment(71, tracking_number="T1", items={501: 1})],
    )
    order = system.get(f"/orders/{two.ours}").json
    assert order["id"] == two.ours
    assert (order["account"], order["number"]) == ("eu", two.number)
    assert order["total"] == {"amount": "20.50", "currency": "EUR"}
    (line,) = order["lines"]
    assert (line["sku"], line["quantity"]) == ("MUG-BLUE", 2)
    assert line["total"] == {"amount": "20.50", "currency": "EUR"}
    (package,) = order["packages"]
    assert (package["tracking_number"], package["magento_shipment_id"]) == ("T1", 71)
    assert package["items"] == [{"magento_item_id": 501, "quantity": 1}]
    other = system.get(f"/orders/{two.others}").json
    assert (other["id"], other["account"]) == (two.others, OTHER_ACCOUNT)
    assert other["packages"][0]["id"] != package["id"]


def test_a_held_order_tells_why_and_what_to_do(sessions: Sessions, system: System) -> None:
    order_id = stored(
        sessions,
        shown(
            status=Status.HELD,
            hold_code="sku_not_found",
            hold_reason="MUG is not in Magento's catalogue",
            hold_facts={"skus": "MUG"},
        ),
    )
    assert system.get(f"/orders/{order_id}").json["hold"] == {
        "code": "sku_not_found",
        "sentence": "MUG is not in Magento's catalogue",
        "facts": {"skus": "MUG"},
        "remedy": "Add the product to the shop, map the SKU, or correct it at Amazon.",
    }


def test_twins_are_told_apart_by_account_and_by_shop(sessions: Sessions, system: System) -> None:
    two = twins(sessions)
    with sessions() as session, session.begin():
        for order_id, shop in ((two.ours, "main"), (two.others, OTHER_SHOP)):
            session.execute(update(Order).where(Order.id == order_id).values(shop=shop))
    assert sorted(ids(system, number=two.number)) == [two.ours, two.others]
    assert ids(system, number=two.number, account="eu") == [two.ours]
    assert ids(system, number=two.number, account=OTHER_ACCOUNT) == [two.others]
    assert ids(system, shop=OTHER_SHOP) == [two.others]
    assert ids(system, number="000000900", shop="main") == [two.ours]
    assert ids(system, account="none") == []


def test_each_filter_lets_through_what_it_names(sessions: Sessions, system: System) -> None:
    held = stored(
        sessions, shown(1, status=Status.HELD, hold_code="currency", ship_by_at=NOW + HOUR)
    )
    waiting = stored(sessions, shown(2, marketplace_id="A13V1IB3VIYZZH", ship_by_at=NOW - HOUR))
    hidden = stored(sessions, shown(3, shown=False, ship_by_at=None))
    with sessions() as session, session.begin():
        session.execute(update(Order).where(Order.id == held).values(updated_at=NOW))
        session.execute(update(Order).where(Order.id == waiting).values(updated_at=NOW - HOUR))
    assert ids(system) == [held, waiting]
    assert ids(system, hidden="true") == [held, waiting, hidden]
    assert ids(system, status="held") == [held]
    assert ids(system, hold_code="currency") == [held]
    assert ids(system, hold_code="totals_differ") == []
    assert ids(system, marketplace_id="A13V1IB3VIYZZH") == [waiting]
    assert ids(system, placed_since=(NOW - HOUR).isoformat()) == [held]
    assert ids(system, changed_since=NOW.isoformat()) == [held]
    assert ids(system, ship_by_before=NOW.isoformat()) == [waiting]
    assert ids(system, sort="ship_by") == [waiting, held]
    assert ids(system, sort="placed") == [waiting, held]
    assert ids(system, sort="changed") == [waiting, held]


@pytest.mark.parametrize("sort", ["-placed", "placed", "ship_by", "changed", "-changed"])
def test_pages_follow_each_other_without_gap_or_repeat(
    sessions: Sessions, system: System, sort: str
) -> None:
    """Orders of one time, and orders without one, are all there once."""
    for number in range(7):
        is_known = number < 4
        stored(
            sessions,
            shown(
                number // 3,
                ship_by_at=NOW if is_known else None,
                **({} if is_known else {"purchased_at": None}),
            ),
        )
    whole = ids(system, sort=sort)
    assert len(whole) == 7
    read: list[int] = []
    query: dict[str, object] = {"sort": sort, "limit": 2}
    for _ in range(4):
        answer = system.get("/orders", **query).json
        read += [order["id"] for order in answer["orders"]]
        query["cursor"] = answer["next"]
    assert query["cursor"] is None
    assert read == whole


def test_a_cursor_is_bound_to_its_list(sessions: Sessions, system: System) -> None:
    for number in range(3):
        stored(sessions, shown(number))
    cursor = system.get("/orders", limit=1).json["next"]
    assert system.get("/orders", limit=2, cursor=cursor).status_code == 200
    for wrong in (
        {"cursor": cursor, "sort": "placed"},
        {"cursor": cursor, "account": "eu"},
        {"cursor": cursor[:-2]},
        {"cursor": "x"},
        {"cursor": "ä"},
        {"cursor": "===="},
    ):
        refused = system.get("/orders", **wrong)
        assert (refused.status_code, refused.json["code"]) == (400, "cursor_unusable")


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"limit": 201}, "limit"),
        ({"limit": 0}, "limit"),
        ({"status": "lost"}, "status"),
        ({"sort": "total"}, "sort"),
        ({"changed_since": "2026-01-01"}, "changed_since"),
        ({"changed_since": "1700000000"}, "changed_since"),
        ({"changed_since": "2026-01-01T00:00:00"}, "changed_since"),
        ({"number": "a\0b"}, "number"),
        ({"acount": "eu"}, "acount"),
    ],
)
def test_what_cannot_be_read_is_named(system: System, query: dict[str, object], where: str) -> None:
    refused = system.get("/orders", **query)
    assert (refused.status_code, refused.mimetype) == (422, "application/problem+json")
    assert [mistake["where"] for mistake in refused.json["mistakes"]] == [where]


def test_a_page_asks_the_database_a_fixed_number_of_times(
    sessions: Sessions, system: System, database_url: str
) -> None:
    for number in range(20):
        stored(sessions, shown(number))
    seen: list[str] = []
    engine = engine_for(database_url)

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if "orders" in statement:
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        for limit in (2, 20):
            seen.clear()
            assert len(system.get("/orders", limit=limit).json["orders"]) == limit
            assert len(seen) <= 2
            assert not any("count(" in statement for statement in seen)
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_the_timeline_has_milestones_and_attempts_and_nothing_that_people_wrote(
    sessions: Sessions, system: System
) -> None:
    two = twins(
        sessions,
        purchased_at=NOW - 5 * HOUR,
        created_at=NOW - 4 * HOUR,
        shipments=lambda: [
            a_shipment(71, shipped_at=NOW - 2 * HOUR, confirmation="accepted", confirmed_at=NOW)
        ],
    )
    for order_id in (two.ours, two.others):
        with sessions() as session, session.begin():
            session.add(
                Attempt(
                    order_id=order_id,
                    step="create_order",
                    task_id="t",
                    worker="w",
                    started_at=NOW - 3 * HOUR,
                    ended_at=NOW - 3 * HOUR,
                    outcome="wait",
                    code="timeout",
                    detail="Berta Buyer is unknown",
                )
            )
            session.add(
                Effect(
                    order_id=order_id,
                    key=f"order:{order_id}",
                    kind="order",
                    state=EffectState.DONE,
                    intended_at=NOW - 3 * HOUR,
                    ended_at=NOW - 3 * HOUR,
                    remote_id="900",
                )
            )
            session.add(Note(order_id=order_id, at=NOW, author="anna", text="ask Berta Buyer"))
    told = system.get(f"/orders/{two.ours}/timeline").json
    assert [(each["name"], each["at"][11:16]) for each in told["milestones"]] == [
        ("placed_by_buyer", "07:00"),
        ("imported", "08:00"),
        ("placed_in_magento", "09:00"),
        ("shipped", "10:00"),
        ("confirmed", "12:00"),
    ]
    assert [each["kind"] for each in told["events"]].count("attempt") == 1
    assert {each["code"] for each in told["events"]} == {"timeout", ""}
    assert not told["is_cut"]
    written = json.dumps(told)
    assert "Berta" not in written
    assert "anna" not in written


def test_nothing_of_the_buyer_leaves(sessions: Sessions, system: System) -> None:
    order_id = stored(sessions, shown())
    answers = [system.get(path).text for path in ("/orders", f"/orders/{order_id}")]
    answers.append(system.get(f"/orders/{order_id}/timeline").text)
    for word in ("Berta", "Karla", "Lieferweg", "20095", "marketplace.example", "initials"):
        assert not any(word in answer for answer in answers)


def test_an_unknown_order_and_path_and_method_are_problems(system: System) -> None:
    for path in ("/orders/1", "/orders/1/timeline"):
        missing = system.get(path)
        assert (missing.status_code, missing.json["code"]) == (404, "no_such_order")
    assert system.get("/nothing").mimetype == "application/problem+json"
    wrong = system.post("/orders", {})
    assert (wrong.status_code, wrong.mimetype) == (405, "application/problem+json")
    assert "GET" in wrong.headers["Allow"]
    assert system.get("/orders/0").status_code == 422
    assert system.get(f"/orders/{2**63}").status_code == 422


def test_the_health_is_that_of_the_page(system: System) -> None:
    health = system.get("/health").json
    assert [account["name"] for account in health["accounts"]] == ["eu", OTHER_ACCOUNT]
    assert [shop["name"] for shop in health["shops"]] == ["main", OTHER_SHOP]
    assert "beat" in [problem["key"] for problem in health["problems"]]
    assert not health["is_well"]
