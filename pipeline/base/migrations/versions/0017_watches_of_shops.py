"""The watches of a shop note how far they have read, and read finished orders in shares.

Revision 0017, after 0016. Packages get their order's shop, so that a share is read from an index.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_UNSEEN = sa.text("status = 'done' AND magento_order_id IS NOT NULL AND magento_invoiced IS NULL")


def upgrade() -> None:
    op.create_table(
        "shop_watches",
        sa.Column("shop", sa.Text(), nullable=False),
        sa.Column("newest_shipment_id", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("round_begun_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_to_order", sa.BigInteger(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("shop", name=op.f("shop_watches_pkey")),
    )
    op.add_column("shipments", sa.Column("shop", sa.Text(), nullable=True))
    op.execute(
        "UPDATE shipments SET shop = orders.shop FROM orders"
        " WHERE orders.id = order_id AND orders.shop IS NOT NULL"
        " AND (confirmed_at IS NULL OR confirmed_at > now() - interval '8 days')"
    )
    op.drop_index("shipments_confirmed", table_name="shipments")
    op.create_index("shipments_confirmed", "shipments", ["shop", "confirmed_at", "order_id"])
    op.drop_index("orders_invoice_unseen", table_name="orders")
    op.create_index(
        "orders_invoice_unseen", "orders", ["shop", "created_at", "id"], postgresql_where=_UNSEEN
    )


def downgrade() -> None:
    op.drop_index("orders_invoice_unseen", table_name="orders")
    op.create_index("orders_invoice_unseen", "orders", ["created_at"], postgresql_where=_UNSEEN)
    op.drop_index("shipments_confirmed", table_name="shipments")
    op.create_index("shipments_confirmed", "shipments", ["confirmed_at"])
    op.drop_column("shipments", "shop")
    op.drop_table("shop_watches")
