"""Gaps: a period is searched again later when its search returned orders without a number.

Revision 0012, after 0011.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("gaps", sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("gaps", sa.Column("tries", sa.Integer(), nullable=False, server_default="0"))
    op.add_column(
        "gaps", sa.Column("again", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    op.drop_column("gaps", "again")
    op.drop_column("gaps", "tries")
    op.drop_column("gaps", "due_at")
