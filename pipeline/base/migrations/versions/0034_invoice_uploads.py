"""The invoices that Amazon is to have, one for each order.

Revision 0034, after 0033. Nothing has to run first.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "invoice_uploads",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("marketplace_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("increment_id", sa.Text(), nullable=False),
        sa.Column("numbers", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("grand_total", sa.Numeric(19, 4), nullable=False),
        sa.Column("tax_total", sa.Numeric(19, 4), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("document_id", sa.Text()),
        sa.Column("submitted_at", sa.DateTime(timezone=True)),
        sa.Column("feed_ids", postgresql.ARRAY(sa.Text()), nullable=False, server_default="{}"),
        sa.Column("size", sa.BigInteger()),
        sa.Column("digest", sa.Text()),
        sa.Column("code", sa.Integer()),
        sa.Column("trouble", sa.Text()),
        sa.Column("asked_by", sa.Text()),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("order_id"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], ondelete="CASCADE"),
    )
    op.create_index(
        "invoice_uploads_open",
        "invoice_uploads",
        ["account", "due_at"],
        postgresql_where=sa.text("state IN ('waiting', 'uploaded', 'submitted')"),
    )


def downgrade() -> None:
    op.drop_table("invoice_uploads")
