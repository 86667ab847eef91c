"""Repeated attempts share a row, and indexes help to delete old rows.

Revision 0014, after 0013.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_WITH_AN_END = ("incidents", "feeds", "bulk_acts", "differences", "reconciliations")


def upgrade() -> None:
    # A constant default is kept in the catalogue: PostgreSQL rewrites no row.
    op.add_column("attempts", sa.Column("times", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("attempts", sa.Column("first_at", sa.DateTime(timezone=True), nullable=True))
    for table in _WITH_AN_END:
        op.create_index(
            f"{table}_ended",
            table,
            ["ended_at"],
            postgresql_where=sa.text("ended_at IS NOT NULL"),
        )
    op.create_index("reconciliations_of_account", "reconciliations", ["account", "id"])
    op.create_index("to_fetch_asked", "to_fetch", ["asked_at"])


def downgrade() -> None:
    op.drop_index("to_fetch_asked", table_name="to_fetch")
    op.drop_index("reconciliations_of_account", table_name="reconciliations")
    for table in reversed(_WITH_AN_END):
        op.drop_index(f"{table}_ended", table_name=table)
    op.drop_column("attempts", "first_at")
    op.drop_column("attempts", "times")
