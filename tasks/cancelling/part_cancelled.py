"""The effect of a partial cancellation on Amazon on an existing Magento order."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from pipeline.base.money import ZERO, minor_unit
from pipeline.clients import Clients
from pipeline.magento.records import ENDED, MagentoOrder
from pipeline.magento.rest.books import Books, Memo, memo_over, rest
from pipeline.orders.amounts import Amounts
from pipeline.orders.ledger_write import Trace
from pipeline.orders.outcome import Hold, HoldCode
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Order
from tasks.cancelling.fewer_units import Fewer
from tasks.cancelling.lower_uninvoiced import Lowering, lower, marking
from tasks.placing.order_facts import take_amounts
from tasks.shipping.shop_comment import comment


def reduced(order: Order, fewer: Fewer, clients: Clients) -> Hold | None:
    """Remove from the Magento order the units that Amazon cancelled, and their amounts.

    The order is held when such units were shipped already, or when the result differs from Amazon's
    new total. Once a person has lowered the shop's order too, the order continues by itself.
    """
    in_shop = clients.shop(order).orders.get(order.magento_order_id or 0)
    surplus = _surplus(in_shop, fewer)
    if any(item.quantity_invoiced for item in in_shop.items):
        hold = _by_memo(order, in_shop, fewer, surplus, clients)
    else:
        hold = _by_saving(order, in_shop, fewer, surplus, clients)
    if hold is not None:
        return hold
    taken = [
        f"{item.quantity - quantity} of {item.quantity} {item.sku}" for item, quantity in fewer
    ]
    comment(order, f"Amazon cancelled {', '.join(taken)}: taken off here too.", clients)
    for item, quantity in fewer:
        item.quantity = quantity
    return None


def _surplus(in_shop: MagentoOrder, fewer: Fewer) -> dict[int, Decimal]:
    """The number of units to remove, by Magento item id."""
    lines = {item.item_id: item for item in in_shop.items}
    surplus = {}
    for item, quantity in fewer:
        line = lines.get(item.magento_item_id or 0)
        if line is not None and line.quantity_left > quantity:
            surplus[line.item_id] = line.quantity_left - quantity
    return surplus


def _by_memo(
    order: Order,
    in_shop: MagentoOrder,
    fewer: Fewer,
    surplus: Mapping[int, Decimal],
    clients: Clients,
) -> Hold | None:
    """Refund the invoiced part of the surplus, so that the rest equals Amazon's new total."""
    shop, trace = clients.shop(order), _memo(order, fewer, clients)
    if not surplus and clients.ledger_of(order).made(trace) is None:
        return None  # A person made the credit memo and is responsible for its sum.
    invoiced = {
        item.item_id: item.quantity_invoiced - item.quantity_refunded for item in in_shop.items
    }
    has_no_invoice = any(invoiced[item_id] < count for item_id, count in surplus.items())
    if surplus and (has_no_invoice or _has_left(in_shop, fewer, surplus, order, clients)):
        return _held(fewer, surplus)
    amounts = clients.amounts(order)
    books, minor = shop.credit_memos.books(in_shop.entity_id), minor_unit(amounts.currency)
    if surplus:
        at_stake = books.total - amounts.grand_total
        if not books.has_one_currency or not ZERO <= at_stake <= books.paid - books.refunded:
            return _wrong_sum(books, amounts)
        memo = memo_over(books, surplus, amounts.grand_total, minor)
        # If the units were lost, the money alone would look like an amount still to be refunded.
        _make(order, trace, memo, clients, is_to_be_seen=True)
        books = shop.credit_memos.books(in_shop.entity_id)
    if (last := rest(books, amounts.grand_total)) is not None:
        _make(order, _memo(order, fewer, clients, amounts), last, clients)
        books = shop.credit_memos.books(in_shop.entity_id)
    if books.total != amounts.grand_total:
        return _wrong_sum(books, amounts)
    take_amounts(order, amounts)
    order.magento_refunded = books.refunded
    return None


def _make(
    order: Order, trace: Trace, memo: Memo, clients: Clients, *, is_to_be_seen: bool = False
) -> None:
    shop, entity_id = clients.shop(order), order.magento_order_id or 0
    write = trace.write(
        lambda: shop.credit_memos.refund_units(entity_id, memo),
        HoldCode.PARTLY_CANCELLED,
        is_to_be_seen=is_to_be_seen,
    )
    clients.ledger_of(order).once(write)


def _memo(order: Order, fewer: Fewer, clients: Clients, amounts: Amounts | None = None) -> Trace:
    """The trace of the credit memo: no line has more units than Amazon wants.

    With `amounts`, the trace of the memo over the last minor units: the total equals Amazon's.
    """
    shop, entity_id = clients.shop(order), order.magento_order_id or 0

    def find() -> str | None:
        if amounts is not None:
            is_made = shop.credit_memos.books(entity_id).total == amounts.grand_total
        else:
            is_made = not _surplus(shop.orders.get(entity_id), fewer)
        newest = shop.credit_memos.newest(entity_id) if is_made else None
        return None if newest is None else str(newest)

    parts = (_target(fewer),) if amounts is None else (_target(fewer), "rest")
    return clients.ledger_of(order).trace("reduce", *parts, kind=EffectKind.CREDIT_MEMO, find=find)


def _by_saving(
    order: Order,
    in_shop: MagentoOrder,
    fewer: Fewer,
    surplus: Mapping[int, Decimal],
    clients: Clients,
) -> Hold | None:
    """Lower an order without an invoice, or resume an earlier attempt to do so."""
    items = [(item, count) for item, count in fewer if item.magento_item_id is not None]
    lowering = Lowering(
        order=order,
        entity_id=in_shop.entity_id,
        target=_target(fewer),
        wanted={item.magento_item_id or 0: count for item, count in items},
        before={item.magento_item_id or 0: item.quantity for item, _ in items},
    )
    if clients.ledger_of(order).made(marking(lowering, clients)) is None:
        if not surplus:
            return None  # A person has removed the units already.
        lines = {item.item_id: item for item in in_shop.items}
        has_changed = any(
            lines[item_id].quantity_left != n for item_id, n in lowering.before.items()
        )
        has_other_currency = in_shop.grand_total != in_shop.base_grand_total
        if (
            has_changed
            or has_other_currency
            or in_shop.state in ENDED
            or _has_left(in_shop, fewer, surplus, order, clients)
        ):
            return _held(fewer, surplus)
    amounts = clients.amounts(order)
    if (hold := lower(lowering, in_shop, amounts, clients)) is not None:
        return hold
    take_amounts(order, amounts)
    return None


def _target(fewer: Fewer) -> str:
    """Name the reduction by its resulting quantities, so that the next gets another name."""
    return ",".join(f"{item.external_item_id}={count}" for item, count in fewer)


def _has_left(
    in_shop: MagentoOrder,
    fewer: Fewer,
    surplus: Mapping[int, Decimal],
    order: Order,
    clients: Clients,
) -> bool:
    """Whether units to be removed have been shipped, or the order would end up without units."""
    shipped = {item.item_id: item.quantity_shipped for item in in_shop.items}
    return not clients.placed(order).lines or any(
        shipped[item.magento_item_id or 0] > count
        for item, count in fewer
        if item.magento_item_id in surplus
    )


def _held(fewer: Fewer, surplus: Mapping[int, Decimal]) -> Hold:
    item, quantity = next(pair for pair in fewer if pair[0].magento_item_id in surplus)
    return Hold(
        HoldCode.PARTLY_CANCELLED,
        f"Amazon cancelled {item.quantity - quantity} of {item.quantity} {item.sku}: take them off "
        "Magento's order with a credit memo, and the order goes on by itself",
        {"sku": item.sku, "quantity": str(quantity)},
    )


def _wrong_sum(books: Books, amounts: Amounts) -> Hold:
    total = f"{books.total.normalize():f}"
    # A credit memo cannot raise the total of an order.
    advice = (
        "invoice the difference outside this order, or cancel this order in Magento and enter it "
        "anew there; then dismiss it here"
        if books.total < amounts.grand_total
        else "bring it to Amazon's total with a credit memo, and the order goes on by itself"
    )
    return Hold(
        HoldCode.PARTLY_CANCELLED,
        f"Amazon cancelled a part of the order and its total is {amounts.grand_total} "
        f"{amounts.currency} now; Magento's order comes to {total} less its credit memos: {advice}",
        {"magento": total, "amazon": str(amounts.grand_total)},
    )
