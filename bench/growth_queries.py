"""The queries that run by the clock and that people wait for, by job or page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from bench.rig import ACCOUNT, SHOP, Rig
from bench.stub.amazon import Amazon
from pipeline.base.db import Sessions
from pipeline.base.incidents import Incidents
from pipeline.base.money import ZERO
from pipeline.base.vault import Vault
from pipeline.intake.backfills import Backfills
from pipeline.intake.credit_memos import Refunds
from pipeline.intake.fetch_list import Fetching
from pipeline.intake.reports import readable
from pipeline.intake.store import Intake
from pipeline.magento.client import Magento
from pipeline.magento.records import CreditMemo
from pipeline.monitoring.account_checks import check_all
from pipeline.monitoring.alerts import Alerts
from pipeline.monitoring.health import health
from pipeline.monitoring.installation_checks import watch
from pipeline.monitoring.purging import Purging
from pipeline.monitoring.read_only import Writes
from pipeline.monitoring.reconcile.read import read
from pipeline.monitoring.reconcile.runs import Runs
from pipeline.monitoring.reconcile.tables import Reconciliation
from pipeline.operations.acts.many_orders import BulkActs
from pipeline.operations.history.thinning import Thinning
from pipeline.operations.lists.board import Board
from pipeline.operations.lists.counts import counts
from pipeline.operations.lists.filters import Filters
from pipeline.operations.lists.orders import Listing
from pipeline.orders.machine import Orders
from pipeline.orders.order_shop import remember
from pipeline.products.stock_guard import StockGuard
from pipeline.shipping.backlog import Backlog
from pipeline.shipping.feed_collecting import GAP, collect
from pipeline.shipping.shop_shipments import Shipments
from pipeline.shipping.shop_watches import ShopWatches
from tasks.jobs.search_and_sweep import BATCH
from tasks.jobs.watch_shop import AT_ONCE

PAGE = 100
_HOUR = timedelta(hours=1)
# A shop that says nothing of its stock: the guard's own queries are what is measured.
_NO_STOCK = cast("Magento", SimpleNamespace(inventory=SimpleNamespace(stocks=list)))

Query = Callable[[], Any]


def queries(rig: Rig, sessions: Sessions, now: datetime) -> dict[str, Query]:
    """All of them, on a filled database. The last store what the others would read."""
    return {
        **_of_jobs(rig, sessions, now),
        **_of_pages(rig, sessions, now),
        **_with_news(rig, sessions, now),
    }


def _of_jobs(rig: Rig, sessions: Sessions, now: datetime) -> dict[str, Query]:
    settings, incidents = rig.parts.settings, Incidents(sessions)
    vault, accounts = Vault(*settings.master_keys), [ACCOUNT]
    orders = Orders(sessions, vault, settings.timing, {ACCOUNT: SHOP})
    shipments, watches = Shipments(sessions, vault), ShopWatches(sessions)
    open_ones = shipments.awaited(accounts, SHOP)
    some = list(open_ones)[:PAGE]
    writes = Writes(settings, sessions, lambda: now)
    turn = iter(range(1, 1_000))

    def sweep() -> object:
        # A later sweep finds the same orders due again.
        return orders.due(now + next(turn) * timedelta(minutes=2), BATCH)

    def feeds() -> object:
        with sessions() as session:
            return [collect(session, ACCOUNT, kind, now) for kind in GAP]

    return {
        "sweep": sweep,
        "fetch": lambda: Fetching(sessions).take(ACCOUNT, now, PAGE),
        "backfills": lambda: Backfills(sessions).due(now),
        "watch: shops of orders": lambda: remember(sessions, SHOP, accounts),
        "watch: open orders": lambda: shipments.awaited(accounts, SHOP),
        "watch: their packages": lambda: shipments.missing(open_ones, []),
        "watch: new shipments": lambda: shipments.awaited_among(accounts, SHOP, some),
        "watch: a share of the finished": lambda: _share(watches, now),
        "guard": lambda: StockGuard(settings, sessions, incidents).run(SHOP, _NO_STOCK, now),
        "feeds: backlog": lambda: Backlog(sessions, {ACCOUNT: lambda: 2.0}).is_large(ACCOUNT),
        "feeds: messages": feeds,
        "bulk acts": lambda: BulkActs(sessions, vault).go_on(now),
        "accounts": lambda: check_all(sessions, settings, now),
        "alert: installation": lambda: watch(settings, sessions, incidents, writes, now),
        "alert: deliveries": lambda: Alerts(sessions, {}, lambda: now).deliver(),
        "purge: buyers' data": Purging(sessions, now, 30).count,
        "purge: old rows": lambda: Thinning(sessions).count(now),
        "reconcile: due": lambda: Runs(sessions).due(now),
        "reconcile: unseen": lambda: Runs(sessions).unseen(
            Reconciliation(id=1, account=ACCOUNT), PAGE
        ),
    }


def _share(watches: ShopWatches, now: datetime) -> dict[int, int]:
    share = watches.next_share(SHOP, now, _HOUR, AT_ONCE)
    return share.orders if share else {}


def _of_pages(rig: Rig, sessions: Sessions, now: datetime) -> dict[str, Query]:
    board, listing = Board(sessions, now), Listing(sessions)
    return {
        "board: to ship": board.to_ship,
        "board: unconfirmed": board.unconfirmed,
        "board: counts": board.standing,
        "tab: first page": lambda: listing.page(Filters()),
        "tab: counts": lambda: counts(sessions, everything=False),
        "health": lambda: health(rig.parts.settings, sessions, rig.parts.broker, now),
    }


def _with_news(rig: Rig, sessions: Sessions, now: datetime) -> dict[str, Query]:
    """A page of known orders, as the remotes report them."""
    settings, stub = rig.parts.settings, Amazon()
    vault = Vault(*settings.master_keys)
    clients = replace(rig.parts.clients, in_force=lambda: settings)
    channel = clients.channels[ACCOUNT]
    reports = [stub.order(number) for number in stub.place(PAGE + 1, is_fba=False)][1:]
    told = readable(vault, ACCOUNT, channel, reports, now)
    memos = [CreditMemo(n, n, str(n), now, "EUR", ZERO, ZERO, ()) for n in range(1, PAGE + 1)]
    intake = Intake(sessions, vault, settings.timing)
    account = settings.accounts[ACCOUNT]
    return {
        "reconcile: a page": lambda: read(sessions, clients, ACCOUNT, told),
        "refunds: a page": lambda: Refunds(sessions).store([ACCOUNT], SHOP, memos),
        "poll: a page": lambda: intake.store(ACCOUNT, account, channel, reports, now),
    }
