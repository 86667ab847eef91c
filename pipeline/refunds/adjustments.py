"""Where the money of a memo's adjustment goes, which belongs to no line and bears no tax. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from pipeline.amazon.refund_documents import ComponentType
from pipeline.base.money import ZERO
from pipeline.refunds.balances import Balances
from pipeline.refunds.components import Components, check_tax
from pipeline.refunds.messages import Held, OrderPaid, RefundHold, RefundRules, Slot
from pipeline.refunds.rounding import in_proportion

_PRINCIPAL = ComponentType.PRINCIPAL


def adjust(
    made: Components,
    adjustment: Decimal,
    returned: Sequence[str],
    order: OrderPaid,
    balances: Balances,
    rules: RefundRules,
) -> frozenset[str]:
    """Add the adjustment to the components, and return the items whose goods it changed.

    `returned` are the items of the memo's lines. Raises Held.
    """
    if adjustment < ZERO:
        return _keep_fee(made, -adjustment, returned)
    if adjustment == ZERO:
        return frozenset()
    changed, rest = _add(made, adjustment, returned, balances)
    if rest > ZERO:
        items = [item.item_id for item in order.items]
        if len(items) > 1 and not rules.spread_adjustments:
            raise Held(
                RefundHold.ADJUSTMENT_UNCLEAR,
                f"{rest:f} {order.currency} are given back for no line, and the order has several "
                "items",
                adjustment=adjustment,
                left=rest,
            )
        more, rest = _add(made, rest, items, balances)
        changed |= more
    if rest > ZERO:
        _give_goodwill(made, rest, order, rules)
    return changed


def _add(
    made: Components, amount: Decimal, item_ids: Sequence[str], balances: Balances
) -> tuple[frozenset[str], Decimal]:
    """Add to the goods of these items in proportion to what is left of them; return the items, and
    what exceeds it."""
    rooms = {
        item_id: max(ZERO, balances.price(item_id, Slot.GOODS) - made.of(item_id, _PRINCIPAL))
        for item_id in item_ids
    }
    room = sum(rooms.values(), ZERO)
    added = min(amount, room)
    if added <= ZERO:
        return frozenset(), amount
    for item_id, part in zip(rooms, in_proportion(added, list(rooms.values())), strict=True):
        if part:
            check_tax(item_id, balances)
            made.add(item_id, _PRINCIPAL, part)
    return frozenset(item_id for item_id, has in rooms.items() if has), amount - added


def _give_goodwill(made: Components, rest: Decimal, order: OrderPaid, rules: RefundRules) -> None:
    if not rules.allow_goodwill:
        raise Held(
            RefundHold.OVER_BALANCE,
            f"{rest:f} {order.currency} more are given back than is left of the goods; a gift to "
            "the buyer is made in Seller Central",
            left=rest,
        )
    dearest = max(order.items, key=lambda item: item.of(Slot.GOODS).net)
    made.add(dearest.item_id, ComponentType.GOODWILL, rest)


def _keep_fee(made: Components, fee: Decimal, returned: Sequence[str]) -> frozenset[str]:
    """Take a fee that the shop keeps off the goods of the lines. Raises Held."""
    goods = {item_id: made.of(item_id, _PRINCIPAL) for item_id in returned}
    whole = sum(goods.values(), ZERO)
    if whole <= ZERO:
        raise Held(
            RefundHold.ADJUSTMENT_UNCLEAR,
            f"the credit memo keeps {fee:f} and takes no goods back, of which it could be kept",
            fee=fee,
        )
    if fee >= whole:
        raise Held(
            RefundHold.FEE_TOO_HIGH,
            f"the credit memo keeps {fee:f}, and gives back {whole:f} for the goods: Amazon "
            "charges a buyer nothing",
            fee=fee,
            goods=whole,
        )
    for item_id, part in zip(goods, in_proportion(fee, list(goods.values())), strict=True):
        made.add(item_id, _PRINCIPAL, -part)
    return frozenset(goods)
