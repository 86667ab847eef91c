"""How far a storm is, by our own tables, which may be away just now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import psycopg

REFUNDS_ARE_ON = "SELECT count(*) FROM refund_starts"
AT_WORK = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'orderbridge' AND usename = current_user
"""
UNDER_WAY = """
SELECT (SELECT count(*) FROM amazon_refunds WHERE state NOT IN ('accepted', 'seen', 'never'))
     + (SELECT count(*) FROM made_at_amazon AS made WHERE looked_at IS NULL OR at_amazon > in_shop)
     + (SELECT count(*) FROM effects WHERE state <> 'done')
"""
# Until both lists have been read since the night, more may become due.
DUE = """
SELECT (SELECT 2 - count(*) FROM cursors
        WHERE name IN ('finances:main', 'refunds:main') AND checked_at > %(woken_at)s)
     + (SELECT count(*) FROM amazon_refunds WHERE due_at <= now())
     + (SELECT count(*) FROM feeds WHERE state <> 'ended' AND due_at <= now())
     + (SELECT count(*) FROM made_at_amazon WHERE due_at <= now())
     + (SELECT count(*) FROM amazon_refunds WHERE state = 'chosen' AND NOT EXISTS (
         SELECT 1 FROM feeds WHERE state <> 'ended' OR created_at > now() - interval '2 min'))
"""


def have_ended(database: str, kept: Sequence[str]) -> bool:
    """Whether our tables hold nothing more to do, and every order that has to be there."""
    try:
        with psycopg.connect(database, connect_timeout=3) as connection:
            counts = connection.execute(
                "SELECT count(*) FILTER (WHERE external_id = ANY(%s)),"
                " count(*) FILTER (WHERE status NOT IN ('done', 'cancelled')) FROM orders",
                (list(kept),),
            ).fetchone()
    except psycopg.OperationalError:
        return False
    return counts == (len(kept), 0)


def counted(database: str, query: str, **values: datetime) -> int:
    """A number from the database; -1 while it is away."""
    try:
        with psycopg.connect(database, connect_timeout=3) as connection:
            row = connection.execute(query.encode(), values or None).fetchone()
    except psycopg.OperationalError:
        return -1
    return int(row[0]) if row else 0
