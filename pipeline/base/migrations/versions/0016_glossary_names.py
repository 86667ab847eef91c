"""Tables and columns get the names of the glossary; no row changes.

Revision 0016, after 0015. An older version's processes do not know the new names: stop workers,
beat and console before it runs.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_TABLES = (
    ("shipment_wishes", "requested_shipments"),
    ("turned_settings", "setting_overrides"),
    ("database_lives", "database_restores"),
)
_INDEXES = (
    ("shipment_wishes_of_order", "requested_shipments_of_order"),
    ("shipment_wishes_standing", "requested_shipments_standing"),
)
_COLUMNS = (
    ("orders", "worth", "stated_value"),
    ("shop_reads", "trying_since", "without_success_since"),
    ("database_restores", "began_at", "noticed_at"),
)


def upgrade() -> None:
    for old, new in _TABLES:
        _rename_table(old, new)
    for old, new in _INDEXES:
        op.execute(f"ALTER INDEX {old} RENAME TO {new}")
    for table, old, new in _COLUMNS:
        _rename_column(table, old, new)


def downgrade() -> None:
    for table, old, new in reversed(_COLUMNS):
        _rename_column(table, new, old)
    for old, new in reversed(_INDEXES):
        op.execute(f"ALTER INDEX {new} RENAME TO {old}")
    for old, new in reversed(_TABLES):
        _rename_table(new, old)


def _rename_table(old: str, new: str) -> None:
    op.rename_table(old, new)
    op.execute(f"ALTER SEQUENCE {old}_id_seq RENAME TO {new}_id_seq")
    _rename_constraints(new, old, new)


def _rename_column(table: str, old: str, new: str) -> None:
    op.alter_column(table, old, new_column_name=new)
    _rename_constraints(table, f"{table}_{old}", f"{table}_{new}")


def _rename_constraints(table: str, old: str, new: str) -> None:
    """PostgreSQL named them by table and column, and renames none with these.

    From version 18 on, NOT NULL is such a constraint.
    """
    query = sa.text(
        "SELECT conname FROM pg_constraint"
        " WHERE conrelid = to_regclass(:table) AND starts_with(conname, :prefix)"
    )
    names = op.get_bind().scalars(query, {"table": table, "prefix": f"{old}_"}).all()
    for name in names:
        op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {name} TO {new}{name.removeprefix(old)}")
