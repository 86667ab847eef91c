"""Tables of the people who sign in, and columns that the Orders tab sorts and filters by.

Revision 0004, after 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("locked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("subject"),
    )
    op.create_index("people_name", "people", [sa.text("lower(name)")], unique=True)
    op.create_table(
        "sign_ins",
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_digest"),
    )
    op.create_index("sign_ins_of_person", "sign_ins", ["person_id"])
    op.create_table(
        "wrong_passwords",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("subject"),
    )
    _operate()
    _index_the_orders()
    _purge_the_orders()
    op.add_column("orders", sa.Column("dismissed_at", sa.DateTime(timezone=True), nullable=True))


def _operate() -> None:
    op.create_table(
        "belongings",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "alert_deliveries",
        sa.Column("incident_id", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("incident_id", "event", "channel"),
    )
    op.create_index(
        "alert_deliveries_due",
        "alert_deliveries",
        ["due_at"],
        postgresql_where=sa.text("sent_at IS NULL"),
    )


def _index_the_orders() -> None:
    for column in ("external_id", "magento_increment_id"):
        op.alter_column("orders", column, type_=sa.Text(collation="C"))
    op.create_index("orders_ship_by", "orders", ["ship_by_at", "id"])
    op.create_index("orders_total", "orders", ["grand_total", "id"])
    op.create_index("orders_updated", "orders", ["updated_at", "id"])
    op.create_index("orders_number", "orders", ["external_id", "id"])
    op.create_index("orders_magento_number", "orders", ["magento_increment_id"])
    op.create_index(
        "orders_status", "orders", ["status", "purchased_at", "id"], postgresql_include=["shown"]
    )
    op.create_index(
        "orders_held",
        "orders",
        ["hold_code", "purchased_at", "id"],
        postgresql_include=["shown"],
        postgresql_where=sa.text("status = 'held'"),
    )
    op.create_index(
        "orders_hidden", "orders", ["purchased_at", "id"], postgresql_where=sa.text("NOT shown")
    )
    op.create_index(
        "orders_sold_in", "orders", ["marketplace_id", "fulfilled_by", "purchased_at", "id"]
    )
    op.create_index("orders_programs", "orders", ["programs"], postgresql_using="gin")
    op.create_index("order_items_sku", "order_items", ["sku"])
    op.create_index("shipments_tracking", "shipments", ["tracking_number"])
    op.create_index(
        "shipments_unconfirmed",
        "shipments",
        ["order_id"],
        postgresql_where=sa.text("confirmation <> 'accepted'"),
    )
    op.add_column(
        "order_private",
        sa.Column("buyer_words", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
    )
    op.add_column(
        "order_private", sa.Column("buyer_initials", sa.Text(), server_default="", nullable=False)
    )
    op.create_index("order_private_buyer", "order_private", ["buyer_words"], postgresql_using="gin")


def _purge_the_orders() -> None:
    op.add_column("orders", sa.Column("purged_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "orders_unpurged", "orders", ["id"], postgresql_where=sa.text("purged_at IS NULL")
    )


def downgrade() -> None:
    op.drop_column("orders", "dismissed_at")
    op.drop_index("orders_unpurged", "orders")
    op.drop_column("orders", "purged_at")
    op.drop_column("order_private", "buyer_initials")
    op.drop_column("order_private", "buyer_words")
    op.drop_index("shipments_unconfirmed", "shipments")
    op.drop_index("shipments_tracking", "shipments")
    op.drop_index("order_items_sku", "order_items")
    for name in (
        *("programs", "sold_in", "hidden", "held", "status", "magento_number", "number"),
        *("updated", "total", "ship_by"),
    ):
        op.drop_index(f"orders_{name}", "orders")
    for column in ("external_id", "magento_increment_id"):
        op.alter_column("orders", column, type_=sa.Text(collation="default"))
    op.drop_table("alert_deliveries")
    op.drop_table("belongings")
    op.drop_table("wrong_passwords")
    op.drop_table("sign_ins")
    op.drop_table("people")
