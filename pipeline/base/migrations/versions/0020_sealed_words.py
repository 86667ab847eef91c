"""What remotes and people said about an order is sealed under its key; texts in clear are ours.

Revision 0020, after 0019. It empties the texts that may quote a buyer, since they cannot be sealed
without the master key: read the notes that you still need before it runs. Held orders keep their
codes, and say their reasons again when they are retried. It writes the rows with such texts anew,
some minutes for a million orders: stop workers, beat and console before it runs.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# Sentences of ours without a word that was typed.
_OURS = (
    r"^(released|resumed it|took the cancellation back|took back the stated value"
    r"|to be confirmed although the buyer asked to cancel|left its packages at Amazon as they are"
    r"|asked Amazon to cancel it: \w+|entered \d+ Transparency codes of \w+"
    r"|corrected the shipping address: [a-z0-9, ]+|withdrew the corrected shipping address"
    r"|to be run again from \w+|ended, as its buyer's data was [a-z ]+; it was [a-z_ ]+"
    r"|destroyed the buyer's data on demand|viewed the [a-z' ]+)$"
)
_NOTES = """
    UPDATE notes SET text = CASE
        WHEN text LIKE 'dismissed: %' THEN 'dismissed it'
        WHEN text LIKE 'requested a shipment with %' THEN 'requested a shipment'
        WHEN text LIKE 'stated that it is worth %: %' THEN split_part(text, ': ', 1)
        WHEN text LIKE 'destroyed the buyer''s data on demand: %'
            THEN 'destroyed the buyer''s data on demand'
        ELSE 'wrote a note, removed by an upgrade' END
    WHERE text !~ :ours
"""
_EMPTIED = (
    "UPDATE attempts SET detail = NULL, request_id = NULL WHERE detail IS NOT NULL",
    "UPDATE effects SET detail = NULL WHERE detail IS NOT NULL",
    """UPDATE orders SET last_note = '',
        hold_facts = hold_facts - 'code' - 'request_id' - 'title',
        hold_reason = CASE WHEN hold_reason IS NOT NULL THEN 'removed by an upgrade' END,
        cancel_refusal = CASE WHEN cancel_refusal IS NOT NULL THEN 'removed by an upgrade' END
    WHERE last_note <> '' OR hold_reason IS NOT NULL OR cancel_refusal IS NOT NULL
        OR hold_facts <> '{}'""",
    "UPDATE shipments SET refusal = 'removed by an upgrade' WHERE refusal IS NOT NULL",
    "UPDATE requested_shipments SET why = 'removed by an upgrade' WHERE why <> ''",
    "UPDATE feeds SET trouble = NULL WHERE trouble IS NOT NULL",
    "UPDATE cursors SET trouble = NULL WHERE trouble IS NOT NULL",
    "UPDATE backfills SET trouble = NULL WHERE trouble IS NOT NULL",
    "UPDATE reconciliations SET trouble = NULL WHERE trouble IS NOT NULL",
    "UPDATE shop_reads SET trouble = '' WHERE trouble <> ''",
    "UPDATE alert_deliveries SET trouble = NULL WHERE trouble IS NOT NULL",
    "UPDATE account_access SET reason = 'removed by an upgrade'",
    "UPDATE incidents SET text = 'removed by an upgrade'",
    "UPDATE bulk_acts SET why = '' WHERE ended_at IS NOT NULL",
    # Titles of carriers go with the purge, of orders that were purged before too.
    """UPDATE shipments s SET carrier_title = '',
        confirmed_as = CASE WHEN confirmed_as IS NOT NULL
            THEN carrier_code || '//' || tracking_number END
    FROM orders o WHERE o.id = s.order_id AND o.purged_at IS NOT NULL AND carrier_title <> ''
        AND (confirmation = 'accepted' OR o.status IN ('done', 'cancelled'))""",
    "UPDATE requested_shipments SET carrier_title = '' WHERE state NOT IN ('open', 'refused')",
    """UPDATE feed_messages SET body = body || '{"carrier_name": "", "announcement": ""}'
    WHERE outcome IS NOT NULL AND body ? 'carrier_name'""",
)
# PostgreSQL's statistics have samples of these: setting a type, even the same, takes them away.
_RESET = {
    "orders": {"cancel_refusal": "text"},
    "shipments": {"refusal": "text"},
    "requested_shipments": {"why": "text"},
    "feeds": {"trouble": "text"},
    "cursors": {"trouble": "text"},
    "backfills": {"trouble": "text"},
    "reconciliations": {"trouble": "text"},
    "shop_reads": {"trouble": "text"},
    "alert_deliveries": {"trouble": "text"},
    "account_access": {"reason": "text"},
    "incidents": {"text": "text"},
}
_UNSAMPLED = {
    "order_words": {"sealed": "bytea"},
    "shipments": {"carrier_title": "text", "confirmed_as": "text", "to_feed": "jsonb"},
    "requested_shipments": {"carrier_title": "text"},
    "feed_messages": {"body": "jsonb"},
    "bulk_acts": {"why": "text"},
}
# Old versions of a row outlive the purge: vacuum takes them away within minutes.
_VACUUM = (
    *("autovacuum_vacuum_threshold = 100", "autovacuum_vacuum_scale_factor = 0"),
    *("toast.autovacuum_vacuum_threshold = 100", "toast.autovacuum_vacuum_scale_factor = 0"),
)
_MAY_VACUUM = """
DO $$ BEGIN
  IF current_setting('server_version_num')::int >= 170000
      AND to_regrole('orderbridge_app') IS NOT NULL THEN
    EXECUTE 'GRANT MAINTAIN ON order_words TO orderbridge_app';
  END IF;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "order_words",
        sa.Column("order_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("order_id", "about"),
    )
    op.drop_column("feed_messages", "words")
    op.add_column("feed_messages", sa.Column("reason", sa.Text(), nullable=True))
    op.execute(sa.text(_NOTES).bindparams(ours=_OURS))
    for statement in _EMPTIED:
        op.execute(statement)
    for table, columns in _RESET.items():
        op.execute(f"ALTER TABLE {table} {', '.join(_typed(columns))}")
    for table, columns in _UNSAMPLED.items():
        parts = [*_typed(columns), *(f"ALTER {name} SET STATISTICS 0" for name in columns)]
        op.execute(f"ALTER TABLE {table} {', '.join(parts)}")
    op.execute(f"ALTER TABLE order_words SET ({', '.join(_VACUUM)})")
    op.execute(_MAY_VACUUM)


def downgrade() -> None:
    for table, columns in _UNSAMPLED.items():
        parts = [f"ALTER {name} SET STATISTICS -1" for name in columns]
        op.execute(f"ALTER TABLE {table} {', '.join(parts)}")
    op.drop_column("feed_messages", "reason")
    op.add_column("feed_messages", sa.Column("words", sa.Text(), nullable=True))
    op.drop_table("order_words")


def _typed(columns: dict[str, str]) -> list[str]:
    return [f"ALTER {name} TYPE {kind}" for name, kind in columns.items()]
