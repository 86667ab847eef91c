"""The facts of a credit memo, which a refund at Amazon needs.

Revision 0028, after 0027. Credit memos that an older release stored have no facts; the job that
reads credit memos reads them again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("refunds", sa.Column("facts", postgresql.JSONB(), nullable=True))
    op.create_index("refunds_at", "refunds", ["refunded_at"])
    op.create_index("refunds_unread", "refunds", ["id"], postgresql_where=sa.text("facts IS NULL"))


def downgrade() -> None:
    op.drop_index("refunds_unread", "refunds")
    op.drop_index("refunds_at", "refunds")
    op.drop_column("refunds", "facts")
