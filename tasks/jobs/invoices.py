"""Beat's job that uploads invoices to Amazon. A concurrent or lost run does no harm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from uuid import uuid4

from pipeline.amazon.invoice_feed import MARKETPLACES
from pipeline.base.errors import RemoteError
from pipeline.base.log import log
from pipeline.base.quota import Lane
from pipeline.invoices.pauses import Pauses
from pipeline.invoices.pdf_source import fetch
from pipeline.invoices.sending import InvoiceWay
from pipeline.invoices.uploads import Uploads
from pipeline.invoices.wanted import UNREADABLE, Wanted, WantedInvoices
from pipeline.magento.rest.odd_rows import OddRow, set_aside
from pipeline.monitoring.shop_reads import tell_odd
from tasks.engine.runtime import Runtime

NEW_AT_ONCE = 500
UPLOADS_AT_ONCE = 100


def run_invoices(parts: Runtime, account: str) -> None:
    """Find the invoices of shipped orders in their shops, and advance those that are due.

    Without a marketplace that has invoices uploaded there is nothing to do, but for the feeds that
    Amazon has already.
    """
    pauses = Pauses(parts.incidents, account)
    counts = parts.clients.in_force()
    takes = [
        marketplace_id
        for marketplace_id in MARKETPLACES
        if counts.for_order(account, marketplace_id).invoices_to_amazon != "off"
    ]
    with parts.leases.hold(f"invoices:{account}", str(uuid4())) as ours:
        if not ours:
            return
        now = parts.clients.now()
        wanted = WantedInvoices(parts.sessions, account)
        if not takes:
            pauses.resume(now)
        elif not pauses.stop(now):
            _find(parts, wanted, takes)
        _tell_unreadable(parts, wanted, account, takes)
        way = InvoiceWay(
            Uploads(parts.sessions, account),
            # Refunds, confirmations and cancellations have the quota of feeds first.
            replace(parts.clients.feeds[account], lane=Lane.BACKFILL),
            pauses,
            counts.accounts[account].shop,
            lambda marketplace_id: counts.for_order(account, marketplace_id),
            fetch,
            parts.clients.now,
            lambda: parts.writes.ask(account),
        )
        way.go(takes, UPLOADS_AT_ONCE)


def _find(parts: Runtime, wanted: WantedInvoices, marketplace_ids: Collection[str]) -> None:
    """Read the invoices that are due from their shops, and have them uploaded."""
    wanted.want(marketplace_ids, parts.clients.now(), NEW_AT_ONCE)
    by_shop: dict[str | None, list[Wanted]] = defaultdict(list)
    for order in wanted.due(marketplace_ids, parts.clients.now(), NEW_AT_ONCE):
        by_shop[order.shop].append(order)
    for shop, orders in by_shop.items():
        _find_in(parts, wanted, shop, {order.order_id: order.magento_order_id for order in orders})


def _find_in(
    parts: Runtime, wanted: WantedInvoices, shop: str | None, orders: dict[int, int | None]
) -> None:
    if shop is None or shop not in parts.clients.shops:
        wanted.not_found(orders, parts.clients.now(), "its shop is not configured any more")
        return
    entity_ids = [entity_id for entity_id in orders.values() if entity_id is not None]
    try:
        with set_aside() as odd:
            invoices = parts.clients.shops[shop].invoices.numbered(entity_ids)
    except RemoteError as error:
        log.warning("invoices.shop_unread", shop=shop, code=error.code)
        wanted.not_found(orders, parts.clients.now())
        return
    own = {order_id: invoices.get(entity_id or 0, ()) for order_id, entity_id in orders.items()}
    unread = {row.order_id for row in odd}
    # An order with a second invoice that cannot be read is not one with a single invoice, and a row
    # that names no order may be the invoice of each order without one.
    unreadable = {
        order_id
        for order_id, found in own.items()
        if orders[order_id] in unread or (0 in unread and not found)
    }
    missing = {order_id for order_id, found in own.items() if not found} - unreadable
    now = parts.clients.now()
    count = wanted.found({key: own[key] for key in own.keys() - unreadable}, now)
    wanted.not_found(unreadable, now, UNREADABLE)
    wanted.not_found(missing, now, "the shop shows no invoice of its Magento order")
    log.info("invoices.new", shop=shop, count=count)


def _tell_unreadable(
    parts: Runtime, wanted: WantedInvoices, account: str, marketplace_ids: Collection[str]
) -> None:
    """Have an incident for each shop whose invoices cannot be read, as long as some are wanted."""
    unreadable = wanted.unreadable(marketplace_ids)
    for shop in parts.clients.shops:
        odd = [OddRow("/invoices", order_id=entity_id) for entity_id in unreadable.get(shop, ())]
        now = parts.clients.now()
        tell_odd(parts.incidents, shop, "invoices", odd, now, account=account)
