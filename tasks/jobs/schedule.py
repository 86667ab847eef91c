"""Beat's jobs, a row for each: the Celery tasks, beat's timetable and the table in the operations
page are made from these rows.

A concurrent run of a job does no harm, nor does a lost run: the next run does its work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from celery import Celery
from structlog.contextvars import bound_contextvars

from pipeline.base.log import log
from pipeline.settings.model import Settings, Timing
from tasks.engine.runtime import runtime
from tasks.jobs.accounts import check_accounts
from tasks.jobs.alerts import alert
from tasks.jobs.backfills import run_backfills
from tasks.jobs.bulk import run_bulk_acts
from tasks.jobs.credit_memos import watch_refunds
from tasks.jobs.digests import send_digests
from tasks.jobs.feeds import run_feeds
from tasks.jobs.invoices import run_invoices
from tasks.jobs.notifications import fetch_due, fetch_orders, read_notifications
from tasks.jobs.order_money import read_order_money
from tasks.jobs.purge import purge
from tasks.jobs.reconcile import reconcile
from tasks.jobs.refunds import run_refunds
from tasks.jobs.refunds_from_amazon import refunds_from_amazon
from tasks.jobs.returns import read_returns
from tasks.jobs.search_and_sweep import poll_amazon, resume_due
from tasks.jobs.settlements import read_settlements
from tasks.jobs.spread import Spread
from tasks.jobs.stock_guard import guard_stock
from tasks.jobs.transactions import watch_transactions
from tasks.jobs.watch_shop import watch_confirmed, watch_new_shipments, watch_shipments
from tasks.jobs.webhooks import send_webhooks, send_webhooks_to

SHORTEST_EXPIRY_S = 30.0


class Scope(StrEnum):
    """The scope of a job. A task takes the name of its account or shop, if its scope has one."""

    ONCE = "once for all"
    ACCOUNT = "each account"
    ACCOUNT_WITH_QUEUE = "each account with a notification queue"
    ACCOUNT_WITH_SELLER_ID = "each account with a `seller_id`"
    ACCOUNT_WHEN_DUE = "each account with due orders on its fetch list"
    SHOP = "each shop"
    ENDPOINT_WHEN_DUE = "each webhook endpoint with due events"

    def names(self, settings: Settings) -> Iterable[str]:
        """The accounts or shops that a job of this scope runs for."""
        accounts = settings.accounts.items()
        match self:
            case Scope.ONCE | Scope.ACCOUNT_WHEN_DUE | Scope.ENDPOINT_WHEN_DUE:
                return ()
            case Scope.ACCOUNT:
                return settings.accounts
            case Scope.ACCOUNT_WITH_QUEUE:
                return [name for name, account in accounts if account.notifications is not None]
            case Scope.ACCOUNT_WITH_SELLER_ID:
                return [name for name, account in accounts if account.seller_id]
            case Scope.SHOP:
                return settings.shops


@dataclass(frozen=True, slots=True)
class Job:
    """A job. Its task is named after `function`, its entries in beat's timetable after `name`.

    `period` is a time, or the setting of `[timing]` with the period in seconds. `function` takes
    the runtime and the name of the account or shop; a function that `sends` orders takes the app
    before them. `does` describes the job in a sentence.
    """

    name: str
    function: Callable[..., None]
    period: timedelta | str
    scope: Scope
    does: str
    sends: bool = False

    @property
    def task(self) -> str:
        """The name of its Celery task, without the prefix."""
        return self.function.__name__

    def every_s(self, timing: Timing) -> float:
        """Its period in seconds."""
        if isinstance(self.period, timedelta):
            return self.period.total_seconds()
        return float(getattr(timing, self.period))


JOBS = (
    Job(
        "sweep",
        resume_due,
        "sweep_every_s",
        Scope.ONCE,
        "Sends a message for every order that is due, even if its last message was lost.",
        sends=True,
    ),
    Job(
        "poll",
        poll_amazon,
        "poll_every_s",
        Scope.ACCOUNT,
        "Searches Amazon for the orders that changed since the watermark, and stores them.",
        sends=True,
    ),
    Job(
        "notifications",
        read_notifications,
        "read_notifications_every_s",
        Scope.ACCOUNT_WITH_QUEUE,
        "Reads from the notification queue which orders changed.",
    ),
    Job(
        "fetch",
        fetch_due,
        "fetch_orders_every_s",
        Scope.ONCE,
        "Starts the next job for the accounts that have due orders on their fetch list.",
        sends=True,
    ),
    # Not in beat's timetable: most accounts have nothing to read most of the time.
    Job(
        "fetch account",
        fetch_orders,
        "fetch_orders_every_s",
        Scope.ACCOUNT_WHEN_DUE,
        "Reads the orders that a notification or a backfill named, one by one.",
        sends=True,
    ),
    Job(
        "backfills",
        run_backfills,
        "run_backfills_every_s",
        Scope.ONCE,
        "Continues every running backfill, as far as its share of the quota allows.",
        sends=True,
    ),
    Job(
        "feeds",
        run_feeds,
        timedelta(seconds=30),
        Scope.ACCOUNT_WITH_SELLER_ID,
        "Sends confirmations and cancellations to Amazon in feeds, and reads their results.",
    ),
    Job(
        "watch",
        watch_shipments,
        "watch_shipments_every_s",
        Scope.SHOP,
        "Reads shipments, states and invoice totals of all orders that have not ended.",
        sends=True,
    ),
    Job(
        "watch new",
        watch_new_shipments,
        "watch_new_shipments_every_s",
        Scope.SHOP,
        "Reads the shipments that were made since the last run, for the orders they belong to.",
        sends=True,
    ),
    # Often, since a run reads a share of a round.
    Job(
        "watch confirmed",
        watch_confirmed,
        timedelta(minutes=1),
        Scope.SHOP,
        "Reads once more the orders that were confirmed in the last seven days, in rounds"
        " (`watch_confirmed_every_s`).",
        sends=True,
    ),
    Job(
        "transactions",
        watch_transactions,
        "watch_transactions_every_s",
        Scope.ACCOUNT,
        "Reads Amazon's transactions: the charges, fees and refunds of orders.",
    ),
    Job(
        "order money",
        read_order_money,
        timedelta(minutes=1),
        Scope.ACCOUNT,
        "Reads the transactions of single orders: of those that a person or a notification named,"
        " and of those whose money is held back too long.",
    ),
    Job(
        "refunds",
        watch_refunds,
        "watch_refunds_every_s",
        Scope.SHOP,
        "Reads the shop's new credit memos and keeps them with their orders, and those of the last "
        "two days again, for a word in a comment.",
    ),
    # Often, since it also follows the reports that Amazon is making.
    Job(
        "returns",
        read_returns,
        timedelta(minutes=2),
        Scope.ACCOUNT,
        "Asks for Amazon's reports of buyers' returns when they are due (`read_returns_every_s`),"
        " and stores them.",
    ),
    Job(
        "settlements",
        read_settlements,
        "read_settlements_every_s",
        Scope.ACCOUNT,
        "Reads the settlements that Amazon has made, and compares them with the transactions.",
    ),
    Job(
        "refunds to Amazon",
        run_refunds,
        timedelta(minutes=2),
        Scope.ACCOUNT_WITH_SELLER_ID,
        "Decides about the refunds of new credit memos, and looks for those without a result"
        " (`refunds_to_amazon`).",
    ),
    Job(
        "refunds from Amazon",
        refunds_from_amazon,
        timedelta(minutes=5),
        Scope.SHOP,
        "Notes in the shop, or books there, the refunds that were made at Amazon"
        " (`refunds_from_amazon`).",
    ),
    Job(
        "invoices",
        run_invoices,
        timedelta(minutes=2),
        Scope.ACCOUNT,
        "Uploads the invoices of shipped orders to Amazon, and reads the results.",
    ),
    Job(
        "guard stock",
        guard_stock,
        "guard_stock_every_s",
        Scope.SHOP,
        "Compares the quantities a shop would sell with what its open orders leave to sell.",
    ),
    Job(
        "bulk acts",
        run_bulk_acts,
        timedelta(seconds=5),
        Scope.ONCE,
        "Retries, dismisses, resumes or ships the next orders of the bulk jobs.",
    ),
    # Often, since it also continues a reconciliation that waits for quota.
    Job(
        "reconcile",
        reconcile,
        timedelta(minutes=1),
        Scope.ONCE,
        "Begins the comparisons with Amazon and the shop that are due (`reconcile_every_s`), and"
        " goes on with the running ones.",
    ),
    Job(
        "check accounts",
        check_accounts,
        timedelta(minutes=5),
        Scope.ONCE,
        "Opens incidents for client secrets that expire and accounts that could not be read.",
    ),
    Job(
        "alert",
        alert,
        timedelta(seconds=30),
        Scope.ONCE,
        "Checks the installation, and sends incidents by webhook and mail.",
    ),
    Job(
        "digests",
        send_digests,
        timedelta(minutes=5),
        Scope.ONCE,
        "Sends people the daily mail that they asked for, at most once a day.",
    ),
    Job(
        "webhooks",
        send_webhooks,
        timedelta(seconds=5),
        Scope.ONCE,
        "Starts the next job for the webhook endpoints that have due events.",
        sends=True,
    ),
    # Not in beat's timetable either: an endpoint is not in the configuration.
    Job(
        "webhooks of endpoint",
        send_webhooks_to,
        timedelta(seconds=5),
        Scope.ENDPOINT_WHEN_DUE,
        "Sends the due events to the endpoint, in the sequence of each order.",
    ),
    Job(
        "purge",
        purge,
        timedelta(hours=1),
        Scope.ONCE,
        "Destroys buyers' data when it is due (`purge_after_days`), and deletes old history.",
    ),
)


def register(app: Celery) -> None:
    """Make each job a Celery task of the app."""
    for job in JOBS:
        takes = () if job.scope is Scope.ONCE else (str,)
        app.task(name=f"orderbridge.{job.task}", takes=takes)(_task(app, job))


def timetable(settings: Settings) -> dict[str, dict[str, Any]]:
    """Beat's schedule. A message that is not taken in time expires: the next does its work.

    The entries of a job for several accounts or shops are spread over its period.
    """
    entries: dict[str, dict[str, Any]] = {}
    for job in JOBS:
        every_s = job.every_s(settings.timing)
        names = list(job.scope.names(settings))
        calls: list[tuple[str, ...]] = [(name,) for name in names]
        if job.scope is Scope.ONCE:
            calls = [()]
        for place, args in enumerate(calls):
            entries[" ".join((job.name, *args))] = {
                "task": f"orderbridge.{job.task}",
                "schedule": every_s if len(calls) == 1 else Spread(every_s, place / len(calls)),
                "args": args,
                "options": {"expires": max(every_s, SHORTEST_EXPIRY_S)},
            }
    return entries


def _task(app: Celery, job: Job) -> Callable[..., None]:
    """The job as a task.

    A message may wait in its queue while its account or shop is removed from the configuration, or
    come from a beat with the old configuration: then the task does nothing.
    """
    work = partial(job.function, app) if job.sends else job.function

    def once() -> None:
        with bound_contextvars(job=job.task):
            work(runtime())

    def for_account(account: str) -> None:
        with bound_contextvars(job=job.task, account=account):
            parts = runtime()
            if account in parts.settings.accounts:
                work(parts, account)
            else:
                log.warning("job.unknown_account")

    def for_shop(shop: str) -> None:
        with bound_contextvars(job=job.task, shop=shop):
            parts = runtime()
            if shop in parts.settings.shops:
                work(parts, shop)
            else:
                log.warning("job.unknown_shop")

    def for_endpoint(endpoint: str) -> None:
        with bound_contextvars(job=job.task):
            work(runtime(), endpoint)

    match job.scope:
        case Scope.ONCE:
            return once
        case Scope.ENDPOINT_WHEN_DUE:
            return for_endpoint
        case Scope.SHOP:
            return for_shop
        case _:
            return for_account
