"""What the planning of a stored memo adds to the pure one."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipeline.amazon.parsing import parse
from pipeline.intake.own_memos import OwnMemos
from pipeline.intake.tables import Refund
from pipeline.orders.amounts import Amounts, LineAmounts
from pipeline.refunds.messages import NotSendable, RefundHold, RefundMessage
from pipeline.refunds.planning import plan
from pipeline.refunds.refund_file import RefundFile
from pipeline.refunds.tables import AmazonRefund
from pipeline.settings.marketplace import MarketplaceSettings
from tests.amazon.orders import an_order
from tests.builders import an_item
from tests.refunds.rig import ITEM, Rig


def planned(rig: Rig, paid: str, currency: str) -> RefundMessage | NotSendable:
    """The message for all of an order's item, for which the buyer paid so much."""
    order = rig.order(currency=currency, items=[an_item(external_item_id=ITEM, quantity=1)])
    memo_id = rig.memo(order.id, paid)
    with rig.sessions() as session:
        memo = session.get_one(Refund, memo_id)
        memo.currency = currency
        row = AmazonRefund(memo_id=memo.magento_creditmemo_id)
        file = RefundFile(row, memo, order, [], {}, OwnMemos(), None, None)
        lines = {ITEM: LineAmounts(row_net=Decimal(paid))}
        amounts = Amounts(currency, Decimal(paid), lines)
        return plan(file, amounts, parse(an_order()), [], MarketplaceSettings())


def test_an_amount_that_the_feed_cannot_write_is_held(rig: Rig) -> None:
    held = planned(rig, "10.123", "KWD")
    assert isinstance(held, NotSendable)
    assert (held.code, held.is_final) == (RefundHold.AMOUNTS_UNCLEAR, False)
    assert "more than two decimals" in held.sentence


@pytest.mark.parametrize(("paid", "currency"), [("10.120", "KWD"), ("1099", "JPY")])
def test_other_currencies_are_planned(rig: Rig, paid: str, currency: str) -> None:
    message = planned(rig, paid, currency)
    assert isinstance(message, RefundMessage)
    assert message.total == Decimal(paid)
