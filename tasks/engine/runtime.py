"""The parts of a worker process, built on first use: an import reads and connects nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from threading import Lock

import redis

from pipeline import clients
from pipeline.amazon.sqs import Queue
from pipeline.base import db, http
from pipeline.base.incidents import Incidents
from pipeline.base.lease import Leases
from pipeline.base.shared_clock import SharedClock
from pipeline.base.tracing import Tracing
from pipeline.base.vault import Vault
from pipeline.intake.fetch_list import Fetching
from pipeline.intake.search_progress import SearchProgress
from pipeline.intake.search_windows import SearchWindows
from pipeline.intake.store import Intake
from pipeline.monitoring.read_only import Writes
from pipeline.orders.ledger import Ledger
from pipeline.orders.machine import Orders
from pipeline.orders.order_words import WordKeeper
from pipeline.settings import file
from pipeline.settings import model as settings
from pipeline.shipping.shop_shipments import Shipments
from pipeline.shipping.shop_watches import ShopWatches
from tasks.engine.runner import Runner
from tasks.engine.runs_in_hand import Runs


@dataclass(frozen=True, slots=True)
class Runtime:
    """The wired parts of a process."""

    settings: settings.Settings
    clients: clients.Clients
    orders: Orders
    intake: Intake
    shipments: Shipments
    watches: ShopWatches
    leases: Leases
    runner: Runner
    incidents: Incidents
    fetching: Fetching
    windows: SearchWindows
    progress: SearchProgress
    queues: Mapping[str, Queue]
    sessions: db.Sessions
    broker: redis.Redis
    writes: Writes
    vault: Vault


def build(loaded: settings.Settings, moved_clock: Callable[[], datetime] | None = None) -> Runtime:
    """Wire a runtime from settings. A moved clock also applies to the quotas.

    Raises NotInstalled for tracing without its packages.
    """
    tracing = Tracing(loaded.tracing.otlp_url) if loaded.tracing is not None else None
    http.observe(tracing.observed if tracing is not None else None)
    sessions = db.sessions_for(db.engine_for(loaded.database_url.get_secret_value()))
    now = moved_clock or SharedClock(sessions)
    broker = loaded.broker.client()
    vault = Vault(*loaded.master_keys)
    writes = Writes(loaded, sessions, now)
    ledger = Ledger(sessions, now, writes.ask, WordKeeper(sessions, vault))
    quota_clock = None if moved_clock is None else lambda: moved_clock().timestamp()
    remotes = clients.build(loaded, ledger, broker, sessions, vault.pseudonym, now, quota_clock)
    shops = {name: account.shop for name, account in loaded.accounts.items()}
    orders = Orders(sessions, vault, loaded.timing, shops)
    leases = Leases(broker, loaded.timing.lease_s)
    worker = f"{socket.gethostname()}:{os.getpid()}"
    fetching = Fetching(sessions)
    return Runtime(
        settings=loaded,
        clients=remotes,
        orders=orders,
        intake=Intake(sessions, vault, loaded.timing),
        shipments=Shipments(sessions, vault),
        watches=ShopWatches(sessions),
        leases=leases,
        runner=Runner(
            orders,
            leases,
            remotes,
            loaded.timing,
            worker,
            fetching,
            Runs(sessions, worker, now),
            tracing,
        ),
        incidents=Incidents(sessions),
        fetching=fetching,
        windows=SearchWindows(sessions),
        progress=SearchProgress(sessions),
        queues={
            name: Queue(account, account.notifications)
            for name, account in loaded.accounts.items()
            if account.notifications is not None
        },
        sessions=sessions,
        broker=broker,
        writes=writes,
        vault=vault,
    )


_building = Lock()


@cache
def _runtime() -> Runtime:
    return build(file.load())


def runtime() -> Runtime:
    """This process's runtime. When threads call it concurrently, a single thread builds it."""
    with _building:
        return _runtime()
