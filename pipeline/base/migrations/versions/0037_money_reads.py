"""The orders whose money is to be read singly, and what Today and doctor need of each transaction.

Revision 0037, after 0036. The transactions of the last 31 days are read again, so that they get the
new columns.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_AMOUNT = sa.Numeric(19, 4)
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "money_reads",
        sa.Column("account", sa.Text(), primary_key=True),
        sa.Column("external_id", sa.Text(), primary_key=True),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("asked_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("read_at", _TIME),
        sa.Column("trouble", sa.Text(), server_default="", nullable=False),
    )
    op.create_index(
        "money_reads_due",
        "money_reads",
        ["account", "due_at"],
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    for name in ("charges", "fees"):
        op.add_column("transactions", sa.Column(name, _AMOUNT, server_default="0", nullable=False))
    op.add_column(
        "transactions",
        sa.Column("unknown", postgresql.JSONB(), server_default="[]", nullable=False),
    )
    op.create_index(
        "transactions_fees",
        "transactions",
        ["account", "posted_at"],
        postgresql_include=["currency", "charges", "fees"],
        postgresql_where=sa.text("is_counted AND (charges <> 0 OR fees <> 0)"),
    )
    op.create_index(
        "transactions_unknown",
        "transactions",
        ["account", "posted_at"],
        postgresql_where=sa.text("is_counted AND unknown <> '[]'::jsonb"),
    )
    op.execute(
        "UPDATE cursors SET position = position - interval '31 days', search_from = NULL,"
        " search_until = NULL, search_before = NULL, page_token = NULL"
        " WHERE name LIKE 'finances:%'"
    )


def downgrade() -> None:
    op.drop_index("transactions_unknown", "transactions")
    op.drop_index("transactions_fees", "transactions")
    for name in ("unknown", "fees", "charges"):
        op.drop_column("transactions", name)
    op.drop_table("money_reads")
