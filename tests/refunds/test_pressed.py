"""A message goes out as it was chosen: any other is asked for again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from pipeline.amazon.refund_documents import ComponentType
from pipeline.refunds.messages import AdjustedItem, RefundMessage
from pipeline.refunds.pressed import change_since
from pipeline.refunds.tables import AmazonRefund

FIVE, TEN = Decimal("5.00"), Decimal("10.00")
PRINCIPAL, SHIPPING = ComponentType.PRINCIPAL, ComponentType.SHIPPING
ITEM = AdjustedItem("I1", "cm-7-1", {PRINCIPAL: TEN}, Decimal(1))
MESSAGE = RefundMessage("302-5550001-5550001", "EUR", "CustomerReturn", (ITEM,))


def chosen(by: str | None) -> AmazonRefund:
    return AmazonRefund(total=MESSAGE.total, body=MESSAGE.body(), decided_by=by)


def with_items(*items: AdjustedItem) -> RefundMessage:
    return replace(MESSAGE, items=items)


OTHERS = {
    "item": with_items(replace(ITEM, item_id="I2")),
    "two items": with_items(
        replace(ITEM, amounts={PRINCIPAL: FIVE}),
        AdjustedItem("I2", "cm-7-2", {PRINCIPAL: FIVE}),
    ),
    "component": with_items(replace(ITEM, amounts={SHIPPING: TEN})),
    "two components": with_items(replace(ITEM, amounts={PRINCIPAL: FIVE, SHIPPING: FIVE})),
    "units": with_items(replace(ITEM, units=Decimal(2))),
    "reason": replace(MESSAGE, reason="DifferentItem"),
}


@pytest.mark.parametrize("message", OTHERS.values(), ids=OTHERS)
def test_another_message_of_the_same_amount_is_not_the_one_that_a_person_chose(
    message: RefundMessage,
) -> None:
    assert message.total == MESSAGE.total
    assert change_since(chosen("otto"), message) == (
        "its items, their parts or its reason have changed since it was chosen"
    )
    assert change_since(chosen(None), message) is None


def test_another_amount_is_asked_for_whoever_chose() -> None:
    less = with_items(replace(ITEM, amounts={PRINCIPAL: FIVE}))
    sentence = "its amount has changed since it was chosen"
    assert {change_since(chosen(by), less) for by in ("otto", None)} == {sentence}


def test_the_same_message_goes_out_however_its_amounts_are_written() -> None:
    written = with_items(replace(ITEM, amounts={PRINCIPAL: Decimal(10)}, units=Decimal("1.0000")))
    assert change_since(chosen("otto"), written) is None
