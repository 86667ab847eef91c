"""From a shop's credit memo to the message that refunds the buyer at Amazon. Pure.

No money changes on the way: what is sent, what Amazon gives back itself and the stated rounding
are the memo's total, and no component exceeds what is left of it at Amazon. Any other memo is held
with its figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from pipeline.amazon.refund_documents import ComponentType
from pipeline.base.money import ZERO, minor_unit, quantize
from pipeline.intake.memo_facts import MemoFacts
from pipeline.refunds.adjustments import adjust
from pipeline.refunds.balances import Balances
from pipeline.refunds.components import Components, Key, components, own_rests
from pipeline.refunds.memo_owner import check_owner
from pipeline.refunds.memo_shares import shares
from pipeline.refunds.messages import (
    PRICE_OF,
    AdjustedItem,
    Given,
    Held,
    NotSendable,
    OrderPaid,
    RefundHold,
    RefundMessage,
    RefundRules,
    Slot,
)
from pipeline.refunds.reasons import reason
from pipeline.refunds.rounding import largest_remainder


def plan_refund(
    memo: MemoFacts | None, order: OrderPaid, given: Sequence[Given], rules: RefundRules
) -> RefundMessage | NotSendable:
    """The message for a memo, or why it is not sent.

    `memo` is None when its facts were never stored. `given` is everything that the buyer got back
    of this order or may have got back, each refund once.
    """
    if memo is None:
        return NotSendable(
            RefundHold.NOT_READ,
            "an older version read the credit memo, without what a refund needs",
        )
    try:
        check_owner(memo, order, rules)
        return _message(memo, order, Balances(order, given, rules), rules)
    except Held as held:
        return held.outcome


def _message(
    memo: MemoFacts, order: OrderPaid, balances: Balances, rules: RefundRules
) -> RefundMessage:
    parts = shares(memo, order, balances)
    returned = [share.item_id for share in parts if share.slot is Slot.GOODS]
    made = components(parts, order, balances)
    changed = adjust(made, memo.adjustment, returned, order, balances, rules)
    minor = minor_unit(order.currency)
    total = quantize(memo.grand_total, order.currency)
    sent, by_amazon = _in_minor_units(made, total, minor)
    sent = own_rests(sent, parts, order, balances, changed, minor)
    _check(sent, balances)
    by_amazon = _given_by_amazon(by_amazon, sent, balances, minor)
    units = {share.item_id: share.units for share in parts if share.units}
    items = _items(memo, order, sent, by_amazon, units)
    if not items:
        raise Held(RefundHold.MEMO_UNCLEAR, "the credit memo gives back no item's money")
    return RefundMessage(
        external_id=order.external_id,
        currency=order.currency,
        reason=reason(memo, order, rules, has_goods=bool(units)),
        items=items,
        rounding=memo.grand_total - sum((*sent.values(), *by_amazon.values()), ZERO),
    )


def _in_minor_units(
    made: Components, total: Decimal, minor: Decimal
) -> tuple[dict[Key, Decimal], dict[Key, Decimal]]:
    """The components in whole minor units, and the tax that Amazon gives back; they sum to `total`.
    Raises Held."""
    exact = [*made.sent.values(), *made.by_amazon.values()]
    try:
        rounded = largest_remainder(exact, total, minor)
    except ValueError:
        raise Held(
            RefundHold.MEMO_UNCLEAR,
            f"the credit memo's parts sum to {sum(exact, ZERO):f}, and its total is {total:f}",
        ) from None
    sent = dict(zip(made.sent, rounded, strict=False))
    by_amazon = dict(zip(made.by_amazon, rounded[len(sent) :], strict=True))
    return _above_zero(sent), _above_zero(by_amazon)


def _above_zero(amounts: Mapping[Key, Decimal]) -> dict[Key, Decimal]:
    return {key: amount for key, amount in amounts.items() if amount}


def _check(sent: Mapping[Key, Decimal], balances: Balances) -> None:
    """Raise Held for a component below zero, or above what is left of it at Amazon."""
    for (item_id, kind), amount in sent.items():
        left = balances.left[item_id].get(kind, ZERO)
        if kind is not ComponentType.GOODWILL and not ZERO <= amount <= left:
            raise Held(
                RefundHold.OVER_BALANCE,
                f"{kind} of item {item_id} would be {amount:f}, and {left:f} is left of it at "
                "Amazon",
                item=item_id,
                component=kind,
                refund=amount,
                left=left,
            )


def _given_by_amazon(
    taxes: Mapping[Key, Decimal], sent: Mapping[Key, Decimal], balances: Balances, minor: Decimal
) -> dict[Key, Decimal]:
    """The memo's taxes that Amazon gives back itself, of each at most what is left of it; the memo
    may have a minor unit more, as the shop rounded it. Raises Held for a tax without its price."""
    given: dict[Key, Decimal] = {}
    for (item_id, kind), tax in taxes.items():
        if sent.get((item_id, PRICE_OF[kind]), ZERO) <= ZERO:
            raise Held(
                RefundHold.TAX_UNCLEAR,
                f"of item {item_id} the credit memo gives back only tax that Amazon collected, "
                "which Amazon refuses",
                item=item_id,
                tax=tax,
            )
        left = balances.left[item_id].get(kind, ZERO)
        if tax > left + minor:
            raise Held(
                RefundHold.TAX_UNCLEAR,
                f"of item {item_id} the credit memo gives back {tax:f} tax, and {left:f} is left "
                "of what Amazon collected",
                item=item_id,
                tax=tax,
                left=left,
            )
        given[item_id, kind] = min(tax, left)
    return _above_zero(given)


def _items(
    memo: MemoFacts,
    order: OrderPaid,
    sent: Mapping[Key, Decimal],
    by_amazon: Mapping[Key, Decimal],
    units: Mapping[str, Decimal],
) -> tuple[AdjustedItem, ...]:
    """The items with an amount, in the order of Amazon's items."""
    items = []
    for place, item in enumerate(order.items, start=1):
        amounts, taxes = (
            {kind: of[key] for kind in ComponentType if of.get(key := (item.item_id, kind))}
            for of in (sent, by_amazon)
        )
        if amounts:
            items.append(
                AdjustedItem(
                    item.item_id,
                    f"cm-{memo.memo_id}-{place}",
                    amounts,
                    units.get(item.item_id, ZERO),
                    taxes,
                )
            )
    return tuple(items)
