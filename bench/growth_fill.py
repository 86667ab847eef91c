"""Fills a database with a history of ended orders beside a fixed number of live ones.

The history goes back from now, an order each 31 s, as 2,800 a day; what is due for the purge has
been purged. The live ones are the same 300 whatever the history, so that what depends on them alone
costs the same.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from pipeline.base.db import Sessions

LIVE, DUE = 300, 30
_DONE = """
INSERT INTO orders (account, external_id, marketplace_id, fulfilled_by, step, status, tries,
    unfinished, news, version, remote_status, remote_updated_at, purchased_at, deliver_by_at,
    currency, grand_total, shown, shop, magento_order_id, magento_increment_id, magento_state,
    magento_status, magento_invoiced, magento_refunded, purged_at, created_at, updated_at)
SELECT 'main', '303-' || lpad(n::text, 7, '0') || '-' || lpad(n::text, 7, '0'), 'A1PA6795UKMFR9',
    CASE WHEN n % 5 = 0 THEN 'FBA' ELSE 'FBM' END, 'sync_tracking', 'done', 0, 0, 2, 16, 'SHIPPED',
    at, at, at + interval '5 days', 'EUR', 11.90, true, 'main', n, lpad(n::text, 9, '0'),
    'complete', 'complete', CASE WHEN n % 10 > 0 THEN 11.90 END, 0,
    CASE WHEN at < :now - interval '834 hours' THEN at + interval '834 hours' END, at,
    at + interval '1 hour'
FROM (SELECT n, CAST(:now AS timestamptz) - interval '2 hours' - n * interval '31 seconds' AS at
    FROM generate_series(1, :orders) n) AS history
"""
# Of ten live orders one is due, one is held, and the others wait for the warehouse.
_WAITING = """
INSERT INTO orders (account, external_id, marketplace_id, fulfilled_by, step, status, due_at, tries,
    unfinished, news, version, hold_code, hold_reason, last_note, remote_status, remote_updated_at,
    purchased_at, ship_by_at, deliver_by_at, currency, grand_total, shown, shop, magento_order_id,
    magento_increment_id, magento_state, magento_status)
SELECT 'main', '305-' || lpad(n::text, 7, '0') || '-0000000', 'A1PA6795UKMFR9', 'FBM',
    'ship_order', CASE WHEN n % 10 = 7 THEN 'held' ELSE 'waiting' END,
    CAST(:now AS timestamptz) + CASE WHEN n % 10 = 3 THEN interval '-1 minute'
        ELSE interval '30 days' END,
    0, 0, 1, 9, CASE WHEN n % 10 = 7 THEN 'quantity_above_ordered' END,
    CASE WHEN n % 10 = 7 THEN 'more shipped than ordered' END, 'waiting for the warehouse',
    'UNSHIPPED', :now, CAST(:now AS timestamptz) - n * interval '10 seconds',
    CAST(:now AS timestamptz) + interval '1 hour' * (n % 40), :now, 'EUR', 11.90, true, 'main',
    :orders + n, lpad((:orders + n)::text, 9, '0'), 'processing', 'processing'
FROM generate_series(1, :live) n
"""
_PARTS = (
    """
    INSERT INTO order_items (order_id, external_item_id, sku, title, quantity, magento_item_id)
    SELECT id, 'item-1', 'MUG-' || (id % 5000), 'Mug', 1, magento_order_id FROM orders
    """,
    """
    INSERT INTO shipments (order_id, magento_shipment_id, package_reference, shipped_at,
        carrier_code, carrier_title, tracking_number, confirmation, confirmed_at, confirmed_as,
        confirmed_times, shop)
    SELECT id, magento_order_id, magento_order_id::text, purchased_at + interval '30 minutes',
        'dhl', 'DHL', '0034' || lpad(id::text, 16, '0'), 'accepted',
        purchased_at + interval '40 minutes', 'as told', 1, 'main'
    FROM orders WHERE status = 'done' AND fulfilled_by = 'FBM'
    """,
    """
    INSERT INTO shipments (order_id, magento_shipment_id, package_reference, shipped_at,
        carrier_code, carrier_title, tracking_number, confirmation)
    SELECT id, magento_order_id, magento_order_id::text, purchased_at - interval '30 minutes',
        'dhl', 'DHL', '0034' || lpad(id::text, 16, '0'), 'queued'
    FROM orders WHERE status = 'held'
    """,
    """
    INSERT INTO shipment_items (shipment_id, magento_item_id, quantity)
    SELECT id, magento_shipment_id, 1 FROM shipments
    """,
    "INSERT INTO order_private (order_id) SELECT id FROM orders",
    """
    INSERT INTO attempts (order_id, step, task_id, worker, started_at, ended_at, outcome)
    SELECT id, steps.step, 'task-' || steps.step, 'worker', purchased_at, purchased_at, 'done'
    FROM orders, unnest(ARRAY['import_order', 'verify_order', 'enrich_order', 'create_customer',
        'create_order', 'ship_order', 'sync_tracking']) AS steps(step)
    """,
    """
    INSERT INTO effects (order_id, key, kind, state, intended_at, ended_at, remote_id)
    SELECT id, kind || ':' || id, kind, 'done', purchased_at, purchased_at, id::text
    FROM orders, unnest(ARRAY['order', 'reservation', 'reopening', 'invoice', 'confirmation',
        'comment']) AS kinds(kind)
    """,
)
_TABLES = (
    *("orders", "order_items", "order_private", "order_numbers"),
    *("shipments", "shipment_items", "attempts", "effects"),
)


def fill(sessions: Sessions, orders: int, now: datetime) -> None:
    """So many ended orders with all their parts, the live ones, and fresh statistics."""
    with sessions() as session, session.begin():
        session.execute(text("SET LOCAL statement_timeout = 0"))
        told = {"orders": orders, "now": now, "live": LIVE}
        for statement in (_DONE, _WAITING):
            names = [name for name in told if f":{name}" in statement]
            session.execute(text(statement), {name: told[name] for name in names})
        # Else each row that refers to an order may be checked by reading all of them.
        session.execute(text("ANALYZE orders"))
        for statement in _PARTS:
            session.execute(text(statement))
    with sessions() as session:
        connection = session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        connection.execute(text("SET statement_timeout = 0"))
        for table in _TABLES:
            connection.execute(text(f"VACUUM ANALYZE {table}"))
