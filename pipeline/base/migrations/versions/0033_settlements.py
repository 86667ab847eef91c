"""Amazon's settlements, and the rows of their files.

Revision 0033, after 0032. Nothing has to run first.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

_WORDS = (
    *("external_id", "transaction_type", "amount_type", "amount_description", "sku"),
    *("marketplace_name", "merchant_order_id", "adjustment_id", "shipment_id", "fulfillment_id"),
    *("order_item_code", "merchant_order_item_id", "merchant_adjustment_item_id", "promotion_id"),
)


def upgrade() -> None:
    op.create_table(
        "settlements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("settlement_id", sa.Text(), nullable=False),
        sa.Column("report_ids", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deposited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total_amount", sa.Numeric(19, 4), nullable=False),
        sa.Column("lines_total", sa.Numeric(19, 4), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("compared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("orders", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unread_orders", sa.Integer(), server_default="0", nullable=False),
        sa.Column("differing_orders", sa.Integer(), server_default="0", nullable=False),
        sa.Column("orders_difference", sa.Numeric(19, 4), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account", "settlement_id"),
    )
    op.create_index("settlements_newest", "settlements", ["ends_at", "id"])
    op.create_table(
        "settlement_rows",
        sa.Column("settlement_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("is_of_order", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in _WORDS),
        sa.Column("amount", sa.Numeric(19, 4), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("settlement_id", "number"),
        sa.ForeignKeyConstraint(["settlement_id"], ["settlements.id"], ondelete="CASCADE"),
    )
    op.create_index(
        "settlement_rows_of_order",
        "settlement_rows",
        ["external_id"],
        postgresql_where=sa.text("is_of_order"),
    )


def downgrade() -> None:
    op.drop_table("settlement_rows")
    op.drop_table("settlements")
