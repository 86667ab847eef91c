"""Remove units from a Magento order without an invoice: lower its quantities and totals.

A reservation is made by a cancellation, and so is the return of its units to the stock: the order
is marked, cancelled, and saved again with lower quantities and totals. After a crash the Magento
order itself shows which write comes next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pipeline.base.errors import CannotMap
from pipeline.base.money import ZERO
from pipeline.clients import Clients
from pipeline.magento.order import charges as order_charges
from pipeline.magento.order import lines, taxes
from pipeline.magento.order.save_again import Quantities, rewritten
from pipeline.magento.records import MagentoItem, MagentoOrder, Product
from pipeline.orders.amounts import Amounts
from pipeline.orders.ledger_write import Trace, Write
from pipeline.orders.outcome import Hold, HoldCode
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Order

_OPEN = {"new": "pending", "processing": "processing"}
_CANCELLED = "canceled"
_OF_A_ROW = ("row_total", "row_total_incl_tax", "tax_amount", "discount_amount")


@dataclass(frozen=True, slots=True)
class Lowering:
    """The intended change of an order; `target` names its quantities.

    By Magento's item id, for the lines with surplus units: `wanted` is the number of units that
    stay, `before` is the number of units that the line had.
    """

    order: Order
    entity_id: int
    target: str
    wanted: Mapping[int, int]
    before: Mapping[int, int]

    def mark(self, item: MagentoItem) -> Decimal:
        """The units to mark as shipped, so that a cancellation returns only the line's surplus.

        A cancellation returns the units that were neither shipped nor cancelled before. Lines
        without a product hold no stock.
        """
        if item.item_id not in self.wanted:
            return item.quantity_ordered - item.quantity_canceled
        kept = self.wanted if item.product_id else self.before
        return Decimal(kept[item.item_id])

    def is_marked(self, now: MagentoOrder) -> bool:
        """Whether the Magento order as just read has all its marks."""
        return all(item.quantity_shipped == self.mark(item) for item in now.items)

    def cancelled(self, item: MagentoItem) -> Decimal:
        """The units of a line that count as cancelled in the end."""
        if item.item_id in self.wanted:
            return item.quantity_ordered - self.wanted[item.item_id]
        return item.quantity_canceled


def marking(lowering: Lowering, clients: Clients) -> Trace:
    """The trace of the first write. Afterwards the order's shipped quantities are our marks."""
    shop = clients.shop(lowering.order)

    def find() -> str | None:
        is_there = lowering.is_marked(shop.orders.get(lowering.entity_id))
        return str(lowering.entity_id) if is_there else None

    ledger = clients.ledger_of(lowering.order)
    return ledger.trace("lower", lowering.target, "mark", kind=EffectKind.MARKING, find=find)


def lower(lowering: Lowering, now: MagentoOrder, amounts: Amounts, clients: Clients) -> Hold | None:
    """Remove the surplus from the order, or resume an earlier attempt; hold on a wrong total.

    `now` was just read. Raises CannotMap(PARTLY_CANCELLED) when a person has to do it.
    """
    order, shop = lowering.order, clients.shop(lowering.order)
    left: dict[int, Decimal] = {
        item.magento_item_id: Decimal(item.quantity_fulfilled_before)
        for item in order.items
        if item.magento_item_id is not None
    }
    for shipment in shop.shipments.of_orders([now.entity_id]):
        for item_id, count in shipment.items.items():
            left[item_id] = left.get(item_id, ZERO) + count
    if clients.marketplace(order).stock == "seed" and any(
        item.product_id for item in now.items if item.item_id in lowering.wanted
    ):
        _mark(lowering, now, left, clients)
        _give_back(lowering, clients)
        now = shop.orders.get(now.entity_id)
    _save(lowering, now, left, amounts, clients)
    saved = shop.orders.get(now.entity_id)
    order.magento_state, order.magento_status = saved.state, saved.status
    if saved.grand_total != amounts.grand_total:
        return Hold(
            HoldCode.PARTLY_CANCELLED,
            f"Magento's order is {saved.grand_total.normalize():f} {amounts.currency} after a part "
            f"of it was cancelled, Amazon's is {amounts.grand_total}: correct it in Magento",
        )
    return None


def _mark(
    lowering: Lowering, now: MagentoOrder, left: Mapping[int, Decimal], clients: Clients
) -> None:
    shop, ledger = clients.shop(lowering.order), clients.ledger_of(lowering.order)
    trace = marking(lowering, clients)
    if ledger.made(trace) is not None:
        return
    is_as_left = all(left.get(item.item_id, ZERO) == item.quantity_shipped for item in now.items)
    if now.state not in _OPEN or not is_as_left:
        raise _by_hand(now)
    marks = {
        item.item_id: Quantities(lowering.mark(item), item.quantity_canceled) for item in now.items
    }
    body = rewritten(now, state=now.state, status=now.status, lines=marks)

    def send() -> str:
        shop.orders.save(body)
        return str(now.entity_id)

    ledger.once(_write(trace, send))


def _give_back(lowering: Lowering, clients: Clients) -> None:
    """Return the surplus to the stock: cancel the marked order."""
    order, shop, entity_id = lowering.order, clients.shop(lowering.order), lowering.entity_id

    def find() -> str | None:
        now = shop.orders.get(entity_id)
        return str(entity_id) if now.state == _CANCELLED and lowering.is_marked(now) else None

    def send() -> str:
        if not shop.orders.cancel(entity_id) and find() is None:
            raise _by_hand(shop.orders.get(entity_id))
        return str(entity_id)

    is_locked = clients.shop_settings(order).release.cancels_under_lock
    unsure = (
        "Magento gave no answer when a part of the order's stock was released, and before 2.4.7 "
        "Magento may have released it all the same: cancel the order in Magento, or take the "
        "units off there"
    )
    ledger = clients.ledger_of(order)
    trace = ledger.trace(
        "lower", lowering.target, "cancel", kind=EffectKind.PARTIAL_CANCELLATION, find=find
    )
    ledger.once(_write(trace, send, when_unsure="" if is_locked else unsure))


def _save(
    lowering: Lowering,
    now: MagentoOrder,
    left: Mapping[int, Decimal],
    amounts: Amounts,
    clients: Clients,
) -> None:
    """Save the order with lower quantities and totals; this also reopens a cancelled order."""
    shop, ledger = clients.shop(lowering.order), clients.ledger_of(lowering.order)

    def find() -> str | None:
        in_shop = shop.orders.get(now.entity_id)
        is_low = all(item.quantity_canceled == lowering.cancelled(item) for item in in_shop.items)
        return str(in_shop.entity_id) if in_shop.state in _OPEN and is_low else None

    trace = ledger.trace("lower", lowering.target, "save", kind=EffectKind.LOWERING, find=find)
    if ledger.made(trace) is not None:
        return
    if now.state not in _OPEN and not (now.state == _CANCELLED and lowering.is_marked(now)):
        raise _by_hand(now)
    body = _body(lowering, now, left, amounts, clients)

    def send() -> str:
        shop.orders.save(body)
        return str(now.entity_id)

    ledger.once(_write(trace, send))


def _body(
    lowering: Lowering,
    now: MagentoOrder,
    left: Mapping[int, Decimal],
    amounts: Amounts,
    clients: Clients,
) -> dict[str, Any]:
    order = lowering.order
    products = {item.sku: Product.from_json(item.product) for item in order.items if item.product}
    charges = order_charges.charges(
        clients.placed(order).lines, amounts, products, clients.marketplace(order).gift_wrap
    )
    state = order.magento_state if order.magento_state in _OPEN else "new"
    state = "processing" if any(left.values()) else state or "new"
    is_known = order.magento_state == state and order.magento_status is not None
    totals = charges.totals()
    body = rewritten(
        now,
        state=state,
        status=str(order.magento_status) if is_known else _OPEN[state],
        lines={
            item.item_id: Quantities(left.get(item.item_id, ZERO), lowering.cancelled(item))
            for item in now.items
        },
        totals=lines.twins(totals, totals),
    )
    rows = _rows(now, charges)
    for item in body["items"]:
        item |= rows[item["item_id"]]
    if clients.shop_settings(order).release.keeps_tax_rows:
        body["extension_attributes"] = taxes.of_order(charges, charges)
    return body


def _rows(now: MagentoOrder, charges: order_charges.Charges) -> dict[int, dict[str, Decimal]]:
    """The new amounts of each line. Charges beside the goods are matched by their sequence."""
    goods = {line.item_id: line for line in charges.lines if line.is_goods}
    beside = [line for line in charges.lines if not line.is_goods]
    if [item.sku for item in now.items if not item.ext_order_item_id] != [
        item.sku for item in beside
    ]:
        raise _by_hand(now)
    others = iter(beside)
    rows = {}
    for item in now.items:
        line = goods.get(item.ext_order_item_id) if item.ext_order_item_id else next(others)
        amounts = dict.fromkeys(_OF_A_ROW, ZERO)
        if line is not None:
            made = lines.item(line, line, store_id=now.store_id, shipped=0)
            amounts = {name: made[name] for name in _OF_A_ROW}
        rows[item.item_id] = lines.twins(amounts, amounts)
    return rows


def _write(trace: Trace, send: Callable[[], str], when_unsure: str = "") -> Write[str]:
    return trace.write(send, HoldCode.PARTLY_CANCELLED, when_unsure=when_unsure, is_to_be_seen=True)


def _by_hand(now: MagentoOrder) -> CannotMap:
    return CannotMap(
        HoldCode.PARTLY_CANCELLED,
        f"Amazon cancelled a part of Magento's order {now.increment_id or now.entity_id}, which is "
        f"{now.state} there and cannot be reduced from here: take the units off in Magento, and "
        "the order goes on by itself",
        {"state": now.state},
    )
