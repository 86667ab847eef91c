"""`orderbridge refunds made` and `settle`."""

from __future__ import annotations

import json

from pipeline.base.db import Sessions
from pipeline.refunds.made_at_amazon_tables import MadeAtAmazon
from tests.builders import an_order, stored
from tests.cli.conftest import Run
from tests.console.test_made_at_amazon import SENTENCE, compare

NUMBER = "302-5550001-5550001"


def refunded(sessions: Sessions, account: str) -> int:
    order_id = stored(sessions, an_order(account=account, external_id=NUMBER))
    compare(sessions, order_id)
    return order_id


def test_orders_of_two_accounts_with_one_number_are_listed_and_settled_apart(
    sessions: Sessions, orderbridge: Run
) -> None:
    none = orderbridge("refunds", "made")
    assert (none.exit_code, none.stdout) == (1, "No refund at Amazon needs a person.\n")
    nothing = orderbridge("refunds", "made", "--json")
    assert (nothing.exit_code, nothing.stdout) == (1, "[]\n")
    mine, other = refunded(sessions, "eu"), refunded(sessions, "us")
    listed = json.loads(orderbridge("refunds", "made", "--json").stdout)
    assert [(one["id"], one["order"]) for one in listed] == [(mine, NUMBER), (other, NUMBER)]
    assert SENTENCE in orderbridge("refunds", "made").stdout
    assert orderbridge("refunds", "settle", str(mine)).exit_code == 0
    (left,) = json.loads(orderbridge("refunds", "made", "--json").stdout)
    assert left["id"] == other
    with sessions() as session:
        assert session.get_one(MadeAtAmazon, mine).dismissed is not None
        assert session.get_one(MadeAtAmazon, other).dismissed is None
    again = orderbridge("refunds", "settle", str(mine))
    assert again.exit_code == 1
    assert "o refund at Amazon needs a person" in again.stderr


def test_an_order_shows_each_refund_with_what_was_done_about_it(
    sessions: Sessions, orderbridge: Run
) -> None:
    order_id = refunded(sessions, "eu")
    (one,) = json.loads(orderbridge("refunds", "made", NUMBER, "--json").stdout)
    assert (one["at_amazon"], one["in_shop"], one["needs_person"]) == (15.0, 3.0, True)
    assert [(r["refund"], r["memo"], r["booked"]) for r in one["refunds"]] == [
        ("R-1", None, 0.0),
        ("R-2", "77", 3.0),
    ]
    printed = orderbridge("refunds", "made", str(order_id)).stdout
    assert "R-1  12.00 EUR  noted" in printed
    assert "R-2  3.00 EUR  credit memo 77 over 3.00" in printed
    settled = json.loads(orderbridge("refunds", "settle", NUMBER, "--json").stdout)
    assert settled == {"order": NUMBER, "done": "settled"}
