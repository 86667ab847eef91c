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
    # Before, no bulk job shipped; its orders go with it.
    op.execute("DELETE FROM bulk_acts WHERE act = 'ship'")
    # Before, an order had one request at a time, for all its units, and no title was sealed.
    op.execute("""
        UPDATE requested_shipments r SET state = 'ended', why = 'taken back', carrier_title = ''
        WHERE state IN ('open', 'refused')
          AND (units IS NOT NULL OR carrier_title LIKE 'sealed:%' OR EXISTS (
            SELECT FROM requested_shipments e
            WHERE e.order_id = r.order_id AND e.id < r.id AND e.state IN ('open', 'refused')))
    """)
    op.execute("""
        UPDATE requested_shipments SET carrier_title = '' WHERE carrier_title LIKE 'sealed:%'
    """)
    # What Amazon was told counts as told still. A message in a feed that is not made yet is written
    # anew, from the package as the watch of the shop reads it.
    op.execute("""
        UPDATE shipments SET
            carrier_title = CASE WHEN carrier_title LIKE 'sealed:%' THEN ''
                ELSE carrier_title END,
            confirmed_as = regexp_replace(confirmed_as, '/sealed:[^/]*/', '//'),
            confirmation = CASE WHEN confirmation = 'feed' AND feed_id IS NULL THEN 'queued'
                ELSE confirmation END,
            to_feed = CASE WHEN feed_id IS NULL THEN NULL
                ELSE regexp_replace(to_feed::text, 'sealed:[A-Za-z0-9_=-]*', '', 'g')::jsonb END
        WHERE carrier_title LIKE 'sealed:%' OR confirmed_as LIKE '%/sealed:%'
           OR to_feed::text LIKE '%sealed:%'
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
