"""What a million orders cost the Orders tab.

The same pages are read of 1,000 orders and of a million in an embedded PostgreSQL; each figure is
the median of 15 readings, and the ratio of the two is what counts. Page 1,000 begins at the order
that stands there; of 1,000 orders it is the last page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

from sqlalchemy import select, text

from bench.report import Cell, Goal, Result, Table
from bench.rig import Rig
from devstack.paths import temporary_home
from devstack.postgres import Postgres
from devstack.supervisor import Supervisor
from pipeline.base import db
from pipeline.base.db import Sessions
from pipeline.operations.lists.counts import count, counts
from pipeline.operations.lists.filters import Filters, ShipBy
from pipeline.operations.lists.orders import PAGE_SIZE, Listing
from pipeline.operations.lists.sorting import Place, Sort
from pipeline.orders.channel_order import FulfilledBy, RemoteStatus
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Order, Status

FEW, MANY = 1_000, 1_000_000
READINGS = 15
PAGE = 1_000
MOST = 3.0
NEWEST = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

# Spread as a shop has them: most are done, one of 200 is held, one of 100 pending.
_ORDERS = """
INSERT INTO orders (account, external_id, marketplace_id, fulfilled_by, step, status, due_at, tries,
    unfinished, news, version, hold_code, hold_reason, last_note, remote_status, remote_updated_at,
    purchased_at, ship_by_at, currency, grand_total, programs, shown, magento_order_id,
    magento_increment_id, updated_at)
SELECT 'eu', '303-' || lpad((n / 10000000)::text, 7, '0') || '-' || lpad(n::text, 7, '0'),
    (ARRAY['A1PA6795UKMFR9', 'A13V1IB3VIYZZH', 'APJ6JRA9NG5V4'])[1 + n % 3],
    CASE WHEN n % 5 = 0 THEN 'FBA' ELSE 'FBM' END,
    CASE WHEN n % 200 = 7 THEN 'enrich_order' WHEN n % 20 = 3 THEN 'ship_order'
         ELSE 'sync_tracking' END,
    CASE WHEN n % 200 = 7 THEN 'held' WHEN n % 20 = 3 THEN 'waiting' ELSE 'done' END,
    CASE WHEN n % 20 IN (3, 7) THEN timestamptz '2026-11-22 12:00Z' END,
    0, 0, 0, 1,
    CASE WHEN n % 200 = 7 THEN
        (ARRAY['sku_not_found', 'out_of_stock', 'address_unusable'])[1 + n % 3] END,
    CASE WHEN n % 200 = 7 THEN 'not in the catalogue' END,
    '', CASE WHEN n % 100 = 50 THEN 'PENDING' WHEN n % 20 = 3 THEN 'UNSHIPPED' ELSE 'SHIPPED' END,
    timestamptz '2026-11-22 12:00Z' - n * interval '31 seconds',
    timestamptz '2026-11-22 12:00Z' - n * interval '31 seconds',
    CASE WHEN n % 5 <> 0 THEN timestamptz '2026-11-24 12:00Z' - n * interval '31 seconds' END,
    CASE WHEN n % 100 <> 50 THEN 'EUR' END,
    CASE WHEN n % 100 <> 50 THEN ((n::bigint * 7919) % 50000)::numeric / 100 END,
    CASE WHEN n % 4 = 0 THEN ARRAY['PRIME'] WHEN n % 50 = 1 THEN ARRAY['AMAZON_BUSINESS']
         ELSE '{}'::text[] END,
    n % 100 <> 50, n, lpad(n::text, 9, '0'),
    timestamptz '2026-11-22 12:00Z' - n * interval '29 seconds'
FROM generate_series(1, :orders) n
"""
_REST = (
    """
    INSERT INTO order_items (order_id, external_item_id, sku, title, quantity)
    SELECT id, 'item-1', 'MUG-' || (id % 5000), 'Mug', 1 FROM orders
    """,
    """
    INSERT INTO shipments (order_id, magento_shipment_id, package_reference, shipped_at,
        carrier_code, carrier_title, tracking_number, confirmation)
    SELECT id, id, id::text, purchased_at, 'dhl', 'DHL', '0034' || lpad(id::text, 16, '0'),
        'accepted' FROM orders WHERE status = 'done'
    """,
    """
    INSERT INTO order_private (order_id, buyer_words, buyer_initials)
    SELECT id, ARRAY[lpad(to_hex(id % 40000), 16, '0'), lpad(to_hex(50000 + id % 9000), 16, '0')],
        'E. M.' FROM orders
    """,
)
_TABLES = ("orders", "order_items", "shipments", "order_private", "order_numbers")


def fill(sessions: Sessions, orders: int) -> None:
    """So many orders, each with a line, a buyer and, where it is done, a package."""
    with sessions() as session, session.begin():
        session.execute(text("SET LOCAL statement_timeout = 0"))
        session.execute(text(_ORDERS), {"orders": orders})
        # Else each row that refers to an order may be checked by reading all of them.
        session.execute(text("ANALYZE orders"))
        for statement in _REST:
            session.execute(text(statement))
    with sessions() as session:
        connection = session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        connection.execute(text("SET statement_timeout = 0"))
        for table in _TABLES:
            connection.execute(text(f"VACUUM ANALYZE {table}"))


def deep_place(sessions: Sessions, sort: Sort) -> Place:
    """Where page 1,000 of all shown orders begins; of few orders, where their last one does."""
    rows = select(Order.id, Order.purchased_at).where(Order.shown.is_(True))
    newest_first = rows.order_by(Order.purchased_at.desc(), Order.id.desc())
    oldest_first = rows.order_by(Order.purchased_at, Order.id).offset(PAGE_SIZE)
    with sessions() as session:
        row = session.execute(newest_first.offset((PAGE - 1) * PAGE_SIZE - 1).limit(1)).first()
        if row is None:
            row = session.execute(oldest_first.limit(1)).one()
    return sort.place_of(row.purchased_at, row.id)


def readings(sessions: Sessions) -> dict[str, Callable[[], object]]:
    """What is measured, by name."""
    listing, first = Listing(sessions), Filters()
    deep = deep_place(sessions, first.sort)
    day = (NEWEST - timedelta(hours=3)).date()
    filters = {
        "held, one reason": Filters(reason=HoldCode.OUT_OF_STOCK),
        "to ship, by ship-by": Filters(
            Status.WAITING, channel=FulfilledBy.MERCHANT, sort=Sort("ship_by")
        ),
        "a day, Prime, FBM": Filters(
            placed_from=day, channel=FulfilledBy.MERCHANT, program="PRIME"
        ),
        "highest totals": Filters(currency="EUR", sort=Sort("total", descending=True)),
        "Amazon number": Filters(number="303-0000000-0000203"),
        "part of an Amazon number": Filters(number="0000203"),
        "part of a tracking number": Filters(number="0000000000203"),
        "Magento number without its zeros": Filters(number="203"),
        "20 numbers": Filters(number=" ".join(f"303-0000000-{n:07}" for n in range(201, 221))),
        "SKU": Filters(number="mug-203"),
        "a marketplace, Amazon status": Filters(
            marketplace="A1PA6795UKMFR9", amazon_status=RemoteStatus.UNSHIPPED
        ),
        "overdue": Filters(ship_by=ShipBy.OVERDUE, sort=Sort("ship_by")),
        "buyer": Filters(buyer=("0" * 13 + "0cb", f"{50000 + 203:016x}")),
        "changed last": Filters(sort=Sort("updated", descending=True)),
    }
    found: dict[str, Callable[[], object]] = {
        "first page": lambda: listing.page(first),
        "page 1,000": lambda: listing.page(first, after=deep),
    }
    for name, one in filters.items():
        found[name] = lambda one=one: listing.page(one)  # type: ignore[misc]
    found["count of all, up to 10,000"] = lambda: count(sessions, first)
    found["counts by status and reason, up to 10,000"] = lambda: counts(sessions, everything=False)
    return found


def measured(few: Sessions, many: Sessions) -> dict[str, tuple[float, float]]:
    """The medians of each reading, in milliseconds. Taken in turn: what else the machine does
    slows down both."""
    figures = {}
    in_few, in_many = readings(few), readings(many)
    for name in in_few:
        took: tuple[list[float], list[float]] = ([], [])
        for _ in range(READINGS + 1):
            for reading, times in zip((in_few[name], in_many[name]), took, strict=True):
                begun = perf_counter()
                reading()
                times.append((perf_counter() - begun) * 1000)
        # The first one of each warms the caches.
        figures[name] = median(took[0][1:]), median(took[1][1:])
    return figures


@contextmanager
def database(home: Path, supervisor: Supervisor) -> Iterator[Callable[[str], Sessions]]:
    """Makes migrated databases by name, on a server of their own."""
    postgres = Postgres(home)
    postgres.prepare()
    supervisor.start(postgres.command())
    postgres.wait_ready()
    engines = []

    def named(name: str) -> Sessions:
        engine = db.engine_for(postgres.url("postgres"))
        with engine.connect() as connection:
            free = connection.execution_options(isolation_level="AUTOCOMMIT")
            free.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        db.migrate(postgres.url(name))
        engines.append(db.engine_for(postgres.url(name)))
        return db.sessions_for(engines[-1])

    yield named
    for engine in engines:
        engine.dispose()


def run(rig: Rig, runs: int) -> Result:
    """Fill both databases and read both in turns."""
    with (
        temporary_home() as home,
        Supervisor(home) as supervisor,
        database(home, supervisor) as new,
    ):
        filled = []
        for orders in (FEW, MANY):
            filled.append(new(f"orders_{orders}"))
            fill(filled[-1], orders)
        figures = measured(*filled)
    ratios = {name: many_ms / few_ms for name, (few_ms, many_ms) in figures.items()}
    rows: list[list[Cell]] = [[name, *figures[name], ratio] for name, ratio in ratios.items()]
    worst = max(ratio for name, ratio in ratios.items() if "10,000" not in name)
    goal = Goal("the dearest page, of many to few", worst, MOST, is_least=False)
    title = f"Orders tab: ms of a page of {FEW:,} and of {MANY:,} orders"
    return Result([Table(title, ("", "few", "many", "ratio"), rows)], dict(figures), [goal])
