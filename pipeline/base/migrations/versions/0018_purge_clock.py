"""The delivery that an order's personal data is kept by, and no samples of what is destroyed.

Revision 0018, after 0017. It writes the table of orders anew, some three minutes for a million:
stop workers, beat and console before it runs.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_DELIVERY_AT = """
LEAST(
CASE
    WHEN ((status = 'cancelled'::text) OR (remote_status = 'CANCELLED'::text))
        THEN remote_updated_at
    ELSE NULL::timestamp with time zone
END, COALESCE(delivered_at, deliver_by_at,
 (((shipped_at AT TIME ZONE 'UTC'::text) + '48:00:00'::interval) AT TIME ZONE 'UTC'::text),
 (((COALESCE(purchased_at, created_at) AT TIME ZONE 'UTC'::text) + '60 days'::interval)
 AT TIME ZONE 'UTC'::text)),
 (((created_at AT TIME ZONE 'UTC'::text) + '400 days'::interval) AT TIME ZONE 'UTC'::text))
"""
# What is destroyed with an order's key, and texts that may quote a person.
_UNSAMPLED = {
    "order_private": {
        "wrapped_key": "bytea",
        "sealed": "bytea",
        "correction": "bytea",
        "buyer_words": "text[]",
        "buyer_initials": "text",
        "report_digest": "text",
    },
    "orders": {"hold_reason": "text", "hold_facts": "jsonb", "last_note": "text"},
    "attempts": {"detail": "text"},
    "effects": {"detail": "text"},
    "notes": {"text": "text"},
}
# Old versions of a row hold the key that was destroyed: vacuum takes them away within minutes.
_VACUUM = (
    *("autovacuum_vacuum_threshold = 100", "autovacuum_vacuum_scale_factor = 0"),
    *("toast.autovacuum_vacuum_threshold = 100", "toast.autovacuum_vacuum_scale_factor = 0"),
)
# PostgreSQL 15 and 16 have no such right, and may lack the role of deploy/postgres/roles.sql.
_MAY_VACUUM = """
DO $$ BEGIN
  IF current_setting('server_version_num')::int >= 170000
      AND to_regrole('orderbridge_app') IS NOT NULL THEN
    EXECUTE 'GRANT MAINTAIN ON order_private TO orderbridge_app';
  END IF;
END $$
"""


def upgrade() -> None:
    op.add_column("orders", sa.Column("shipped_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("orders", sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True))
    # These were kept by their packages; from now on Amazon's report tells.
    op.execute("""
        UPDATE orders SET shipped_at = packages.left_at
        FROM (SELECT order_id, max(coalesce(confirmed_at, shipped_at)) AS left_at
              FROM shipments GROUP BY order_id) AS packages
        WHERE packages.order_id = orders.id AND purged_at IS NULL AND deliver_by_at IS NULL
          AND status IN ('done', 'cancelled')
    """)
    op.add_column(
        "orders",
        sa.Column(
            "delivery_at",
            sa.DateTime(timezone=True),
            sa.Computed(_DELIVERY_AT, persisted=True),
            nullable=True,
        ),
    )
    op.drop_index("orders_unpurged", "orders")
    op.create_index(
        "orders_unpurged",
        "orders",
        ["delivery_at", "id"],
        postgresql_where=sa.text("purged_at IS NULL"),
    )
    for table, columns in _UNSAMPLED.items():
        # Setting a type, even the same, is what takes a column's statistics away: SET STATISTICS 0
        # only keeps ANALYZE from making new ones. It rewrites no row.
        parts = [f"ALTER {name} TYPE {kind}" for name, kind in columns.items()]
        parts += [f"ALTER {name} SET STATISTICS 0" for name in columns]
        op.execute(f"ALTER TABLE {table} {', '.join(parts)}")
    op.execute(f"ALTER TABLE order_private SET ({', '.join(_VACUUM)})")
    op.execute(_MAY_VACUUM)
    op.execute("UPDATE order_private SET report_digest = NULL WHERE wrapped_key IS NULL")


def downgrade() -> None:
    names = ", ".join(each.partition(" ")[0] for each in _VACUUM)
    op.execute(f"ALTER TABLE order_private RESET ({names})")
    for table, columns in _UNSAMPLED.items():
        parts = [f"ALTER {name} SET STATISTICS -1" for name in columns]
        op.execute(f"ALTER TABLE {table} {', '.join(parts)}")
    op.drop_index("orders_unpurged", "orders")
    op.create_index(
        "orders_unpurged", "orders", ["id"], postgresql_where=sa.text("purged_at IS NULL")
    )
    for name in ("delivery_at", "delivered_at", "shipped_at"):
        op.drop_column("orders", name)
