"""The security log, to which rows are only added.

Revision 0019, after 0018. Roles that may write all tables keep SELECT and INSERT on this one. The
trigger refuses changes by others too, also in a session of replication, until the table's owner
disables it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_KEEP_OTHERS_FROM_CHANGING = """
DO $$
DECLARE other record;
BEGIN
    FOR other IN
        SELECT DISTINCT grantee::regrole AS role
        FROM pg_class, aclexplode(relacl)
        WHERE oid = 'security_log'::regclass AND grantee NOT IN (0, relowner)
    LOOP
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON security_log FROM %s', other.role);
    END LOOP;
END $$
"""
_REFUSE = """
CREATE FUNCTION refuse_change_of_security_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of security_log are never changed or deleted'
        USING ERRCODE = 'insufficient_privilege';
END $$
"""
_TRIGGER = """
CREATE TRIGGER security_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON security_log
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_security_log()
"""


def upgrade() -> None:
    op.create_table(
        "security_log",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
    )
    op.create_index("security_log_at", "security_log", ["at"])
    op.create_index("security_log_object", "security_log", ["object"])
    op.execute("REVOKE ALL ON security_log FROM PUBLIC")
    op.execute(_KEEP_OTHERS_FROM_CHANGING)
    op.execute(_REFUSE)
    op.execute(_TRIGGER)
    op.execute("ALTER TABLE security_log ENABLE ALWAYS TRIGGER security_log_is_append_only")


def downgrade() -> None:
    op.drop_table("security_log")
    op.execute("DROP FUNCTION refuse_change_of_security_log()")
