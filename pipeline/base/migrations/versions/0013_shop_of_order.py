"""The shop that an order was placed in.

Revision 0013, after 0012.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("shop", sa.Text(), nullable=True))
    op.create_index(
        "orders_without_shop",
        "orders",
        ["account"],
        postgresql_where=sa.text("shop IS NULL AND magento_order_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("orders_without_shop", table_name="orders")
    op.drop_column("orders", "shop")
