"""Reserve the stock of an order that was created with marks: cancel it, then save it without them.

After a crash the Magento order shows which write comes next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pipeline.base.errors import CannotMap
from pipeline.clients import Clients
from pipeline.magento.order.save_again import rewritten
from pipeline.magento.records import MagentoOrder
from pipeline.magento.stock.reserve_by_cancelling import Phase, phase, unmarked
from pipeline.orders.ledger_write import Trace
from pipeline.orders.outcome import HoldCode
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Order

_OPEN, _OPEN_STATUS, _CANCELLED = "new", "pending", "canceled"


def reserved(
    order: Order, now: MagentoOrder, clients: Clients, shipped: Mapping[str, int] | None = None
) -> MagentoOrder:
    """Complete the order's reservation and return the order in its new state.

    `now` is the order as just read or as its creation returned it; an order without marks is
    returned unchanged. `shipped` counts, by the marketplace's item id, the units that had left of
    lines without a product. Raises CannotMap(RESERVATION_UNCLEAR) when a person has to look.
    """
    if phase(now) is Phase.MARKED:
        now = _cancelled(order, now, clients)
    elif phase(now) is not Phase.UNCLEAR:
        # An earlier run may have made these writes without recording their end.
        made = [_reservation(order, now, clients)]
        made += [_reopening(order, now, clients)] if phase(now) is not Phase.HIDDEN else []
        clients.ledger_of(order).seen(*made, remote_id=str(now.entity_id))
    if phase(now) is Phase.HIDDEN:
        now = _reopened(order, now, clients, shipped or {})
    if phase(now) not in (Phase.THROUGH, Phase.CANCELLED):
        raise _unclear(now)
    return now


def _cancelled(order: Order, now: MagentoOrder, clients: Clients) -> MagentoOrder:
    """Reserve the stock: cancel the marked order."""
    shop, entity_id = clients.shop(order), now.entity_id

    def send() -> MagentoOrder:
        if shop.orders.cancel(entity_id):
            return replace(now, state=_CANCELLED, status=_CANCELLED)
        in_shop = shop.orders.get(entity_id)
        if phase(in_shop) in (Phase.MARKED, Phase.UNCLEAR):
            raise _unclear(in_shop)
        return in_shop

    is_locked = clients.shop_settings(order).release.cancels_under_lock
    made = clients.ledger_of(order).once(
        _reservation(order, now, clients).write(
            send,
            HoldCode.RESERVATION_UNCLEAR,
            id_of=_entity_id,
            when_unsure="" if is_locked else _doubtful(now),
            is_to_be_seen=True,
        )
    )
    return made.answer or shop.orders.get(entity_id)


def _reopened(
    order: Order, now: MagentoOrder, clients: Clients, shipped: Mapping[str, int]
) -> MagentoOrder:
    """Reopen the cancelled order without its marks."""
    shop, entity_id = clients.shop(order), now.entity_id
    lines = unmarked(now, shipped)
    body = rewritten(now, state=_OPEN, status=_OPEN_STATUS, lines=lines)

    made = clients.ledger_of(order).once(
        _reopening(order, now, clients).write(
            lambda: shop.orders.save(body),
            HoldCode.RESERVATION_UNCLEAR,
            id_of=lambda _: str(entity_id),
            is_to_be_seen=lambda is_shown: not is_shown,
        )
    )
    if not made.by_us:
        return shop.orders.get(entity_id)
    items = tuple(replace(item, quantity_shipped=lines[item.item_id].shipped) for item in now.items)
    return replace(now, state=_OPEN, status=_OPEN_STATUS, items=items)


def _entity_id(now: MagentoOrder) -> str:
    return str(now.entity_id)


def _reservation(order: Order, now: MagentoOrder, clients: Clients) -> Trace:
    """The trace of the cancellation: the order is no longer in the marked phase."""
    shop, entity_id = clients.shop(order), now.entity_id

    def find() -> str | None:
        in_shop = shop.orders.get(entity_id)
        if phase(in_shop) is Phase.UNCLEAR:
            raise _unclear(in_shop)
        return None if phase(in_shop) is Phase.MARKED else str(entity_id)

    return clients.ledger_of(order).trace("reserve", kind=EffectKind.RESERVATION, find=find)


def _reopening(order: Order, now: MagentoOrder, clients: Clients) -> Trace:
    """The trace of the save: the order is no longer cancelled by us."""
    shop, entity_id = clients.shop(order), now.entity_id

    def find() -> str | None:
        return None if phase(shop.orders.get(entity_id)) is Phase.HIDDEN else str(entity_id)

    return clients.ledger_of(order).trace("reopen", kind=EffectKind.REOPENING, find=find)


def _unclear(now: MagentoOrder) -> CannotMap:
    number = now.increment_id or str(now.entity_id)
    return CannotMap(
        HoldCode.RESERVATION_UNCLEAR,
        f"Magento order {number} was changed there (it is {now.state}) before its stock could be "
        "reserved. If it is on hold, take it off and this goes on by itself; if it was invoiced, "
        "ship it outside Magento, take its goods off the stock by hand and confirm it in Seller "
        "Central",
        {"state": now.state},
    )


def _doubtful(now: MagentoOrder) -> str:
    number = now.increment_id or str(now.entity_id)
    return (
        f"Magento gave no answer when the stock of order {number} was reserved, and before 2.4.7 "
        "Magento may have reserved it all the same. Cancel that order in Magento and this goes on "
        "by itself; then run `bin/magento inventory:reservation:list-inconsistencies` on the "
        "shop's server to see whether it is reserved twice"
    )
