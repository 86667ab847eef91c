"""The numbers of orders for the search, and indexes for its filters and sorting.

Revision 0023, after 0022. It reads all orders and packages once, about a minute for a million: stop
workers, beat and console before it runs.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

# A single expression, which PostgreSQL computes in place: a set-returning function would cost a
# hundred times as much for each number.
_PARTS = f"""
CREATE FUNCTION number_parts(number text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT ARRAY[{", ".join(f"substr(number, {place}, 4)" for place in range(1, 38))}]
$$
"""
_KEEP_NEW = """
CREATE FUNCTION keep_numbers_of_new_{of}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_numbers (order_id, number)
    SELECT {order_id}, upper(number) FROM added, unnest(ARRAY[{columns}]) AS numbers(number)
    WHERE number <> ''
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER {of}_numbers_are_kept AFTER INSERT ON {of} REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION keep_numbers_of_new_{of}()
"""
_KEEP_CHANGED = """
CREATE FUNCTION keep_changed_number_of_{of}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_numbers (order_id, number) VALUES (NEW.{order_id}, upper(NEW.{changing}))
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER {of}_changed_number_is_kept AFTER UPDATE OF {changing} ON {of} FOR EACH ROW
WHEN (NEW.{changing} <> '' AND NEW.{changing} IS DISTINCT FROM OLD.{changing})
EXECUTE FUNCTION keep_changed_number_of_{of}()
"""
_KEPT = (
    {
        "of": "orders",
        "order_id": "id",
        "columns": "external_id, magento_increment_id",
        "changing": "magento_increment_id",
    },
    {
        "of": "shipments",
        "order_id": "order_id",
        "columns": "tracking_number",
        "changing": "tracking_number",
    },
)
_FILL = """
INSERT INTO order_numbers (order_id, number)
SELECT id, upper(external_id) FROM orders WHERE external_id <> ''
UNION SELECT id, upper(magento_increment_id) FROM orders WHERE magento_increment_id <> ''
UNION SELECT order_id, upper(tracking_number) FROM shipments WHERE tracking_number <> ''
"""


def upgrade() -> None:
    op.create_table(
        "order_numbers",
        sa.Column(
            "order_id",
            sa.BigInteger(),
            sa.ForeignKey("orders.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("number", sa.Text(collation="C"), primary_key=True),
    )
    op.execute(_PARTS)
    op.execute(_FILL)
    op.create_index("order_numbers_number", "order_numbers", ["number"])
    op.create_index(
        "order_numbers_parts",
        "order_numbers",
        [sa.text("number_parts(number)")],
        postgresql_using="gin",
    )
    for names in _KEPT:
        op.execute(_KEEP_NEW.format(**names))
        op.execute(_KEEP_CHANGED.format(**names))
    # The search reads order_numbers; the indexes of the rows that each step writes serve sorting.
    op.drop_index("shipments_tracking", "shipments")
    op.drop_index("orders_magento_number", "orders")
    op.create_index("orders_magento_number", "orders", ["magento_increment_id", "id"])
    op.drop_index("orders_total", "orders")
    op.create_index("orders_total", "orders", ["currency", "grand_total", "id"])
    op.drop_index("order_items_sku", "order_items")
    op.create_index("order_items_sku", "order_items", [sa.text("lower(sku)")])


def downgrade() -> None:
    op.drop_index("order_items_sku", "order_items")
    op.create_index("order_items_sku", "order_items", ["sku"])
    op.drop_index("orders_total", "orders")
    op.create_index("orders_total", "orders", ["grand_total", "id"])
    op.drop_index("orders_magento_number", "orders")
    op.create_index("orders_magento_number", "orders", ["magento_increment_id"])
    op.create_index("shipments_tracking", "shipments", ["tracking_number"])
    for names in _KEPT:
        of = names["of"]
        for trigger, function in (
            (f"{of}_numbers_are_kept", f"keep_numbers_of_new_{of}"),
            (f"{of}_changed_number_is_kept", f"keep_changed_number_of_{of}"),
        ):
            op.execute(f"DROP TRIGGER {trigger} ON {of}")
            op.execute(f"DROP FUNCTION {function}()")
    op.drop_table("order_numbers")
    op.execute("DROP FUNCTION number_parts(text)")
