"""While a feed is overdue, the next feed may be sent beside it.

Revision 0011, after 0010.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_IN_THE_WAY = "state IN ('collected', 'uploaded', 'submitted') AND overdue_at IS NULL"


def upgrade() -> None:
    op.add_column("feeds", sa.Column("overdue_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_index("feeds_open", table_name="feeds")
    op.create_index(
        "feeds_open",
        "feeds",
        ["account", "kind"],
        unique=True,
        postgresql_where=sa.text(_IN_THE_WAY),
    )
    op.create_index(
        "feeds_unended",
        "feeds",
        ["account", "kind"],
        postgresql_where=sa.text("state <> 'ended'"),
    )


def downgrade() -> None:
    # The older release allows a single open feed per kind: a person checks the overdue feeds.
    op.execute(
        "UPDATE feeds SET state = 'ended', outcome = 'given up', ended_at = now()"
        " WHERE state <> 'ended' AND (state = 'looking' OR overdue_at IS NOT NULL)"
    )
    op.execute(
        "UPDATE shipments SET feed_id = NULL, confirmation = 'refused',"
        " refusal = 'no result of its feed' WHERE feed_id IN"
        " (SELECT id FROM feeds WHERE outcome = 'given up')"
    )
    op.drop_index("feeds_unended", table_name="feeds")
    op.drop_index("feeds_open", table_name="feeds")
    op.create_index(
        "feeds_open",
        "feeds",
        ["account", "kind"],
        unique=True,
        postgresql_where=sa.text("state <> 'ended'"),
    )
    op.drop_column("feeds", "overdue_at")
