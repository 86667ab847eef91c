"""`orderbridge orders money`."""

from __future__ import annotations

import json
from dataclasses import replace

from pipeline.base.db import Sessions
from pipeline.finances.store import Transactions
from tests.builders import NOW, an_order, stored
from tests.cli.conftest import Run
from tests.finances.test_order_money import AMERICAN_REFUND, read


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
