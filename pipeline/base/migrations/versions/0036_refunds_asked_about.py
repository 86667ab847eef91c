"""The refunds at Amazon that a person was asked about, so that they make no other refund seen.

Revision 0036, after 0035. A nullable column: no row is written.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("amazon_refunds", sa.Column("asked_about", sa.Text()))


def downgrade() -> None:
    op.drop_column("amazon_refunds", "asked_about")
