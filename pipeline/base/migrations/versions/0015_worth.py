"""The stated value: a person says what an order is worth when Amazon gives no amount.

Revision 0015, after 0014.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("worth", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column("orders", "worth")
