"""Tokens of other systems, webhooks, and orders that a person holds.

Revision 0024, after 0023. The triggers queue an event in the transaction of the change that it
tells of, in whatever statement the change is made.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# The first look keeps the rest from being computed where nobody listens.
_QUEUE = """
CREATE FUNCTION queue_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed orders;
    more jsonb := '{}';
    event text;
BEGIN
    IF NOT EXISTS (
        SELECT FROM webhook_endpoints WHERE active AND TG_ARGV[0] = ANY (events)
    ) THEN
        RETURN NULL;
    END IF;
    event := 'evt_' || replace(gen_random_uuid()::text, '-', '');
    IF TG_TABLE_NAME = 'orders' THEN
        changed := NEW;
    ELSE
        SELECT * INTO changed FROM orders WHERE id = NEW.order_id;
    END IF;
    IF TG_TABLE_NAME = 'shipments' THEN
        more := jsonb_build_object('shipment', jsonb_build_object(
            'id', NEW.id,
            'magento_shipment_id', NEW.magento_shipment_id,
            'package_reference', NEW.package_reference,
            'confirmation', NEW.confirmation));
    ELSIF TG_TABLE_NAME = 'refunds' THEN
        more := jsonb_build_object('refund', jsonb_build_object(
            'id', NEW.id,
            'magento_creditmemo_id', NEW.magento_creditmemo_id,
            'amount', NEW.grand_total::text,
            'currency', NEW.currency));
    END IF;
    INSERT INTO webhook_deliveries (endpoint_id, event_id, type, order_id, data)
    SELECT endpoint.id, event, TG_ARGV[0], changed.id, jsonb_build_object(
            'order_id', changed.id,
            'account', changed.account,
            'number', changed.external_id,
            'marketplace_id', changed.marketplace_id,
            'fulfilled_by', changed.fulfilled_by,
            'shop', changed.shop,
            'magento_order_id', changed.magento_order_id,
            'magento_number', changed.magento_increment_id,
            'step', changed.step,
            'status', changed.status,
            'amazon_status', changed.remote_status,
            'hold_code', changed.hold_code,
            'total', CASE WHEN changed.grand_total IS NOT NULL AND changed.currency IS NOT NULL
                THEN jsonb_build_object(
                    'amount', changed.grand_total::text, 'currency', changed.currency)
                END
        ) || more
    FROM webhook_endpoints endpoint
    WHERE endpoint.active AND TG_ARGV[0] = ANY (endpoint.events)
    ORDER BY endpoint.id;
    RETURN NULL;
END $$
"""
_TRIGGERS = {
    "webhook_placed": (
        "UPDATE OF magento_order_id ON orders",
        "OLD.magento_order_id IS NULL AND NEW.magento_order_id IS NOT NULL",
        "order.placed",
    ),
    # A held order that is tried again and held for the same reason is no news.
    "webhook_held": (
        "UPDATE OF hold_code ON orders",
        "NEW.status = 'held' AND OLD.hold_code IS DISTINCT FROM NEW.hold_code",
        "order.held",
    ),
    "webhook_cancelled": (
        "UPDATE OF status ON orders",
        "NEW.status = 'cancelled' AND OLD.status <> 'cancelled'",
        "order.cancelled",
    ),
    "webhook_shipped": ("INSERT ON shipments", "true", "order.shipped"),
    "webhook_confirmed": (
        "UPDATE OF confirmation ON shipments",
        "NEW.confirmation = 'accepted' AND OLD.confirmation <> 'accepted'",
        "order.confirmed",
    ),
    "webhook_refunded": ("INSERT ON refunds", "true", "order.refunded"),
}


def upgrade() -> None:
    _tokens()
    _webhooks()
    op.add_column("orders", sa.Column("kept_back", sa.Text(), nullable=True))
    op.execute("ALTER TABLE orders ALTER kept_back SET STATISTICS 0")
    for column in ("wrapped_key", "secret"):
        op.execute(f"ALTER TABLE webhook_endpoints ALTER {column} SET STATISTICS 0")
    op.execute(_QUEUE)
    for name, (event, condition, kind) in _TRIGGERS.items():
        op.execute(
            f"CREATE TRIGGER {name} AFTER {event} FOR EACH ROW WHEN ({condition})"
            f" EXECUTE FUNCTION queue_webhooks('{kind}')"
        )


def downgrade() -> None:
    for name, (event, _, _) in _TRIGGERS.items():
        op.execute(f"DROP TRIGGER {name} ON {event.rpartition(' ')[2]}")
    op.execute("DROP FUNCTION queue_webhooks()")
    op.drop_column("orders", "kept_back")
    for table in ("webhook_deliveries", "webhook_endpoints", "api_answers", "api_tokens"):
        op.drop_table(table)


def _tokens() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False, unique=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index(
        "api_tokens_name",
        "api_tokens",
        [sa.text("lower(name)")],
        unique=True,
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_table(
        "api_answers",
        sa.Column(
            "token_id",
            sa.BigInteger(),
            sa.ForeignKey("api_tokens.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", postgresql.JSONB(), nullable=True),
    )
    op.create_index("api_answers_at", "api_answers", ["at"])


def _webhooks() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column(
            "endpoint_id",
            sa.BigInteger(),
            sa.ForeignKey("webhook_endpoints.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "happened_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.func.now(),
        ),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column(
            "queued_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index(
        "webhook_deliveries_waiting",
        "webhook_deliveries",
        ["endpoint_id", "order_id", "id"],
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("webhook_deliveries_of_endpoint", "webhook_deliveries", ["endpoint_id", "id"])
    op.create_index("webhook_deliveries_event", "webhook_deliveries", ["event_id"])
    op.create_index(
        "webhook_deliveries_ended",
        "webhook_deliveries",
        ["ended_at"],
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
