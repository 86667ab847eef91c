"""Beat's jobs that watch orders in the shops. A concurrent or lost run does no harm."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import chain
from uuid import uuid4

from celery import Celery

from pipeline.base.clock import seconds
from pipeline.base.errors import RemoteError
from pipeline.base.log import log
from pipeline.magento.client import Magento
from pipeline.magento.records import MagentoShipment
from pipeline.magento.rest.odd_rows import OddRow, set_aside
from pipeline.magento.rest.search import batches
from pipeline.magento.rest.shipments import SHIPMENTS
from pipeline.monitoring.shop_reads import Job
from pipeline.orders.order_shop import remember
from tasks.engine.runtime import Runtime
from tasks.jobs.search_and_sweep import send_now
from tasks.jobs.shop_reads import reading

AT_ONCE = 500
"""Orders that are read and stored together: an error in a batch does not affect the others."""
MOST_SHARES = 5
"""The most shares of a round in a run: at a run a minute, 150,000 finished orders an hour."""
MOST_FAILURES = 3
MADE_WITHIN = timedelta(days=1)
"""How old a new shipment may be: bounds the first search of a shop, and the first after a pause."""


def watch_shipments(app: Celery, parts: Runtime, shop_name: str) -> None:
    """Read shipments, states and totals of all open orders, in batches."""
    accounts = accounts_of(parts, shop_name)
    remember(parts.sessions, shop_name, accounts)
    awaited = parts.shipments.awaited(accounts, shop_name)
    _watch(app, parts, shop_name, Job.WATCH, _batches(awaited))


def watch_new_shipments(app: Celery, parts: Runtime, shop_name: str) -> None:
    """Read the shipments that were made since the last run, and the open orders they belong to.

    A shipment that is not read here is read by the watch of all open orders, which also reports
    lasting trouble with the shop.
    """
    accounts, shop = accounts_of(parts, shop_name), parts.clients.shops[shop_name]
    news: list[int] = []
    with parts.leases.hold(f"watch_new:{shop_name}", str(uuid4())) as ours:
        if not ours:
            return
        newest = parts.watches.newest_shipment(shop_name)
        try:
            with set_aside() as odd:
                made = shop.shipments.made_after(newest, parts.clients.now() - MADE_WITHIN)
                awaited = parts.shipments.awaited_among(accounts, shop_name, {*made.values()})
                for some in _batches(awaited):
                    news += _look(parts, shop_name, some, odd)
        except RemoteError as error:
            log.warning("watch_new.stopped", code=error.code, request_id=error.request_id)
            return
        if made:
            parts.watches.note_shipment(shop_name, max(made))
    if news:
        log.info("watch_new.ended", count=len(made), waiting=len(news))
    send_now(app, parts, news)


def watch_confirmed(app: Celery, parts: Runtime, shop_name: str) -> None:
    """Read the next finished orders of the shop's round once more.

    A clerk may have corrected a tracking number or deleted a shipment, and the invoice of an order
    that is placed as complete has not been read. A share that cannot be read is left to the next
    round.
    """
    shares = _shares(parts, shop_name)
    if (first := next(shares, None)) is not None:
        _watch(app, parts, shop_name, Job.WATCH_CONFIRMED, chain((first,), shares))


def _shares(parts: Runtime, shop_name: str) -> Iterator[Mapping[int, int]]:
    """The round's next shares; each is passed over when the next is asked for."""
    every = seconds(parts.settings.timing.watch_confirmed_every_s)
    for _ in range(MOST_SHARES):
        share = parts.watches.next_share(shop_name, parts.clients.now(), every, AT_ONCE)
        if share is None:
            return
        yield share.orders
        parts.watches.pass_over(shop_name, share)


def accounts_of(parts: Runtime, shop_name: str) -> list[str]:
    """The accounts that sell into the shop."""
    accounts = parts.settings.accounts.items()
    return [name for name, account in accounts if account.shop == shop_name]


def _watch(
    app: Celery, parts: Runtime, shop_name: str, job: Job, shares: Iterable[Mapping[int, int]]
) -> None:
    with parts.leases.hold(f"{job}:{shop_name}", str(uuid4())) as ours:
        if not ours:
            return
        news: list[int] = []
        with reading(parts, shop_name, job) as odd:
            count, failures = 0, list[RemoteError]()
            for some in filter(None, shares):
                count += len(some)
                try:
                    news += _look(parts, shop_name, some, odd)
                except RemoteError as error:
                    failures.append(error)
                    if len(failures) == MOST_FAILURES:
                        break
            if failures:
                raise failures[0]
            log.info("watch.ended", count=count, waiting=len(news))
    send_now(app, parts, news)


def _batches(awaited: Mapping[int, int]) -> Iterator[Mapping[int, int]]:
    for entity_ids in batches(awaited, AT_ONCE):
        yield {entity_id: awaited[entity_id] for entity_id in entity_ids}


def _look(
    parts: Runtime, shop_name: str, awaited: Mapping[int, int], odd: list[OddRow]
) -> list[int]:
    """Store the shop's data of these orders; return the ids of the orders with news."""
    shop = parts.clients.shops[shop_name]
    before = len(odd)
    news_before = parts.shipments.news_of(awaited.values())
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
    return parts.shipments.store(
        shop_name, awaited, shipments, states, parts.clients.now(), lost, news_before
    )


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
