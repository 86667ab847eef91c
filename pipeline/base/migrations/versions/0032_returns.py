"""Reports that Amazon is asked for, and the returns of buyers that they tell of.

Revision 0032, after 0031. Both tables begin empty: the first reports tell of the last 60 days.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        _text("account"),
        _text("report_type"),
        _text("state"),
        sa.Column("marketplace_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        _time("since_at"),
        _time("until_at"),
        _time("created_at"),
        _time("state_since"),
        _time("due_at"),
        _time("asked_at", nullable=True),
        _text("report_id", nullable=True),
        _text("document_id", nullable=True),
        _time("ended_at", nullable=True),
        _text("outcome", nullable=True),
        sa.Column("rows", sa.Integer(), nullable=True),
        sa.Column("bad_rows", sa.Integer(), nullable=True),
        _text("trouble", nullable=True),
    )
    op.create_index(
        "reports_open",
        "reports",
        ["account", "report_type"],
        unique=True,
        postgresql_where=sa.text("state <> 'ended'"),
    )
    op.create_index("reports_latest", "reports", ["account", "report_type", "id"])
    op.create_index(
        "reports_ended",
        "reports",
        ["ended_at"],
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_table(
        "returns",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        _text("account"),
        _text("external_id"),
        _text("fulfilled_by"),
        _text("reference"),
        _text("item"),
        sa.Column("place", sa.Integer(), nullable=False),
        _text("sku"),
        _text("asin"),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("ordered_quantity", sa.Integer(), nullable=True),
        _text("reason"),
        _text("status"),
        _text("disposition"),
        _text("resolution"),
        _text("merchant_rma"),
        _text("label_payer"),
        sa.Column("is_a_to_z", sa.Boolean(), nullable=False),
        sa.Column("requested_on", sa.Date(), nullable=True),
        sa.Column("arrived_on", sa.Date(), nullable=True),
        sa.Column("refunded_total", sa.Numeric(19, 4), nullable=True),
        _text("currency"),
        _time("first_seen_at"),
        _time("changed_at"),
        _time("gone_at", nullable=True),
        sa.UniqueConstraint(
            *("account", "external_id", "fulfilled_by", "reference", "item", "place"),
            name="returns_key",
        ),
    )
    op.create_index(
        "returns_arrived",
        "returns",
        ["arrived_on"],
        postgresql_where=sa.text("arrived_on IS NOT NULL"),
    )
    op.create_index("returns_requested", "returns", ["account", "fulfilled_by", "requested_on"])


def downgrade() -> None:
    op.drop_table("returns")
    op.drop_table("reports")


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
