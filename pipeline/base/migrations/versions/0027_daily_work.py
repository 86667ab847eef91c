"""Saved views, preferences, assigned orders and mentions of people; the notes by their time.

Revision 0027, after 0026. The two indexes of `notes` are what the page of activity reads; building
them takes about a second for a million notes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "saved_views",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        _person(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", postgresql.JSONB(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        "saved_views_name", "saved_views", ["person_id", sa.text("lower(name)")], unique=True
    )
    op.create_table(
        "work_preferences",
        _person(primary_key=True),
        sa.Column("columns", postgresql.ARRAY(sa.Text()), nullable=False, server_default="{}"),
        sa.Column("shortcuts", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("digest_to", sa.Text(), nullable=False, server_default=""),
        sa.Column("digest_hour", sa.Integer(), nullable=True),
        sa.Column("digest_zone", sa.Text(), nullable=False, server_default="UTC"),
        sa.Column("digest_on", sa.Date(), nullable=True),
    )
    op.execute("ALTER TABLE work_preferences ALTER digest_to SET STATISTICS 0")
    op.create_table(
        "assignments",
        sa.Column(
            "order_id",
            sa.BigInteger(),
            sa.ForeignKey("orders.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        _person(),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("assigned_by", sa.Text(), nullable=False),
    )
    op.create_index("assignments_of_person", "assignments", ["person_id", "order_id"])
    op.create_table(
        "mentions",
        sa.Column(
            "note_id",
            sa.BigInteger(),
            sa.ForeignKey("notes.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        _person(primary_key=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index(
        "mentions_open",
        "mentions",
        ["person_id", "note_id"],
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index("notes_at", "notes", ["at", "id"])
    op.create_index("notes_by", "notes", ["author", "at", "id"])


def downgrade() -> None:
    op.drop_index("notes_by", "notes")
    op.drop_index("notes_at", "notes")
    for table in ("mentions", "assignments", "work_preferences", "saved_views"):
        op.drop_table(table)


def _person(*, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        "person_id",
        sa.BigInteger(),
        sa.ForeignKey("people.id", ondelete="CASCADE"),
        primary_key=primary_key,
        autoincrement=False,
        nullable=False,
    )
