"""Refunds that Amazon shows of an order, compared with the shop's credit memos.

Revision 0031, after 0030. The triggers set an order due for a look in the transaction that stores
a refund of Amazon's, or a credit memo of an order that has one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_REFUNDED = """
CREATE FUNCTION note_refund_at_amazon() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO made_at_amazon AS made (order_id, due_at)
    VALUES (NEW.order_id, coalesce(NEW.posted_at, now()))
    ON CONFLICT (order_id) DO UPDATE
        SET due_at = least(made.due_at, EXCLUDED.due_at), news = made.news + 1;
    RETURN NULL;
END $$
"""
_GIVEN_IN_SHOP = """
CREATE FUNCTION note_memo_beside_amazon() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE made_at_amazon
       SET due_at = least(due_at, NEW.refunded_at), news = news + 1
     WHERE order_id = NEW.order_id;
    RETURN NULL;
END $$
"""
_COUNTS = "NEW.order_id IS NOT NULL AND lower(NEW.kind) IN ('refund', 'chargerefund')"
_COLUMNS = ("order_id", "kind", "is_counted", "total", "items", "leaves")
# The walk over the transactions reads each of them several times without a change.
_CHANGED = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in _COLUMNS)


def upgrade() -> None:
    op.create_table(
        "made_at_amazon",
        sa.Column(
            "order_id",
            sa.BigInteger(),
            sa.ForeignKey("orders.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("news", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("looked_at", sa.DateTime(timezone=True)),
        sa.Column("currency", sa.Text()),
        sa.Column("at_amazon", sa.Numeric(19, 4)),
        sa.Column("in_shop", sa.Numeric(19, 4)),
        sa.Column(
            "answers",
            postgresql.JSONB(none_as_null=True),
            nullable=False,
            server_default=sa.text("'{}'"),
        ),
        sa.Column("needs_person", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("code", sa.Text()),
        sa.Column("sentence", sa.Text()),
        sa.Column("facts", postgresql.JSONB(none_as_null=True)),
        sa.Column("difference", sa.Numeric(19, 4)),
        sa.Column("dismissed", sa.Numeric(19, 4)),
    )
    op.create_index(
        "made_at_amazon_due",
        "made_at_amazon",
        ["due_at"],
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "made_at_amazon_for_person",
        "made_at_amazon",
        ["order_id"],
        postgresql_where=sa.text("needs_person"),
    )
    op.execute(_REFUNDED)
    op.execute(_GIVEN_IN_SHOP)
    op.execute(
        f"CREATE TRIGGER refunded_at_amazon AFTER INSERT ON transactions FOR EACH ROW"
        f" WHEN ({_COUNTS}) EXECUTE FUNCTION note_refund_at_amazon()"
    )
    op.execute(
        f"CREATE TRIGGER refund_changed_at_amazon AFTER UPDATE ON transactions FOR EACH ROW"
        f" WHEN ({_COUNTS} AND ({_CHANGED})) EXECUTE FUNCTION note_refund_at_amazon()"
    )
    op.execute(
        "CREATE TRIGGER memo_beside_amazon AFTER INSERT ON refunds FOR EACH ROW"
        " EXECUTE FUNCTION note_memo_beside_amazon()"
    )
    op.execute(
        "CREATE TRIGGER memo_changed_beside_amazon AFTER UPDATE ON refunds FOR EACH ROW"
        " WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION note_memo_beside_amazon()"
    )


def downgrade() -> None:
    for name in ("memo_changed_beside_amazon", "memo_beside_amazon"):
        op.execute(f"DROP TRIGGER {name} ON refunds")
    for name in ("refund_changed_at_amazon", "refunded_at_amazon"):
        op.execute(f"DROP TRIGGER {name} ON transactions")
    for name in ("note_memo_beside_amazon", "note_refund_at_amazon"):
        op.execute(f"DROP FUNCTION {name}()")
    op.drop_table("made_at_amazon")
