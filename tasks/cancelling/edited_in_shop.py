"""Follow an edit of a Magento order in the admin: the order is cancelled, NUMBER-1 replaces it.

Magento links both orders (`relation_child_id`). The new order lacks the marketplace's numbers, so
its lines are mapped again. See docs/decisions/0053.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from pipeline.base.errors import CannotMap, Rejected
from pipeline.base.money import ZERO
from pipeline.clients import Clients
from pipeline.magento.records import ENDED, MagentoItem, MagentoOrder
from pipeline.magento.rest.catalog import folded
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Order
from tasks.cancelling.fewer_units import being_reduced
from tasks.placing.order_facts import take_amounts
from tasks.placing.placement import remember

_MOST_EDITS = 50


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The edited order must have these units, by the marketplace's item id, and this total."""

    units: Mapping[str, int]
    total: Decimal


def follow_edit(order: Order, clients: Clients) -> None:
    """Replace the order's Magento order by its newest edit, if a clerk edited it in Magento.

    Raises CannotMap(EDITED_IN_MAGENTO) when the edit differs from what the marketplace sold, or
    cannot be followed.
    """
    if order.magento_order_id is None or order.magento_state not in ENDED:
        return
    if order.fulfilled_by == FulfilledBy.AMAZON:
        return  # The shop does not allow edits of a complete order.
    in_shop = clients.shop(order).orders.get(order.magento_order_id)
    if in_shop.is_edited:
        remember(order, as_edited(order, in_shop, clients))


def as_edited(order: Order, in_shop: MagentoOrder, clients: Clients) -> MagentoOrder:
    """Return the newest edit of an edited order after comparing it with what the marketplace sold.

    Raises CannotMap(EDITED_IN_MAGENTO) with the figures when they differ.
    """
    if order.shipments:
        raise _left_before(in_shop)
    newest = newest_edit(order, in_shop, clients)
    if newest.state in ENDED and not any(item.quantity_shipped for item in newest.items):
        return newest  # A cancelled order needs no comparison.
    # Amazon may have cancelled a part meanwhile, and the clerk may have edited the order for that.
    fewer = being_reduced(order, clients)
    if fewer:
        amounts = clients.amounts(order)
        left = {item.external_item_id: quantity for item, quantity in fewer}
        if _difference(order, newest, _Wanted(_units(order) | left, amounts.grand_total)) is None:
            for item, quantity in fewer:
                item.quantity = quantity
            take_amounts(order, amounts)
            return newest
    difference = _difference(order, newest, _Wanted(_units(order), _total(order, clients)))
    if difference is not None:
        what, facts = difference
        raise _unfollowed(
            in_shop,
            f"{newest.increment_id}, which {what}: edit it back to what Amazon sold and this goes "
            "on by itself, or cancel it there",
            {"edited": newest.increment_id, **facts},
        )
    return newest


def newest_edit(order: Order, in_shop: MagentoOrder, clients: Clients) -> MagentoOrder:
    """The newest edit with its lines under the marketplace's item ids, or the order without edits.

    Raises CannotMap(EDITED_IN_MAGENTO) when an edit cannot be read.
    """
    newest, passed = in_shop, {in_shop.entity_id}
    while newest.is_edited:
        # The new order omits what was shipped before, and would count reservation marks twice.
        if any(item.quantity_shipped for item in newest.items):
            raise _left_before(newest)
        newest = _child(newest, clients.shop(order).orders.get)
        if newest.entity_id in passed or len(passed) > _MOST_EDITS:
            raise _unfollowed(newest, f"{newest.increment_id}, which is an edit of itself")
        passed.add(newest.entity_id)
    return newest if newest is in_shop else _named(order, in_shop, newest)


def _child(parent: MagentoOrder, read: Callable[[int], MagentoOrder]) -> MagentoOrder:
    name = parent.child_number or f"entity {parent.child_id}"
    if not parent.child_id:
        raise _unfollowed(parent, f"{name}, whose id the shop does not give")
    try:
        child = read(parent.child_id)
    except Rejected as error:
        raise _unfollowed(
            parent,
            f"{name}, which cannot be read there ({error.code}): find out what became of it",
            {"edited": name, "code": error.code, "request_id": error.request_id},
        ) from error
    if child.parent_id not in (0, parent.entity_id):
        raise _unfollowed(parent, f"{name}, which is recorded as an edit of another order")
    return child


def _named(order: Order, first: MagentoOrder, newest: MagentoOrder) -> MagentoOrder:
    """The newest edit with its lines under the marketplace's item ids, matched by id or by SKU."""
    by_item = {line.item_id: line for line in first.items}
    by_number = {line.ext_order_item_id: line for line in first.items if line.ext_order_item_id}
    names: dict[int, str] = {}
    for item in order.items:
        line = by_number.get(item.external_item_id) or by_item.get(item.magento_item_id or 0)
        free = [candidate for candidate in newest.items if candidate.item_id not in names]
        own = [
            candidate for candidate in free if candidate.ext_order_item_id == item.external_item_id
        ]
        if not own and line is not None:
            own = [
                candidate
                for candidate in free
                if not candidate.ext_order_item_id and folded(candidate.sku) == folded(line.sku)
            ]
            # Two lines with the same SKU are distinguished by their quantity where it differs.
            own.sort(key=lambda candidate: candidate.quantity_ordered != item.quantity)
        if own:
            names[own[0].item_id] = item.external_item_id
    return replace(
        newest,
        items=tuple(
            replace(line, ext_order_item_id=names.get(line.item_id, "")) for line in newest.items
        ),
    )


def _difference(
    order: Order, newest: MagentoOrder, wanted: _Wanted
) -> tuple[str, dict[str, str]] | None:
    """The difference between the edit and Amazon's order, in words and figures, or None."""
    units = {line.ext_order_item_id: line.quantity_ordered for line in newest.items}
    for item in order.items:
        want, got = wanted.units[item.external_item_id], units.get(item.external_item_id, ZERO)
        if got != want:
            return (
                f"has {got.normalize():f} of {item.sku}, and Amazon sold {want}",
                {"sku": item.sku, "quantity": f"{got.normalize():f}", "sold": str(want)},
            )
    added = next((line for line in newest.items if _is_added(line)), None)
    if added is not None:
        return (
            f"also has {added.quantity_ordered.normalize():f} of {added.sku}, which Amazon did not "
            "sell",
            {"sku": added.sku, "quantity": f"{added.quantity_ordered.normalize():f}", "sold": "0"},
        )
    if newest.grand_total != wanted.total:
        return (
            f"comes to {newest.grand_total:.2f} {order.currency}, and Amazon's total is "
            f"{wanted.total:.2f} {order.currency}",
            {"magento": f"{newest.grand_total:.2f}", "amazon": f"{wanted.total:.2f}"},
        )
    return None


def _is_added(line: MagentoItem) -> bool:
    return not line.ext_order_item_id and line.product_id != 0 and line.quantity_ordered != 0


def _units(order: Order) -> dict[str, int]:
    return {item.external_item_id: item.quantity for item in order.items}


def _total(order: Order, clients: Clients) -> Decimal:
    """The total at the time of import; Amazon's report of it may have been purged since."""
    if order.total_proof is not None:
        return Decimal(order.total_proof["grand_total"])
    return clients.amounts(order).grand_total


def _left_before(in_shop: MagentoOrder) -> CannotMap:
    return _unfollowed(
        in_shop,
        f"{in_shop.child_number}, after a part of it was shipped: compare both orders in Magento "
        "with Amazon's, correct by hand what is missing, and dismiss this order",
        {"edited": in_shop.child_number},
    )


def _unfollowed(
    in_shop: MagentoOrder, what: str, facts: Mapping[str, str] | None = None
) -> CannotMap:
    number = in_shop.increment_id or str(in_shop.entity_id)
    return CannotMap(
        HoldCode.EDITED_IN_MAGENTO,
        f"Magento order {number} was edited there into {what}. Nothing of this was sent to Amazon",
        {"order": number, **(facts or {})},
    )
