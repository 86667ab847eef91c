"""The numbers of orders for the search, and indexes for its filters and sorting.

Revision 0026, after 0019. It reads all orders and packages once, about a minute for a million: stop
workers, beat and console before it runs.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0019"
branch_labels = None
depends_on = None

_PARTS = """
CREATE FUNCTION number_parts(number text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT array(SELECT DISTINCT substr(number, place, 4)
        FROM generate_series(1, length(number) - 3) AS places(place))
$$
"""
_KEEP = """
CREATE FUNCTION keep_number_of_{of}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_numbers (order_id, number)
    SELECT {order_id}, upper(number) FROM unnest(ARRAY[{numbers}]) AS numbers(number)
    WHERE number <> ''
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$
"""
_TRIGGER = """
CREATE TRIGGER {of}_number_is_kept AFTER INSERT OR UPDATE OF {columns} ON {of}
FOR EACH ROW EXECUTE FUNCTION keep_number_of_{of}()
"""
_KEPT = {
    "orders": ("NEW.id", ("external_id", "magento_increment_id")),
    "shipments": ("NEW.order_id", ("tracking_number",)),
}
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
    for of, (order_id, columns) in _KEPT.items():
        numbers = ", ".join(f"NEW.{column}" for column in columns)
        op.execute(_KEEP.format(of=of, order_id=order_id, numbers=numbers))
        op.execute(_TRIGGER.format(of=of, columns=", ".join(columns)))
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
    for of in _KEPT:
        op.execute(f"DROP TRIGGER {of}_number_is_kept ON {of}")
        op.execute(f"DROP FUNCTION keep_number_of_{of}()")
    op.drop_table("order_numbers")
    op.execute("DROP FUNCTION number_parts(text)")
