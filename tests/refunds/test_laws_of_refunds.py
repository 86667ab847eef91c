"""Laws that hold for every credit memo: no money is lost, and no component exceeds its rest."""

from __future__ import annotations

from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from random import Random

import pytest

from pipeline.amazon.refund_documents import ComponentType, write
from pipeline.base.money import ZERO, minor_unit
from pipeline.intake.memo_facts import MemoFacts, MemoLine
from pipeline.refunds.balances import Balances
from pipeline.refunds.mapping import plan_refund
from pipeline.refunds.messages import (
    Given,
    NotSendable,
    OrderPaid,
    Paid,
    PaidItem,
    RefundHold,
    RefundMessage,
    RefundRules,
    Slot,
    TaxMode,
    given_by,
)
from pipeline.refunds.rounding import in_proportion, largest_remainder
from tests.builders import NOW

MODES = (TaxMode.INSIDE, TaxMode.ON_TOP, TaxMode.BY_AMAZON)


def an_order(chance: Random) -> OrderPaid:
    currency = chance.choice(["EUR", "USD", "JPY"])
    minor, mode = minor_unit(currency), chance.choice(MODES)

    def paid(most: int) -> Paid:
        net = chance.randint(0, most) * minor
        return Paid(net, (net * Decimal("0.19")).quantize(minor, ROUND_HALF_UP))

    items = tuple(
        PaidItem(
            item_id=f"I{place}",
            sku=f"SKU-{place}",
            quantity=chance.randint(1, 4),
            paid={Slot.GOODS: paid(9_000), Slot.SHIPPING: paid(900)},
            tax_mode=mode,
        )
        for place in range(1, chance.randint(1, 3) + 1)
    )
    return OrderPaid("302-5550001-5550001", currency, items)


def a_memo(chance: Random, order: OrderPaid, units: Counter[str], memo_id: int) -> MemoFacts:
    """A memo as the shop makes it: shares of what was invoiced, the last units take the rest."""
    minor = minor_unit(order.currency)
    lines = []
    for item in order.items:
        left = item.quantity - units[item.item_id]
        count = chance.choice([0, left, chance.randint(0, left)])
        if not count:
            continue
        goods = item.of(Slot.GOODS)
        net, tax = (
            (amount * count / item.quantity).quantize(minor, ROUND_HALF_UP)
            for amount in (goods.net, goods.tax)
        )
        lines.append(MemoLine(item.item_id, item.sku, Decimal(count), net + tax, tax=tax, row=net))
        units[item.item_id] += count
    shipping, shipping_tax = ZERO, ZERO
    if chance.random() < 0.5:
        part = Decimal(chance.choice([1, 2])) / 2
        paid = [item.of(Slot.SHIPPING) for item in order.items]
        shipping_tax = (sum((each.tax for each in paid), ZERO) * part).quantize(minor)
        shipping = (sum((each.net for each in paid), ZERO) * part).quantize(minor) + shipping_tax
    positive = chance.choice([ZERO, ZERO, ZERO, minor * chance.randint(1, 500)])
    negative = chance.choice([ZERO, ZERO, ZERO, minor * chance.randint(1, 500)])
    subtotal = sum((line.row for line in lines), ZERO)
    tax = sum((line.tax for line in lines), shipping_tax)
    return MemoFacts(
        memo_id=memo_id,
        created_at=NOW,
        currency=order.currency,
        grand_total=subtotal + shipping - shipping_tax + tax + positive - negative,
        lines=tuple(lines),
        shipping=shipping,
        shipping_tax=shipping_tax,
        subtotal=subtotal,
        tax=tax,
        adjustment_positive=positive,
        adjustment_negative=negative,
        state=2,
    )


@pytest.mark.parametrize("block", range(8))
def test_sums_match_and_no_component_exceeds_its_balance(block: int) -> None:
    """Several memos of an order, one after the other, until nothing is left."""
    seen: Counter[str] = Counter()
    for seed in range(block * 250, (block + 1) * 250):
        chance = Random(seed)  # noqa: S311
        order, rules = an_order(chance), RefundRules(spread_adjustments=chance.random() < 0.5)
        given: list[Given] = []
        units: Counter[str] = Counter()
        for memo_id in range(1, 5):
            memo = a_memo(chance, order, units, memo_id)
            before = Balances(order, given, rules)
            outcome = plan_refund(memo, order, given, rules)
            if isinstance(outcome, NotSendable):
                seen[outcome.code] += 1
                continue
            seen["sent"] += 1
            check(outcome, memo, before, order)
            given += given_by(outcome.body())
        check_all(given, order)
    # The generator reaches what it is to prove.
    assert seen["sent"] > 200
    assert seen[RefundHold.OVER_BALANCE] > 10
    assert RefundHold.MEMO_UNCLEAR not in seen


def check(message: RefundMessage, memo: MemoFacts, before: Balances, order: OrderPaid) -> None:
    minor = minor_unit(order.currency)
    assert message.total > ZERO
    assert message.total + message.by_amazon + message.rounding == memo.grand_total
    amounts = [amount for item in message.items for amount in item.amounts.values()]
    assert abs(message.rounding) <= minor * (len(amounts) + 1)
    for item in message.items:
        for kind, amount in item.amounts.items():
            assert ZERO < amount <= before.left[item.item_id][kind]
            assert amount % minor == ZERO
    assert write("A1SELLER", [(1, message.body())])


def check_all(given: list[Given], order: OrderPaid) -> None:
    """Everything that was ever given is at most what was paid."""
    for item in order.items:
        for slot, price, tax in (
            (Slot.GOODS, ComponentType.PRINCIPAL, ComponentType.TAX),
            (Slot.SHIPPING, ComponentType.SHIPPING, ComponentType.SHIPPING_TAX),
        ):
            back = sum(
                (
                    part.amount
                    for part in given
                    if item.item_id in part.item_ids and part.component in (price, tax)
                ),
                ZERO,
            )
            assert back <= item.of(slot).net + item.of(slot).tax


def test_the_generator_is_the_same_each_time() -> None:
    orders = [an_order(Random(7)) for _ in range(2)]  # noqa: S311
    assert orders[0] == orders[1]


def test_shares_sum_to_the_whole_and_differ_by_less_than_a_minor_unit() -> None:
    for seed in range(500):
        chance = Random(seed)  # noqa: S311
        minor = chance.choice([Decimal(1), Decimal("0.01"), Decimal("0.001")])
        total = minor * chance.randint(1, 10_000)
        weights = [Decimal(chance.randint(0, 50)) for _ in range(chance.randint(1, 9))] + [
            Decimal(1)
        ]
        exact = in_proportion(total, weights)
        shares = largest_remainder(exact, total, minor)
        assert sum(shares) == total
        for share, each in zip(shares, exact, strict=True):
            assert abs(share - each) < minor
            assert share % minor == ZERO


def test_the_largest_remainders_get_the_cents_and_of_equal_ones_the_first() -> None:
    cent = Decimal("0.01")
    third = [Decimal("3.333"), Decimal("3.333"), Decimal("3.334")]
    assert largest_remainder(third, Decimal("10.00"), cent) == [
        Decimal("3.33"),
        Decimal("3.33"),
        Decimal("3.34"),
    ]
    equal = [Decimal("0.005")] * 2
    assert largest_remainder(equal, cent, cent) == [cent, ZERO]
    with pytest.raises(ValueError, match="do not sum"):
        largest_remainder([Decimal("1.00")], Decimal("1.01"), cent)
    with pytest.raises(ValueError, match="over nothing"):
        in_proportion(cent, [ZERO])
