"""Tables for feeds, backfills, incidents and the fetch list; lanes of orders.

Revision 0002, after 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "backfills",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("after_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("before_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked", sa.Integer(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("page_token", sa.Text(), nullable=True),
        sa.Column("calls", sa.Integer(), server_default="0", nullable=False),
        sa.Column("orders_seen", sa.Integer(), server_default="0", nullable=False),
        sa.Column("orders_new", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "backfills_running",
        "backfills",
        ["account"],
        unique=True,
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "account_access",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("refused_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("probe_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_table(
        "feeds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("marketplace_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("document_id", sa.Text(), nullable=True),
        sa.Column("feed_id", sa.Text(), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "feeds_open",
        "feeds",
        ["account", "kind"],
        unique=True,
        postgresql_where=sa.text("state <> 'ended'"),
    )
    op.create_table(
        "incidents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "incidents_open",
        "incidents",
        ["key"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "seen_notifications",
        sa.Column("notification_id", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("notification_id"),
    )
    op.create_index("seen_notifications_seen", "seen_notifications", ["seen_at"], unique=False)
    op.create_table(
        "to_fetch",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("backfill_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["backfill_id"],
            ["backfills.id"],
        ),
        sa.PrimaryKeyConstraint("account", "external_id"),
    )
    op.create_index("to_fetch_due", "to_fetch", ["account", "lane", "due_at"], unique=False)
    op.create_index("to_fetch_changed", "to_fetch", ["account", "lane", "changed_at"], unique=False)
    op.create_table(
        "gaps",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("page_token", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.add_column("cursors", sa.Column("search_before", sa.DateTime(timezone=True)))
    op.add_column(
        "cursors", sa.Column("busy", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.create_table(
        "feed_messages",
        sa.Column("feed_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("shipment_id", sa.BigInteger(), nullable=True),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["feed_id"], ["feeds.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["shipment_id"], ["shipments.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("feed_id", "message_id"),
    )
    op.create_index("feed_messages_of_order", "feed_messages", ["order_id"], unique=False)
    op.add_column("orders", sa.Column("lane", sa.Text(), server_default="new", nullable=False))
    op.add_column("orders", sa.Column("cancel_reason", sa.Text(), nullable=True))
    op.add_column(
        "orders",
        sa.Column(
            "facts",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
    )
    op.add_column(
        "cursors",
        sa.Column(
            "read_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
    )
    op.add_column("orders", sa.Column("magento_state", sa.Text(), nullable=True))
    op.add_column("orders", sa.Column("cancellation", sa.Text(), nullable=True))
    op.add_column("orders", sa.Column("cancel_refusal", sa.Text(), nullable=True))
    op.add_column(
        "orders",
        sa.Column("confirm_anyway", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column(
        "order_items",
        sa.Column(
            "transparency_codes",
            postgresql.ARRAY(sa.Text()),
            server_default="{}",
            nullable=False,
        ),
    )
    op.add_column(
        "shipments",
        sa.Column("to_feed", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    )
    op.add_column("shipments", sa.Column("feed_id", sa.BigInteger(), nullable=True))
    op.create_index("shipments_confirmed", "shipments", ["confirmed_at"], unique=False)
    op.create_index(
        "shipments_to_confirm",
        "shipments",
        ["order_id"],
        postgresql_where=sa.text(
            "confirmation IN ('queued', 'feed', 'sent') AND tracking_number <> ''"
            " AND feed_id IS NULL"
        ),
    )
    op.create_index(
        "orders_to_cancel",
        "orders",
        ["account"],
        postgresql_where=sa.text("cancellation = 'asked'"),
    )


def downgrade() -> None:
    op.drop_column("cursors", "read_at")
    op.drop_index("orders_to_cancel", table_name="orders")
    op.drop_index("shipments_confirmed", table_name="shipments")
    op.drop_index("shipments_to_confirm", table_name="shipments")
    op.drop_column("shipments", "feed_id")
    op.drop_column("shipments", "to_feed")
    op.drop_column("order_items", "transparency_codes")
    op.drop_column("orders", "confirm_anyway")
    op.drop_column("orders", "cancel_refusal")
    op.drop_column("orders", "cancellation")
    op.drop_column("orders", "magento_state")
    op.drop_column("orders", "facts")
    op.drop_column("orders", "cancel_reason")
    op.drop_column("orders", "lane")
    op.drop_index("feed_messages_of_order", table_name="feed_messages")
    op.drop_table("feed_messages")
    op.drop_column("cursors", "busy")
    op.drop_column("cursors", "search_before")
    op.drop_table("gaps")
    op.drop_index("to_fetch_changed", table_name="to_fetch")
    op.drop_index("to_fetch_due", table_name="to_fetch")
    op.drop_table("to_fetch")
    op.drop_index("seen_notifications_seen", table_name="seen_notifications")
    op.drop_table("seen_notifications")
    op.drop_index(
        "incidents_open", table_name="incidents", postgresql_where=sa.text("ended_at IS NULL")
    )
    op.drop_table("incidents")
    op.drop_index("feeds_open", table_name="feeds", postgresql_where=sa.text("state <> 'ended'"))
    op.drop_table("feeds")
    op.drop_table("account_access")
    op.drop_index(
        "backfills_running", table_name="backfills", postgresql_where=sa.text("state = 'running'")
    )
    op.drop_table("backfills")
