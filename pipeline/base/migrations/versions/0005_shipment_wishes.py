"""Requested shipments, which a worker makes in Magento.

Revision 0005, after 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shipment_wishes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("carrier_code", sa.Text(), nullable=False),
        sa.Column("carrier_title", sa.Text(), nullable=False),
        sa.Column("tracking_number", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("magento_shipment_id", sa.BigInteger(), nullable=True),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("shipment_wishes_of_order", "shipment_wishes", ["order_id", "id"])
    op.create_index(
        "shipment_wishes_standing",
        "shipment_wishes",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('open', 'refused')"),
    )


def downgrade() -> None:
    op.drop_table("shipment_wishes")
