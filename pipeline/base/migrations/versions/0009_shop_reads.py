"""Successes and failures of the jobs that read a shop, and indexes for a shop's or feed's number.

Revision 0009, after 0008.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_INDEXES = (
    ("orders_magento_id", "orders", "magento_order_id"),
    ("shipments_of_feed", "shipments", "feed_id"),
    ("shipments_magento_id", "shipments", "magento_shipment_id"),
    ("feed_messages_of_shipment", "feed_messages", "shipment_id"),
    ("to_fetch_of_backfill", "to_fetch", "backfill_id"),
)


def upgrade() -> None:
    op.create_table(
        "shop_reads",
        sa.Column("shop", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("trying_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("is_refused", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("trouble", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("shop", "job"),
    )
    for name, table, column in _INDEXES:
        op.create_index(name, table, [column])


def downgrade() -> None:
    for name, table, _ in reversed(_INDEXES):
        op.drop_index(name, table_name=table)
    op.drop_table("shop_reads")
