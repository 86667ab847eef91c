"""Held stock, corrected addresses, customer groups, refunds and reconciliations.

Revision 0003, after 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("magento_customer_group", sa.BigInteger(), nullable=True))
    op.add_column("orders", sa.Column("reserved_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("orders", sa.Column("magento_invoiced", sa.Numeric(19, 4), nullable=True))
    op.add_column("orders", sa.Column("magento_refunded", sa.Numeric(19, 4), nullable=True))
    op.create_index(
        "orders_invoice_unseen",
        "orders",
        ["created_at"],
        postgresql_where=sa.text(
            "status = 'done' AND magento_order_id IS NOT NULL AND magento_invoiced IS NULL"
        ),
    )
    op.add_column("shipments", sa.Column("magento_track_id", sa.BigInteger(), nullable=True))
    op.add_column("shipments", sa.Column("mismatch", sa.Text(), nullable=True))
    op.drop_constraint("shipments_order_id_magento_shipment_id_key", "shipments")
    op.create_unique_constraint(None, "shipments", ["order_id", "package_reference"])
    op.add_column("order_private", sa.Column("correction", sa.LargeBinary(), nullable=True))
    op.create_table(
        "refunds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("magento_creditmemo_id", sa.BigInteger(), nullable=False),
        sa.Column("refunded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("grand_total", sa.Numeric(19, 4), nullable=False),
        sa.Column("shipping", sa.Numeric(19, 4), nullable=False),
        sa.Column("adjustment", sa.Numeric(19, 4), nullable=False),
        sa.Column("lines", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("order_id", "magento_creditmemo_id"),
    )
    op.create_table(
        "database_lives",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "stock_checks",
        sa.Column("shop", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("difference", sa.Numeric(19, 4), nullable=False),
        sa.PrimaryKeyConstraint("shop", "sku"),
    )
    op.create_table(
        "reconciliations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("after_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("before_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("page_token", sa.Text(), nullable=True),
        sa.Column("is_listed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("orders_seen", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unreadable", sa.Integer(), server_default="0", nullable=False),
        sa.Column("resolved", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "reconciliations_running",
        "reconciliations",
        ["account"],
        unique=True,
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "differences",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("treatment", sa.Text(), nullable=False),
        sa.Column("reconciliation_id", sa.BigInteger(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["reconciliation_id"], ["reconciliations.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "differences_open",
        "differences",
        ["account", "external_id", "kind"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("differences_of_reconciliation", "differences", ["reconciliation_id"])


def downgrade() -> None:
    op.drop_table("differences")
    op.drop_table("reconciliations")
    op.drop_table("stock_checks")
    op.drop_table("database_lives")
    op.drop_table("refunds")
    op.drop_constraint("shipments_order_id_package_reference_key", "shipments")
    # Keep a single row for each shipment, as the older release had.
    op.execute(
        "DELETE FROM shipments USING shipments AS first"
        " WHERE first.order_id = shipments.order_id"
        " AND first.magento_shipment_id = shipments.magento_shipment_id"
        " AND first.id < shipments.id"
    )
    op.create_unique_constraint(None, "shipments", ["order_id", "magento_shipment_id"])
    op.drop_column("shipments", "mismatch")
    op.drop_column("shipments", "magento_track_id")
    op.drop_index("orders_invoice_unseen", "orders")
    op.drop_column("orders", "magento_refunded")
    op.drop_column("orders", "magento_invoiced")
    op.drop_column("order_private", "correction")
    op.drop_column("orders", "reserved_until")
    op.drop_column("orders", "magento_customer_group")
