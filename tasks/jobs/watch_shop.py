"""The watch of what becomes of orders in the shops. Safe to run twice at once, and to lose."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from uuid import uuid4

from celery import Celery

from pipeline.base.errors import RemoteError
from pipeline.base.log import log
from pipeline.magento.client import Magento
from pipeline.magento.records import MagentoShipment
from pipeline.magento.rest.odd_rows import OddRow
from pipeline.magento.rest.search import batches
from pipeline.magento.rest.shipments import SHIPMENTS
from pipeline.monitoring.shop_reads import Job
from pipeline.orders.order_shop import remember
from tasks.engine.runtime import Runtime
from tasks.jobs.search_and_sweep import send_now
from tasks.jobs.shop_reads import reading

MAY_HAVE_NEWS = timedelta(days=7)
AT_ONCE = 500
"""Orders that are read and stored together: what fails of some is no matter to the others."""
MOST_FAILURES = 3


def watch_shipments(app: Celery, parts: Runtime, shop_name: str) -> None:
    """Read shipments, states and totals of all orders that are not through, in batches."""
    accounts = accounts_of(parts, shop_name)
    remember(parts.sessions, shop_name, accounts)
    awaited = parts.shipments.awaited(accounts, shop_name)
    _watch(app, parts, shop_name, Job.WATCH, awaited)


def watch_confirmed(app: Celery, parts: Runtime, shop_name: str) -> None:
    """Read once more what is through since lately.

    A clerk may have mended a tracking number or deleted a shipment, and of an order that is placed
    as complete nobody has seen the invoice.
    """
    since = parts.clients.now() - MAY_HAVE_NEWS
    lately = parts.shipments.lately(accounts_of(parts, shop_name), shop_name, since)
    _watch(app, parts, shop_name, Job.WATCH_CONFIRMED, lately)


def accounts_of(parts: Runtime, shop_name: str) -> list[str]:
    """The accounts that sell into a shop."""
    accounts = parts.settings.accounts.items()
    return [name for name, account in accounts if account.shop == shop_name]


def _watch(
    app: Celery, parts: Runtime, shop_name: str, job: Job, awaited: Mapping[int, int]
) -> None:
    with parts.leases.hold(f"watch:{shop_name}", str(uuid4())) as ours:
        if not ours:
            return
        news: list[int] = []
        with reading(parts, shop_name, job) as odd:
            failures: list[RemoteError] = []
            for entity_ids in batches(awaited, AT_ONCE):
                some = {one: awaited[one] for one in entity_ids}
                try:
                    news += _look(parts, parts.clients.shops[shop_name], some, odd)
                except RemoteError as error:
                    failures.append(error)
                    if len(failures) == MOST_FAILURES:
                        break
            if failures:
                raise failures[0]
            log.info("watch.ended", count=len(awaited), waiting=len(news))
    send_now(app, parts, news)


def _look(
    parts: Runtime, shop: Magento, awaited: Mapping[int, int], odd: list[OddRow]
) -> list[int]:
    """Bring what the shop says of these orders to them; the ids of those with news."""
    before = len(odd)
    shipments, gone = _shipments(parts, shop, awaited)
    states = shop.orders.by_ids(awaited)
    if any(one.path == SHIPMENTS and not one.order_id for one in odd[before:]):
        gone = {}  # any of them may be the shipment that cannot be read
    told_odd = {one.order_id for one in odd[before:]}
    lost = {
        one
        for order_id, ids in gone.items()
        if order_id in states and order_id not in told_odd
        for one in ids
    }
    return parts.shipments.store(awaited, shipments, states, parts.clients.now(), lost)


def _shipments(
    parts: Runtime, shop: Magento, awaited: Mapping[int, int]
) -> tuple[list[MagentoShipment], dict[int, set[int]]]:
    """The shop's shipments of these orders, and which ones it has deleted, by order.

    A page that shifts while it is read leaves a shipment out, so that one counts as deleted only
    when a second answer about its order has not got it either.
    """
    shipments = shop.shipments.of_orders(awaited)
    missing = parts.shipments.missing(awaited, shipments)
    if not missing:
        return shipments, {}
    again = shop.shipments.of_orders(sorted(missing))
    there = {one.entity_id for one in again}
    others = [one for one in shipments if one.order_id not in missing]
    return [*others, *again], {order_id: ids - there for order_id, ids in missing.items()}
