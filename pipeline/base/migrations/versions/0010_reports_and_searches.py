"""A digest to tell two reports of the same time apart, and the progress of long searches.

Revision 0010, after 0009.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a default, so that PostgreSQL rewrites no row.
    op.add_column("order_private", sa.Column("report_digest", sa.Text(), nullable=True))
    op.add_column(
        "order_private", sa.Column("report_asked_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_table(
        "searches",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pages", postgresql.JSONB(), nullable=False),
        sa.Column("fruitless", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    op.drop_table("searches")
    op.drop_column("order_private", "report_asked_at")
    op.drop_column("order_private", "report_digest")
