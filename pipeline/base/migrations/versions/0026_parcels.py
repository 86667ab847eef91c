"""Several parcels of an order at once, and those that a file of a person's asks for.

Revision 0026, after 0025. Nothing has to run first.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_STANDING = sa.text("state IN ('open', 'refused')")


def upgrade() -> None:
    op.add_column(
        "requested_shipments",
        sa.Column("units", postgresql.JSONB(none_as_null=True), nullable=True),
    )
    op.drop_index("requested_shipments_standing", "requested_shipments")
    op.create_index(
        "requested_shipments_standing",
        "requested_shipments",
        ["order_id"],
        postgresql_where=_STANDING,
    )
    op.create_table(
        "bulk_parcels",
        sa.Column("act_id", sa.BigInteger(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("carrier_code", sa.Text(), nullable=False),
        sa.Column("carrier_title", sa.Text(), nullable=False),
        sa.Column("tracking_number", sa.Text(), nullable=False),
        sa.Column("units", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("requested_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("act_id", "row"),
        sa.ForeignKeyConstraint(["act_id"], ["bulk_acts.id"], ondelete="CASCADE"),
    )
    # A person may have typed it.
    op.execute("ALTER TABLE bulk_parcels ALTER carrier_title SET STATISTICS 0")


def downgrade() -> None:
    op.drop_table("bulk_parcels")
    # Before, an order had one request at a time, for all its units.
    op.execute("""
        UPDATE requested_shipments r SET state = 'ended', why = 'taken back', carrier_title = ''
        WHERE state IN ('open', 'refused') AND (units IS NOT NULL OR EXISTS (
            SELECT FROM requested_shipments e
            WHERE e.order_id = r.order_id AND e.id < r.id AND e.state IN ('open', 'refused')))
    """)
    op.drop_index("requested_shipments_standing", "requested_shipments")
    op.create_index(
        "requested_shipments_standing",
        "requested_shipments",
        ["order_id"],
        unique=True,
        postgresql_where=_STANDING,
    )
    op.drop_column("requested_shipments", "units")
