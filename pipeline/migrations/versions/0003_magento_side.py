"""Held stock, corrected addresses, customer groups and refunds.

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


def downgrade() -> None:
    op.drop_table("database_lives")
    op.drop_table("refunds")
    op.drop_column("order_private", "correction")
    op.drop_column("orders", "reserved_until")
    op.drop_column("orders", "magento_customer_group")
