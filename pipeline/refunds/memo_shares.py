"""What a credit memo gives back for each item: goods, gift wrap and its part of the shipping. Pure.

The shares are exact, and become whole minor units later. The memo's own figures must add up first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from pipeline.base.money import ZERO, minor_unit
from pipeline.intake.memo_facts import MemoFacts, MemoLine
from pipeline.magento.order.charges import GIFT_WRAP_SKU
from pipeline.refunds.balances import Balances
from pipeline.refunds.messages import Held, OrderPaid, Paid, PaidItem, RefundHold, Slot
from pipeline.refunds.rounding import in_proportion


@dataclass(frozen=True, slots=True)
class Share:
    """What the memo gives back of a slot of an item; `total` includes `tax`.

    `units` are the units of goods taken back.
    """

    item_id: str
    slot: Slot
    total: Decimal
    tax: Decimal
    units: Decimal = ZERO


def shares(memo: MemoFacts, order: OrderPaid, balances: Balances) -> list[Share]:
    """The memo without its adjustment, by item and slot. Raises Held."""
    _check_sums(memo)
    items = {item.item_id: item for item in order.items}
    goods: dict[str, list[MemoLine]] = {}
    wraps: dict[str, list[MemoLine]] = {}
    for line in memo.lines:
        if line.item_id in items:
            goods.setdefault(line.item_id, []).append(line)
        elif line.sku == GIFT_WRAP_SKU and line.total:
            wraps.setdefault(_wrapped(line, order).item_id, []).append(line)
        elif line.total:
            raise Held(
                RefundHold.OTHER_LINE,
                f"the line {line.sku or 'without a SKU'} is no item of Amazon's order",
                sku=line.sku,
                total=line.total,
            )
    found: list[Share] = []
    for item in order.items:
        share = _summed(item, Slot.GOODS, goods.get(item.item_id, ()))
        found += _apart(item, share) if order.wrap_is_in_price else [share]
        found.append(_summed(item, Slot.GIFT_WRAP, wraps.get(item.item_id, ())))
    found += _shipping(memo, order, balances)
    return [share for share in found if share.total or share.units]


def _check_sums(memo: MemoFacts) -> None:
    """Raise Held unless the memo's lines, shipping and adjustment are its total.

    A gift card, store credit or a fixed product tax is in the total, and in none of them.
    """
    minor = minor_unit(memo.currency)
    lines = sum((line.row for line in memo.lines), ZERO)
    taxes = sum((line.tax for line in memo.lines), memo.shipping_tax)
    parts = sum((line.total for line in memo.lines), ZERO) + memo.shipping_total + memo.adjustment
    for name, said, summed in (
        ("subtotal", memo.subtotal, lines),
        ("tax", memo.tax, taxes),
        ("grand total", memo.grand_total, parts),
    ):
        if abs(said - summed) >= minor:
            raise Held(
                RefundHold.MEMO_UNCLEAR,
                f"the credit memo's parts sum to {summed:f}, and its {name} is {said:f}",
                sum=summed,
                said=said,
            )
    odd = [
        line.sku for line in memo.lines if line.total < ZERO or not ZERO <= line.tax <= line.total
    ]
    if memo.shipping_total < ZERO or not ZERO <= memo.shipping_tax <= memo.shipping_total:
        odd.append("shipping")
    if odd:
        raise Held(
            RefundHold.MEMO_UNCLEAR,
            f"a line of the credit memo is below zero, or its tax exceeds it: {', '.join(odd)}",
        )


def _wrapped(line: MemoLine, order: OrderPaid) -> PaidItem:
    """The item that this gift wrap belongs to. Raises Held."""
    wrapped = [item for item in order.items if _gross(item.of(Slot.GIFT_WRAP)) > ZERO]
    if len(wrapped) > 1:
        # The importer names the line after its item's SKU.
        wrapped = [item for item in wrapped if line.name == f"Gift wrap for {item.sku}"]
    if len(wrapped) != 1:
        raise Held(
            RefundHold.GIFT_WRAP_UNCLEAR,
            "several items or none can have had this gift wrap",
            total=line.total,
        )
    return wrapped[0]


def _summed(item: PaidItem, slot: Slot, lines: Sequence[MemoLine]) -> Share:
    return Share(
        item.item_id,
        slot,
        total=sum((line.total for line in lines), ZERO),
        tax=sum((line.tax for line in lines), ZERO),
        units=sum((line.quantity for line in lines), ZERO) if slot is Slot.GOODS else ZERO,
    )


def _apart(item: PaidItem, share: Share) -> list[Share]:
    """Goods and gift wrap of a row that includes both, in the proportion that was paid."""
    paid = [item.of(Slot.GOODS), item.of(Slot.GIFT_WRAP)]
    if not _gross(paid[1]):
        return [share]
    totals = in_proportion(share.total, [_gross(each) for each in paid])
    taxes = (
        in_proportion(share.tax, [each.tax or ZERO for each in paid]) if share.tax else [ZERO] * 2
    )
    return [
        Share(item.item_id, Slot.GOODS, totals[0], taxes[0], share.units),
        Share(item.item_id, Slot.GIFT_WRAP, totals[1], taxes[1]),
    ]


def _shipping(memo: MemoFacts, order: OrderPaid, balances: Balances) -> list[Share]:
    """The memo's shipping over the items, in proportion to what is left of their own. Raises Held.

    The price and its tax are spread apart where the memo states a tax.
    """
    if not memo.shipping_total:
        return []
    prices = [balances.price(item.item_id, Slot.SHIPPING) for item in order.items]
    taxes = [balances.tax(item.item_id, Slot.SHIPPING) for item in order.items]
    if not any(prices):
        raise Held(
            RefundHold.OVER_BALANCE,
            "no shipping is left to refund at Amazon",
            shipping=memo.shipping_total,
        )
    if memo.shipping_tax and any(taxes):
        parts = in_proportion(memo.shipping_total - memo.shipping_tax, prices)
        tax_parts = in_proportion(memo.shipping_tax, taxes)
        totals = [part + tax for part, tax in zip(parts, tax_parts, strict=True)]
    else:
        gross = [price + tax for price, tax in zip(prices, taxes, strict=True)]
        totals = in_proportion(memo.shipping_total, gross)
        tax_parts = in_proportion(memo.shipping_tax, gross)
    return [
        Share(item.item_id, Slot.SHIPPING, total, tax)
        for item, total, tax in zip(order.items, totals, tax_parts, strict=True)
    ]


def _gross(paid: Paid) -> Decimal:
    return paid.net + paid.tax
