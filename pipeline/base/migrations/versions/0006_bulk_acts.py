"""Bulk jobs on many orders, and the result for each order.

Revision 0006, after 0005.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bulk_acts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("chosen", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("passed_over", sa.Integer(), server_default="0", nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token"),
    )
    op.create_index(
        "bulk_acts_open", "bulk_acts", ["id"], postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_table(
        "bulk_act_orders",
        sa.Column("act_id", sa.BigInteger(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="to do", nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["act_id"], ["bulk_acts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("act_id", "turn"),
    )
    op.create_index(
        "bulk_act_orders_to_do",
        "bulk_act_orders",
        ["act_id", "turn"],
        postgresql_where=sa.text("state = 'to do'"),
    )


def downgrade() -> None:
    op.drop_table("bulk_act_orders")
    op.drop_table("bulk_acts")
