"""A corpus of credit memos: the message that each becomes, to the cent, or why it is held."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipeline.refunds.mapping import plan_refund
from pipeline.refunds.messages import NotSendable, RefundMessage
from tests.refunds.corpus import MEMO_ID, MEMOS, the_given, the_memo, the_order, the_rules

SENT = [entry for entry in MEMOS if "sent" in entry]
HELD = [entry for entry in MEMOS if "held" in entry]


def name_of(entry: dict[str, Any]) -> str:
    return str(entry["name"])


def planned(entry: dict[str, Any]) -> RefundMessage | NotSendable:
    order = the_order(entry["order"])
    return plan_refund(the_memo(entry, order), order, the_given(entry), the_rules(entry))


def test_every_memo_is_sent_or_held() -> None:
    assert len(SENT) + len(HELD) == len(MEMOS) >= 40
    assert len({name_of(entry) for entry in MEMOS}) == len(MEMOS)


@pytest.mark.parametrize("entry", SENT, ids=name_of)
def test_a_memo_that_is_sent(entry: dict[str, Any]) -> None:
    message = planned(entry)
    assert isinstance(message, RefundMessage), message
    assert {
        item.item_id: {kind.value: amount for kind, amount in item.amounts.items()}
        for item in message.items
    } == {
        item_id: {kind: Decimal(amount) for kind, amount in amounts.items()}
        for item_id, amounts in entry["sent"].items()
    }
    assert message.by_amazon == Decimal(entry.get("by_amazon", 0))
    assert message.rounding == Decimal(entry.get("rounding", 0))
    total = Decimal(entry["grand_total"])
    assert message.total + message.by_amazon + message.rounding == total
    assert message.reason == entry.get("reason", message.reason)
    assert all(item.reference.startswith(f"cm-{MEMO_ID}-") for item in message.items)


@pytest.mark.parametrize("entry", HELD, ids=name_of)
def test_a_memo_that_is_held(entry: dict[str, Any]) -> None:
    held = planned(entry)
    assert isinstance(held, NotSendable), held
    assert (held.code, held.is_final) == (entry["held"], entry.get("is_final", False))
    assert held.sentence
