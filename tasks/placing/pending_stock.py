"""Hold stock with a holding order in the shop while Amazon still checks an order's payment.

The holding order has no amounts and no data of the buyer, and is on hold, so that nobody ships or
invoices it. It is cancelled once the real order holds its own stock, when Amazon cancels, or when
its time is over. After a crash the holding order itself shows which write comes next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta

from pipeline.base.clock import seconds
from pipeline.base.errors import CannotMap
from pipeline.clients import Clients
from pipeline.magento.order.save_again import rewritten
from pipeline.magento.records import ENDED, HOLDED, MagentoOrder
from pipeline.magento.stock.holding_order import EXT_ORDER_ID_PREFIX, holding_order
from pipeline.magento.stock.reserve_by_cancelling import Phase, marked, phase, unmarked
from pipeline.orders.ledger_write import Trace
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Order
from pipeline.products.sku_map import SkuMapError
from tasks.placing.store_view import store_code


def hold_stock(order: Order, clients: Clients) -> tuple[str, timedelta]:
    """Hold the goods of a pending order, or release them when their time is over.

    Returns a note for people, and the time until the next look. Raises
    CannotMap(RESERVATION_UNCLEAR) when a person has to look.
    """
    days = timedelta(days=clients.marketplace(order).pending_reserve_days)
    until = order.reserved_until or clients.placed(order).purchased_at + days
    left = until - clients.now()
    if left <= timedelta(0):
        release_stock(order, clients)
        return (
            f"its stock was reserved until {until:%Y-%m-%d %H:%M} UTC; the reservation is released",
            seconds(clients.settings.timing.recheck_waiting_s),
        )
    delay = min(left, clients.recheck_waiting)
    entity_id = clients.ledger_of(order).made(_creation(order, clients))
    unknown: list[str] = []
    if entity_id is None:
        body, unknown = _body(order, clients)
        if body is None:
            return (
                f"no stock is reserved: {', '.join(unknown)} is not in Magento's catalogue",
                delay,
            )
        _create(order, body, clients)
    holding = _holding(order, clients)
    if holding is None or _see_through(order, holding, clients).state in ENDED:
        return "the reservation is released: its holding order was cancelled", delay
    order.reserved_until = until
    note = f"its stock is reserved until {until:%Y-%m-%d %H:%M} UTC"
    return note + (f", except that of {', '.join(unknown)}" if unknown else ""), delay


def release_stock(order: Order, clients: Clients) -> None:
    """Release the stock held for an order, if any. A repeat changes nothing."""
    order.reserved_until = None
    entity_id = _holding(order, clients)
    if entity_id is None:
        return
    now = _see_through(order, entity_id, clients)
    if now.state in ENDED:
        return
    shop = clients.shop(order)

    def take_off_hold() -> str:
        shop.orders.unhold(now.entity_id)
        return str(now.entity_id)

    def cancel() -> str:
        if not shop.orders.cancel(now.entity_id):
            raise _unclear(shop.orders.get(now.entity_id))
        return str(now.entity_id)

    if now.state == HOLDED:
        find = _finder(order, now.entity_id, lambda order: order.state != HOLDED, clients)
        _once(order, _trace(order, "unhold", find, clients), take_off_hold, clients)
    end = _end(order, now.entity_id, clients)
    _once(order, end, cancel, clients, is_locked=False)


def held_units(order: Order, clients: Clients) -> Mapping[str, int]:
    """The units held for the order, by Magento's SKU.

    The shop's salable quantities do not include them.
    """
    entity_id = _holding(order, clients)
    if entity_id is None:
        return {}
    in_shop = clients.shop(order).orders.get(entity_id)
    held = Counter[str]()
    for item in in_shop.items if in_shop.state not in ENDED else ():
        held[item.sku] += int(item.quantity_left)
    return held


def _holding(order: Order, clients: Clients) -> int | None:
    """The entity id of the order's holding order; None before its creation and after its end."""
    ledger = clients.ledger_of(order)
    made = ledger.made(_creation(order, clients))
    if made is None or ledger.made(_end(order, int(made), clients)) is not None:
        return None
    return int(made)


def _see_through(order: Order, entity_id: int, clients: Clients) -> MagentoOrder:
    """Complete the holding order from any phase, until it holds stock and is on hold."""
    shop = clients.shop(order)
    now = shop.orders.get(entity_id)
    if phase(now) is Phase.MARKED:
        now = _reserve(order, now, clients)
    if phase(now) is Phase.HIDDEN:
        now = _reopen(order, now, clients)
    if phase(now) is Phase.UNCLEAR:
        raise _unclear(now)
    if now.state in ENDED or now.state == HOLDED:
        return now
    find = _finder(
        order, entity_id, lambda order: order.state == HOLDED or order.state in ENDED, clients
    )

    def hold() -> str:
        shop.orders.hold(entity_id)
        return str(entity_id)

    _once(order, _trace(order, "hold", find, clients), hold, clients)
    return shop.orders.get(entity_id)


def _reserve(order: Order, now: MagentoOrder, clients: Clients) -> MagentoOrder:
    shop, entity_id = clients.shop(order), now.entity_id
    find = _finder(order, entity_id, lambda order: phase(order) is not Phase.MARKED, clients)

    def send() -> str:
        if not shop.orders.cancel(entity_id) and find() is None:
            raise _unclear(now)
        return str(entity_id)

    _once(order, _trace(order, "reserve", find, clients), send, clients, is_locked=False)
    return shop.orders.get(entity_id)


def _reopen(order: Order, now: MagentoOrder, clients: Clients) -> MagentoOrder:
    shop, entity_id = clients.shop(order), now.entity_id
    find = _finder(order, entity_id, lambda order: phase(order) is not Phase.HIDDEN, clients)
    body = rewritten(now, state="new", status="pending", lines=unmarked(now))

    def send() -> str:
        shop.orders.save(body)
        return str(entity_id)

    _once(order, _trace(order, "reopen", find, clients), send, clients)
    return shop.orders.get(entity_id)


def _create(order: Order, body: Mapping[str, object], clients: Clients) -> None:
    shop, code = clients.shop(order), store_code(order, clients)
    trace = _creation(order, clients)
    _once(order, trace, lambda: str(shop.orders.create(body, code).entity_id), clients)


def _body(order: Order, clients: Clients) -> tuple[dict[str, object] | None, list[str]]:
    """The body of the holding order, and the SKUs without a product, which cannot be held."""
    placed, shop, code = clients.placed(order), clients.shop(order), store_code(order, clients)
    titles = {line.sku: line.title for line in placed.lines}
    try:
        targets = clients.sku_maps.targets(order.account, clients.marketplace(order), titles)
    except SkuMapError:
        targets = {sku: sku for sku in titles}  # A later step holds the order for this mistake.
    products = clients.catalogue.products(shop, code, list(targets.values()))
    units = Counter[str]()
    for line in placed.lines:
        units[targets[line.sku]] += line.quantity
    wanted = [(products[sku], count) for sku, count in units.items() if sku in products]
    unknown = sorted(sku or "(no SKU)" for sku in units if sku not in products)
    if not wanted:
        return None, unknown
    return marked(
        holding_order(order.external_id, wanted, shop.directory.store_view(code))
    ), unknown


def _creation(order: Order, clients: Clients) -> Trace:
    shop = clients.shop(order)

    def find() -> str | None:
        orders = shop.orders.find(EXT_ORDER_ID_PREFIX + order.external_id)
        return str(min(order.entity_id for order in orders)) if orders else None

    return _trace(order, "create", find, clients)


def _end(order: Order, entity_id: int, clients: Clients) -> Trace:
    """The trace of the last write: the holding order is cancelled, and not only for its marks."""
    find = _finder(order, entity_id, lambda order: phase(order) is Phase.CANCELLED, clients)
    return _trace(order, "end", find, clients)


def _finder(
    order: Order, entity_id: int, is_there: Callable[[MagentoOrder], bool], clients: Clients
) -> Callable[[], str | None]:
    shop = clients.shop(order)
    return lambda: str(entity_id) if is_there(shop.orders.get(entity_id)) else None


def _trace(order: Order, what: str, find: Callable[[], str | None], clients: Clients) -> Trace:
    return clients.ledger_of(order).trace(
        "pending", what, kind=f"stock of a pending order: {what}", find=find
    )


def _once(
    order: Order, trace: Trace, send: Callable[[], str], clients: Clients, *, is_locked: bool = True
) -> None:
    """Make a write. Before 2.4.7 a cancellation is not `is_locked`: it may be half done."""
    is_doubtful = not is_locked and not clients.shop_settings(order).release.cancels_under_lock
    write = trace.write(
        send,
        HoldCode.RESERVATION_UNCLEAR,
        when_unsure=_DOUBTFUL if is_doubtful else "",
        is_to_be_seen=True,
    )
    clients.ledger_of(order).once(write)


_DOUBTFUL = (
    "Magento gave no answer when the holding order of a pending order was cancelled, and before "
    "2.4.7 Magento may have changed the reservation all the same: cancel the holding order in "
    "Magento, then run `bin/magento inventory:reservation:list-inconsistencies` on the shop's "
    "server to see what is still reserved"
)


def _unclear(now: MagentoOrder) -> CannotMap:
    return CannotMap(
        HoldCode.RESERVATION_UNCLEAR,
        f"Magento order {now.increment_id or now.entity_id}, which holds stock for a pending "
        f"order, was changed there (it is {now.state}): cancel it in Magento, and this goes on by "
        "itself",
        {"state": now.state},
    )
