"""Refunds to Amazon, one for each credit memo, and since when a marketplace has them.

Revision 0029, after 0028. At most one feed of refunds of an account is open: the index on `feeds`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "amazon_refunds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column(
            "order_id",
            sa.BigInteger(),
            sa.ForeignKey("orders.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column(
            "refund_id",
            sa.BigInteger(),
            sa.ForeignKey("refunds.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("shop", sa.Text(), nullable=False),
        sa.Column("memo_id", sa.BigInteger(), nullable=False),
        _time("memo_at", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        _time("changed_at", nullable=False),
        _time("due_at"),
        sa.Column("needs_person", sa.Boolean(), nullable=False),
        sa.Column("body", postgresql.JSONB(none_as_null=True)),
        sa.Column("total", sa.Numeric(19, 4)),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("hold_code", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("decided_by", sa.Text()),
        _time("decided_at"),
        sa.Column("feed_id", sa.BigInteger(), sa.ForeignKey("feeds.id", ondelete="SET NULL")),
        sa.Column("message_id", sa.Integer()),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        _time("sent_at"),
        _time("looked_at"),
        sa.Column("transaction_id", sa.Text()),
        sa.UniqueConstraint("order_id", "shop", "memo_id"),
        sa.UniqueConstraint("refund_id"),
        sa.UniqueConstraint("feed_id", "message_id"),
    )
    op.create_index(
        "amazon_refunds_due",
        "amazon_refunds",
        ["due_at"],
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "amazon_refunds_for_person",
        "amazon_refunds",
        ["order_id"],
        postgresql_where=sa.text("needs_person"),
    )
    op.create_table(
        "refund_starts",
        sa.Column("account", sa.Text(), primary_key=True),
        sa.Column("marketplace_id", sa.Text(), primary_key=True),
        _time("since", nullable=False),
    )
    op.create_index(
        "feeds_refunds",
        "feeds",
        ["account"],
        unique=True,
        postgresql_where=sa.text("kind = 'refunds' AND state <> 'ended'"),
    )


def downgrade() -> None:
    op.drop_index("feeds_refunds", "feeds")
    op.drop_table("refund_starts")
    op.drop_table("amazon_refunds")


def _time(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
