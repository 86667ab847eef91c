"""What orders become in the shop, to the piece: the tables of its stock, read at the stand-in."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.base.db import Sessions
from pipeline.orders.outcome import Cancelled, Done
from tests.magento.standing_in import StandIn, client_of
from tests.tasks.as_run import create_order, enrich_order
from tests.tasks.placed import Place, a_line

LINES = (a_line("I1", "A", 3), a_line("I2", "B", 2))

Levels = dict[str, tuple[int, ...]]
BEFORE: Levels = {"A": (100, 0, 100), "B": (10, 0, 10)}
RESERVED: Levels = {"A": (100, -3, 97), "B": (10, -2, 8)}


@pytest.fixture
def shop(one_shop: StandIn) -> StandIn:
    """A shop that sells 100 A and 10 B."""
    one_shop.tell("reset")
    one_shop.tell("products", sku="A", qty=100)
    one_shop.tell("products", sku="B", qty=10)
    return one_shop


def levels(shop: StandIn) -> Levels:
    """Source, sum of reservations and salable of each product."""
    return {sku: tuple(int(level) for level in shop.stock(sku)) for sku in ("A", "B")}


def the_order(shop: StandIn) -> Any:
    (order,) = shop.ask("orders")
    return order


def placed(shop: StandIn, sessions: Sessions, **changes: Any) -> Place:
    place = Place(shop, sessions, changes.pop("lines", LINES), **changes)
    assert place.run()[0] == Done()
    return place


def test_stock_is_taken_once_from_the_order_to_its_last_parcel(
    shop: StandIn, sessions: Sessions
) -> None:
    placed(shop, sessions)
    order = the_order(shop)
    assert (order["state"], order["invoice_total"], levels(shop)) == ("processing", 50, RESERVED)
    shop.tell("ship", entity_id=order["entity_id"], items=[{"sku": "A", "qty": 1}])
    assert levels(shop) == {"A": (99, -2, 97), "B": (10, -2, 8)}
    shop.tell("ship", entity_id=order["entity_id"])
    assert (the_order(shop)["state"], levels(shop)) == (
        "complete",
        {"A": (97, 0, 97), "B": (8, 0, 8)},
    )


@pytest.mark.parametrize(("invoice", "state"), [("leave", "canceled"), ("create", "closed")])
def test_an_order_that_is_cancelled_gives_its_stock_back(
    shop: StandIn, sessions: Sessions, invoice: str, state: str
) -> None:
    place = placed(shop, sessions, settings={"invoice": invoice})
    assert levels(shop) == RESERVED
    place.status = "CANCELLED"
    assert place.run()[0] == Cancelled("cancelled on Amazon and in Magento")
    assert (the_order(shop)["state"], levels(shop)) == (state, BEFORE)


def test_what_had_left_in_part_is_reserved_for_the_rest_alone(
    shop: StandIn, sessions: Sessions
) -> None:
    lines = (a_line("I1", "A", 3, fulfilled=1), a_line("I2", "B", 2, fulfilled=2))
    placed(shop, sessions, lines=lines, status="PARTIALLY_SHIPPED")
    order = the_order(shop)
    assert [item["qty_shipped"] for item in order["items"]] == [1, 2]
    assert (order["state"], levels(shop)) == (
        "processing",
        {"A": (100, -2, 98), "B": (10, 0, 10)},
    )
    shop.tell("ship", entity_id=order["entity_id"])
    assert (the_order(shop)["state"], levels(shop)) == (
        "complete",
        {"A": (98, 0, 98), "B": (10, 0, 10)},
    )


@pytest.mark.parametrize("fulfilled_by", ["AMAZON", "MERCHANT"])
def test_what_had_left_is_complete_and_no_credit_memo_moves_its_stock(
    shop: StandIn, sessions: Sessions, fulfilled_by: str
) -> None:
    placed(shop, sessions, status="SHIPPED", fulfilled_by=fulfilled_by)
    order = the_order(shop)
    assert (order["state"], order["total_paid"], levels(shop)) == ("complete", 50, BEFORE)
    first = order["items"][0]["item_id"]
    shop.rest(
        "POST",
        f"/order/{order['entity_id']}/refund",
        {"items": [{"order_item_id": first, "qty": 1}], "notify": False},
    )
    (memo,) = shop.rest("GET", "/creditmemos?searchCriteria=")["items"]
    assert (memo["grand_total"], levels(shop)) == (10, BEFORE)
    assert the_order(shop)["state"] == "complete"


def test_lines_of_the_catalogue_keep_their_product(shop: StandIn, sessions: Sessions) -> None:
    settings = {"fba_lines": "catalogue"}
    placed(shop, sessions, status="SHIPPED", fulfilled_by="AMAZON", settings=settings)
    order = the_order(shop)
    assert [(item["sku"], bool(item["product_id"])) for item in order["items"]] == [
        ("A", True),
        ("B", True),
    ]
    assert (order["state"], levels(shop)) == ("complete", BEFORE)


def free(item_id: str, sku: str, quantity: int) -> dict[str, Any]:
    """A line of a replacement, for which nobody pays."""
    nothing = {"amount": "0.00", "currencyCode": "EUR"}
    line = a_line(item_id, sku, quantity)
    line["product"] |= {"price": {"unitPrice": nothing}}
    line["proceeds"] = {
        "proceedsTotal": nothing,
        "breakdowns": [{"type": "ITEM", "subtotal": nothing}],
    }
    return line


def test_a_replacement_without_a_price_is_shipped_like_any_order(
    shop: StandIn, sessions: Sessions
) -> None:
    placed(shop, sessions, lines=(free("I1", "A", 3), free("I2", "B", 2)))
    order = the_order(shop)
    assert (order["state"], order["invoices"], levels(shop)) == ("processing", 1, RESERVED)
    shop.tell("ship", entity_id=order["entity_id"])
    assert (the_order(shop)["state"], levels(shop)["A"]) == ("complete", (97, 0, 97))


def test_a_replacement_that_had_left_is_complete(shop: StandIn, sessions: Sessions) -> None:
    placed(shop, sessions, lines=(free("I1", "A", 3),), status="SHIPPED", fulfilled_by="AMAZON")
    order = the_order(shop)
    assert (order["state"], order["invoices"], levels(shop)) == ("complete", 1, BEFORE)


@pytest.mark.parametrize("stock", ["server", "none"])
def test_otherwise_the_order_is_made_at_once_and_reserves_nothing(
    shop: StandIn, sessions: Sessions, stock: str
) -> None:
    placed(shop, sessions, settings={"stock": stock})
    assert (the_order(shop)["state"], levels(shop)) == ("processing", BEFORE)
    assert shop.answered("cancel_order") == {}


def test_an_open_order_has_the_operators_status_until_it_is_complete(
    shop: StandIn, sessions: Sessions
) -> None:
    _, order = Place(shop, sessions, LINES, settings={"order_status": "amazon_open"}).run()
    there = the_order(shop)
    assert (there["state"], there["status"], there["total_paid"]) == (
        "processing",
        "amazon_open",
        50,
    )
    assert (order.magento_state, order.magento_status) == ("processing", "amazon_open")
    kept = shop.rest("GET", f"/orders/{there['entity_id']}")
    assert kept["extension_attributes"]["payment_additional_info"]
    shop.tell("ship", entity_id=there["entity_id"], items=[{"sku": "A", "qty": 1}])
    assert the_order(shop)["status"] == "amazon_open"
    shop.tell("ship", entity_id=there["entity_id"])
    there = the_order(shop)
    assert (there["state"], there["status"], levels(shop)["A"]) == (
        "complete",
        "complete",
        (97, 0, 97),
    )


def test_a_status_whose_answer_was_lost_is_given_once(shop: StandIn, sessions: Sessions) -> None:
    place = Place(shop, sessions, LINES, settings={"order_status": "amazon_open"})
    shop.tell("faults", kind="cut_after", route="create_order", contains="amazon_open")
    assert place.through()[0] == Done()
    assert the_order(shop)["status"] == "amazon_open"
    assert shop.answered("create_order") == {"create_order": 3}


def test_an_ordinary_order_costs_seven_calls(shop: StandIn, sessions: Sessions) -> None:
    ordinary: dict[str, Any] = {
        "client": client_of(shop.url),
        "steps": (enrich_order, create_order),
    }
    # The first one reads what the client keeps: store views, the stock and a country's regions.
    placed(shop, sessions, **ordinary)
    before = shop.answered()
    placed(shop, sessions, **ordinary)
    after = shop.answered()
    calls = {one: after[one] - before.get(one, 0) for one in after if after[one] != before.get(one)}
    print(f"an ordinary order: {sum(calls.values())} calls of Magento, {calls}")  # noqa: T201
    assert calls == {
        "products": 1,  # shared with the other orders of a page
        "salable_for_quantities": 1,
        "create_order": 2,
        "cancel_order": 1,
        "invoice": 1,
        "order": 1,  # "true" is no proof that it is reserved; the save's reply shows it open
    }
    assert sum(calls.values()) <= 8
    assert levels(shop) == {"A": (100, -6, 94), "B": (10, -4, 6)}
