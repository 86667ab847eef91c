"""`orderbridge orders money`."""

from __future__ import annotations

import json
from dataclasses import replace

from pipeline.base.db import Sessions
from pipeline.finances.store import Transactions
from tests.builders import NOW, an_order, stored
from tests.cli.conftest import Run
from tests.finances.test_order_money import AMERICAN_REFUND, read
from tests.finances.test_recent_sums import SALE, of


def test_an_order_without_money_is_told_so(sessions: Sessions, orderbridge: Run) -> None:
    order = an_order()
    number = order.external_id
    stored(sessions, order)
    assert "Amazon has shown no money" in orderbridge("orders", "money", number).output
    said = orderbridge("orders", "money", number, "--json")
    assert json.loads(said.output) == {"order": number, "money": []}


def test_the_money_of_an_order_is_shown_to_the_cent(sessions: Sessions, orderbridge: Run) -> None:
    order = an_order()
    account, number = order.account, order.external_id
    stored(sessions, order)
    [refund] = read(AMERICAN_REFUND)
    ours = replace(refund, identifiers={"ORDER_ID": number})
    Transactions(sessions).store(account, [ours], NOW)
    shown = orderbridge("orders", "money", number).output
    assert "refunded to the buyer" in shown
    assert "-43.30 USD" in shown
    assert "-35.20 USD" in shown
    [sums] = json.loads(orderbridge("orders", "money", number, "--json").output)["money"]
    assert (sums["refunds"], sums["net"]) == (-43.3, -35.2)


def test_amounts_with_unknown_names_are_listed(sessions: Sessions, orderbridge: Run) -> None:
    order = an_order()
    account, number = order.account, order.external_id
    stored(sessions, order)
    for own in (account, "na"):
        odd = of(*SALE, ("Surprises", "NewLevy", "-1.10"), ("", "NewLevy", "-0.20"), number=number)
        Transactions(sessions).store(own, [odd], NOW)
    shown = orderbridge("orders", "money", number).output
    assert "other amounts" in shown
    assert "  NewLevy, 2 of this name" in shown
    assert "-1.30 EUR" in shown
    [sums] = json.loads(orderbridge("orders", "money", number, "--json").output)["money"]
    assert sums["unknown"] == [{"name": "NewLevy", "number": 2, "total": -1.3}]
    assert sums["other"] == -1.3
