"""Beat's job that uploads invoices to Amazon. A concurrent or lost run does no harm."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from uuid import uuid4

from pipeline.amazon.invoice_feed import MARKETPLACES
from pipeline.base.errors import RemoteError
from pipeline.base.log import log
from pipeline.base.quota import Lane
from pipeline.invoices.pauses import Pauses
from pipeline.invoices.pdf_source import fetch
from pipeline.invoices.sending import InvoiceWay
from pipeline.invoices.uploads import Shipped, Uploads
from tasks.engine.runtime import Runtime

NEW_AT_ONCE = 500
UPLOADS_AT_ONCE = 100


def run_invoices(parts: Runtime, account: str) -> None:
    """Keep the invoices of shipped orders, and advance those that are due.

    Without a marketplace that has invoices uploaded there is nothing to do, but for the feeds that
    Amazon has already.
    """
    uploads = Uploads(parts.sessions, account)
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
        if not takes:
            pauses.resume(now)
        elif not pauses.stop(now):
            _keep(parts, uploads, uploads.shipped(takes, now, NEW_AT_ONCE))
        way = InvoiceWay(
            uploads,
            # Refunds, confirmations and cancellations have the quota of feeds first.
            replace(parts.clients.feeds[account], lane=Lane.BACKFILL),
            pauses,
            lambda marketplace_id: counts.for_order(account, marketplace_id),
            fetch,
            parts.clients.now,
            lambda: parts.writes.ask(account),
        )
        way.go(takes, UPLOADS_AT_ONCE)


def _keep(parts: Runtime, uploads: Uploads, orders: list[Shipped]) -> None:
    """Read the invoices of these orders from their shops, and keep them to be uploaded."""
    by_shop: dict[str, list[Shipped]] = defaultdict(list)
    for order in orders:
        if order.shop is not None:
            by_shop[order.shop].append(order)
    for shop, of_shop in by_shop.items():
        if shop not in parts.clients.shops:
            continue
        try:
            invoices = parts.clients.shops[shop].invoices.numbered(
                [order.magento_order_id for order in of_shop if order.magento_order_id is not None]
            )
        except RemoteError as error:
            log.warning("invoices.shop_unread", shop=shop, code=error.code)
            continue
        new = uploads.add(of_shop, invoices, parts.clients.now())
        log.info("invoices.new", shop=shop, count=new)
