"""Beat's jobs that watch orders in the shops. A concurrent or lost run does no harm."""

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
"""Orders that are read and stored together: an error in a batch does not affect the others."""
MOST_FAILURES = 3


def watch_shipments(app: Celery, parts: Runtime, shop_name: str) -> None:
    """Read shipments, states and totals of all open orders, in batches."""
    accounts = accounts_of(parts, shop_name)
    remember(parts.sessions, shop_name, accounts)
    awaited = parts.shipments.awaited(accounts, shop_name)
    _watch(app, parts, shop_name, Job.WATCH, awaited)


def watch_confirmed(app: Celery, parts: Runtime, shop_name: str) -> None:
    """Read the recently finished orders once more.

    A clerk may have corrected a tracking number or deleted a shipment, and the invoice of an order
    that is placed as complete has not been read.
    """
    since = parts.clients.now() - MAY_HAVE_NEWS
    lately = parts.shipments.lately(accounts_of(parts, shop_name), shop_name, since)
    _watch(app, parts, shop_name, Job.WATCH_CONFIRMED, lately)


def accounts_of(parts: Runtime, shop_name: str) -> list[str]:
    """The accounts that sell into the shop."""
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
                some = {entity_id: awaited[entity_id] for entity_id in entity_ids}
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
    """Store the shop's data of these orders; return the ids of the orders with news."""
    before = len(odd)
    shipments, gone = _shipments(parts, shop, awaited)
    states = shop.orders.by_ids(awaited)
    if any(row.path == SHIPMENTS and not row.order_id for row in odd[before:]):
        gone = {}  # The unreadable shipment may be any of the missing shipments.
    unreadable = {row.order_id for row in odd[before:]}
    lost = {
        shipment_id
        for order_id, ids in gone.items()
        if order_id in states and order_id not in unreadable
        for shipment_id in ids
    }
    return parts.shipments.store(awaited, shipments, states, parts.clients.now(), lost)


def _shipments(
    parts: Runtime, shop: Magento, awaited: Mapping[int, int]
) -> tuple[list[MagentoShipment], dict[int, set[int]]]:
    """The shop's shipments of these orders, and the ids of deleted shipments, by order.

    A page that shifts during the search omits a shipment, so a shipment counts as deleted only when
    a second reply about its order lacks it too.
    """
    shipments = shop.shipments.of_orders(awaited)
    missing = parts.shipments.missing(awaited, shipments)
    if not missing:
        return shipments, {}
    again = shop.shipments.of_orders(sorted(missing))
    present = {shipment.entity_id for shipment in again}
    others = [shipment for shipment in shipments if shipment.order_id not in missing]
    return [*others, *again], {order_id: ids - present for order_id, ids in missing.items()}
