"""Second factors, the age of passwords, names that stay taken, and what a sign-in came from.

Revision 0021, after 0020. A password's age counts from this migration: nothing tells when it was
set.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("people", sa.Column("password_set_at", _AT))
    op.add_column("people", sa.Column("one_time_until", _AT))
    op.add_column("people", sa.Column("removed_at", _AT))
    op.add_column("people", sa.Column("created_by", sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "people",
        sa.Column(
            "former_hashes", postgresql.ARRAY(sa.Text()), nullable=False, server_default="{}"
        ),
    )
    op.execute("UPDATE people SET password_set_at = now() WHERE password_hash IS NOT NULL")
    op.add_column(
        "sign_ins",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False, unique=True),
    )
    for column in ("address", "browser"):
        op.add_column("sign_ins", sa.Column(column, sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "second_factors",
        sa.Column(
            "person_id",
            sa.BigInteger(),
            sa.ForeignKey("people.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("recovery_digests", postgresql.ARRAY(sa.LargeBinary()), nullable=False),
        sa.Column("set_up_at", _AT, nullable=False),
    )
    for column in ("wrapped_key", "sealed", "recovery_digests"):
        op.execute(f"ALTER TABLE second_factors ALTER COLUMN {column} SET STATISTICS 0")


def downgrade() -> None:
    """Removed people are deleted: there they would be among those who may sign in."""
    op.execute("DELETE FROM people WHERE removed_at IS NOT NULL")
    op.drop_table("second_factors")
    for column in ("id", "address", "browser"):
        op.drop_column("sign_ins", column)
    for column in (
        *("password_set_at", "one_time_until", "removed_at", "created_by"),
        "former_hashes",
    ):
        op.drop_column("people", column)
