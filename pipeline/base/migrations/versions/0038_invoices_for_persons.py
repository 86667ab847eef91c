"""Indexes of the invoices that need a person, that bear a number, and of their files.

Revision 0038, after 0037. A refusal because Amazon makes the order's invoice needs nobody.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

_TABLE = "invoice_uploads"


def upgrade() -> None:
    op.add_column(_TABLE, sa.Column("lost", sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE invoice_uploads SET state = 'made by amazon'"
        " WHERE state = 'refused' AND code = 79525"
    )
    op.drop_index("invoice_uploads_open", _TABLE)
    op.create_index(
        "invoice_uploads_open",
        _TABLE,
        ["account", "due_at"],
        postgresql_where=sa.text("state IN ('wanted', 'waiting', 'uploaded', 'submitted')"),
    )
    op.create_index(
        "invoice_uploads_for_person",
        _TABLE,
        ["order_id"],
        postgresql_where=sa.text("state IN ('refused', 'held', 'unknown')"),
    )
    op.create_index("invoice_uploads_ended", _TABLE, ["account", "ended_at"])
    op.create_index("invoice_uploads_number", _TABLE, ["increment_id"])
    op.create_index("invoice_uploads_digest", _TABLE, ["digest"])


def downgrade() -> None:
    for name in ("digest", "number", "ended", "for_person", "open"):
        op.drop_index(f"invoice_uploads_{name}", _TABLE)
    op.execute("DELETE FROM invoice_uploads WHERE state = 'wanted'")
    op.execute(
        "UPDATE invoice_uploads SET state = 'refused' WHERE state IN ('made by amazon', 'ignored')"
    )
    op.create_index(
        "invoice_uploads_open",
        _TABLE,
        ["account", "due_at"],
        postgresql_where=sa.text("state IN ('waiting', 'uploaded', 'submitted')"),
    )
    op.drop_column(_TABLE, "lost")
