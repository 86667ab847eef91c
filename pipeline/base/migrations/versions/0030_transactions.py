"""Amazon's transactions.

Revision 0030, after 0029. The table is new and empty.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("account", "transaction_id", "kind", "status")
        ),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total", sa.Numeric(19, 4), nullable=False),
        sa.Column("marketplace_id", sa.Text(), nullable=False),
        *(sa.Column(name, JSONB(), nullable=False) for name in ("identifiers", "items", "leaves")),
        sa.Column("deferral_reason", sa.Text(), nullable=False),
        sa.Column("matures_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "order_id",
            sa.BigInteger(),
            sa.ForeignKey("orders.id", ondelete="CASCADE"),
            nullable=True,
        ),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("copy_of", sa.Text(), nullable=False),
        sa.Column("is_counted", sa.Boolean(), nullable=False),
        sa.Column(
            "changed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.UniqueConstraint("account", "transaction_id"),
    )
    op.create_index("transactions_of_order", "transactions", ["order_id"])
    op.create_index("transactions_of_number", "transactions", ["account", "external_id"])
    op.create_index("transactions_posted", "transactions", ["account", "posted_at"])
    op.create_index(
        "transactions_open",
        "transactions",
        ["account", "matures_at"],
        postgresql_where=sa.text("status = 'DEFERRED' AND is_counted"),
    )
    op.create_index(
        "transactions_without_order",
        "transactions",
        ["account", "external_id"],
        postgresql_where=sa.text("order_id IS NULL AND external_id IS NOT NULL"),
    )
    op.create_index(
        "transactions_copies",
        "transactions",
        ["account", "copy_of"],
        postgresql_where=sa.text("copy_of <> ''"),
    )


def downgrade() -> None:
    op.drop_table("transactions")
