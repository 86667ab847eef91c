"""The tables of orders, their lines, attempts, effects and notes. Times are timestamptz, amounts
NUMERIC(19,4) beside a currency.

Data that may name a person is in `order_private` alone, encrypted under a key of the order's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pipeline.base.quota import Lane
from pipeline.base.tables import UNSAMPLED, Base
from pipeline.orders.delivery_at import DELIVERY_AT
from pipeline.orders.package_tables import Shipment
from pipeline.orders.report import NO_REPORT, Report
from pipeline.orders.requested_shipment import RequestedShipment


class Status(StrEnum):
    """Where an order stands within its step."""

    READY = "ready"
    RUNNING = "running"
    WAITING = "waiting"
    HELD = "held"
    DONE = "done"
    CANCELLED = "cancelled"


# Compared by bytes, so that an index can search a number by its beginning.
_NUMBER = Text(collation="C")

LIVE = (Status.READY, Status.RUNNING, Status.WAITING, Status.HELD)


class EffectState(StrEnum):
    """The progress of a remote write, as far as we know."""

    INTENDED = "intended"
    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Order(Base):
    """A marketplace order and its state.

    `due_at` is when its step runs next, `sent_at` when the sweep last sent it. `tries` counts the
    starts of this step since its last success, `unfinished` the starts that never came to an end.
    `updated_at` is when the order last changed: a run that finds it as it was leaves it alone.
    `news` counts reports from the marketplace and the shop. `version` stops a worker that lost its
    lease. `lane` is the priority: new orders go before a backfill's.

    `shop` is the shop of the `magento_` numbers; see `pipeline.orders.order_shop`.
    `magento_invoiced` and `magento_refunded` are the shop's totals, once all is invoiced.
    `cancel_reason` is why the marketplace should cancel; `cancellation` is the progress of that, a
    CancellationState. `confirm_anyway` says that a person overruled a reason not to confirm.
    `kept_back` is who holds the order, until it is released; see `holder`.
    `reserved_until` is how long a pending order holds stock. `stated_value` is a person's: see
    `pipeline.orders.stated_value`. `facts` are more of the marketplace's data, nothing personal.
    `delivered_at` is when the marketplace first reported every package as delivered, `shipped_at`
    when the last of them left; `delivery_at` is when the order counts as delivered, a
    guess for most. `purged_at` is when the data that names the buyer was destroyed, `dismissed_at`
    when a person dismissed the order, or the purge of an order that cannot go on without that data.
    """

    __tablename__ = "orders"
    __allow_unmapped__ = True
    __table_args__ = (
        UniqueConstraint("account", "external_id"),
        Index(
            "orders_due",
            "due_at",
            postgresql_where=text("status IN ('ready', 'running', 'waiting', 'held')"),
        ),
        Index(
            "orders_awaiting_shipment",
            "magento_order_id",
            postgresql_where=text(
                "magento_order_id IS NOT NULL AND fulfilled_by = 'FBM'"
                " AND status IN ('ready', 'running', 'waiting', 'held')"
            ),
        ),
        Index("orders_magento_id", "magento_order_id"),
        # The Orders tab sorts and filters by these; docs/decisions/0045 gives the use of each.
        Index("orders_purchased", "purchased_at", "id"),
        Index("orders_ship_by", "ship_by_at", "id"),
        # As `STILL_TO_SHIP` says in orders/decision_table.py.
        Index(
            "orders_to_ship",
            "ship_by_at",
            "id",
            postgresql_where=text(
                "status IN ('ready', 'running', 'waiting', 'held') AND fulfilled_by = 'FBM'"
                " AND remote_status IN ('UNSHIPPED', 'PARTIALLY_SHIPPED')"
            ),
        ),
        Index("orders_total", "currency", "grand_total", "id"),
        Index("orders_updated", "updated_at", "id"),
        Index("orders_number", "external_id", "id"),
        Index("orders_magento_number", "magento_increment_id", "id"),
        Index("orders_status", "status", "purchased_at", "id", postgresql_include=["shown"]),
        Index(
            "orders_held",
            "hold_code",
            "purchased_at",
            "id",
            postgresql_include=["shown"],
            postgresql_where=text("status = 'held'"),
        ),
        Index("orders_hidden", "purchased_at", "id", postgresql_where=text("NOT shown")),
        Index("orders_sold_in", "marketplace_id", "fulfilled_by", "purchased_at", "id"),
        Index("orders_programs", "programs", postgresql_using="gin"),
        Index(
            "orders_invoice_unseen",
            "shop",
            "created_at",
            "id",
            postgresql_where=text(
                "status = 'done' AND magento_order_id IS NOT NULL AND magento_invoiced IS NULL"
            ),
        ),
        Index("orders_to_cancel", "account", postgresql_where=text("cancellation = 'asked'")),
        Index(
            "orders_without_shop",
            "account",
            postgresql_where=text("shop IS NULL AND magento_order_id IS NOT NULL"),
        ),
        Index("orders_unpurged", "delivery_at", "id", postgresql_where=text("purged_at IS NULL")),
        CheckConstraint("status <> 'held' OR hold_code IS NOT NULL", name="held_has_a_code"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account: Mapped[str]
    external_id: Mapped[str] = mapped_column(_NUMBER)
    marketplace_id: Mapped[str]
    fulfilled_by: Mapped[str]
    lane: Mapped[str] = mapped_column(default=Lane.NEW, server_default=Lane.NEW)

    step: Mapped[str]
    status: Mapped[str]
    due_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(Integer, default=0)
    unfinished: Mapped[int] = mapped_column(Integer, default=0)
    news: Mapped[int] = mapped_column(Integer, default=0)
    version: Mapped[int] = mapped_column(Integer)
    hold_code: Mapped[str | None]
    hold_reason: Mapped[str | None] = mapped_column(info=UNSAMPLED)
    hold_facts: Mapped[dict[str, Any]] = mapped_column(
        default=dict, server_default="{}", info=UNSAMPLED
    )
    last_note: Mapped[str] = mapped_column(default="", server_default="", info=UNSAMPLED)

    remote_status: Mapped[str]
    remote_updated_at: Mapped[datetime]
    purchased_at: Mapped[datetime | None]
    ship_by_at: Mapped[datetime | None]
    deliver_by_at: Mapped[datetime | None]
    shipped_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    delivery_at: Mapped[datetime | None] = mapped_column(Computed(DELIVERY_AT, persisted=True))
    currency: Mapped[str | None]
    grand_total: Mapped[Decimal | None]
    total_proof: Mapped[dict[str, Any] | None]
    stated_value: Mapped[dict[str, Any] | None]
    programs: Mapped[list[str]] = mapped_column(default=list, server_default="{}")
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    shown: Mapped[bool] = mapped_column(default=False, server_default=false())

    shop: Mapped[str | None]
    magento_customer_id: Mapped[int | None]
    magento_customer_group: Mapped[int | None]
    magento_order_id: Mapped[int | None]
    magento_increment_id: Mapped[str | None] = mapped_column(_NUMBER)
    magento_status: Mapped[str | None]
    magento_state: Mapped[str | None]
    magento_invoiced: Mapped[Decimal | None]
    magento_refunded: Mapped[Decimal | None]
    cancel_reason: Mapped[str | None]
    cancellation: Mapped[str | None]
    cancel_refusal: Mapped[str | None]
    confirm_anyway: Mapped[bool] = mapped_column(default=False, server_default=false())
    kept_back: Mapped[str | None] = mapped_column(info=UNSAMPLED)
    reserved_until: Mapped[datetime | None]
    purged_at: Mapped[datetime | None]
    dismissed_at: Mapped[datetime | None]

    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    items: Mapped[list[OrderItem]] = relationship(
        back_populates="order", cascade="all, delete-orphan", order_by="OrderItem.id"
    )
    shipments: Mapped[list[Shipment]] = relationship(
        back_populates="order", cascade="all, delete-orphan", order_by="Shipment.id"
    )

    # The marketplace's last report, for the worker that claimed the order. Never a column.
    report: Report = NO_REPORT
    # The requested shipments, likewise for the worker; recorded with the order.
    requested_shipments: Sequence[RequestedShipment] = ()
    # The keys of all writes for the order, if the claim saw that there were none.
    known_writes: set[str] | None = None

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own way

    @property
    def holder(self) -> str | None:
        """Who holds the order before its next step; an order that has ended has none."""
        return self.kept_back if self.status in LIVE else None


class OrderItem(Base):
    """A line of an order, without any data that names the buyer."""

    __tablename__ = "order_items"
    __table_args__ = (
        UniqueConstraint("order_id", "external_item_id"),
        Index("order_items_sku", text("lower(sku)")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    external_item_id: Mapped[str]
    sku: Mapped[str]
    title: Mapped[str]
    quantity: Mapped[int] = mapped_column(Integer)
    quantity_fulfilled_before: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    line_total: Mapped[Decimal | None]
    product: Mapped[dict[str, Any] | None]
    magento_item_id: Mapped[int | None]
    transparency_codes: Mapped[list[str]] = mapped_column(default=list, server_default="{}")

    order: Mapped[Order] = relationship(back_populates="items")


class OrderPrivate(Base):
    """Data that may name a person: the marketplace's raw reply, and the corrected address.

    Destroying `wrapped_key` shreds both. `buyer_words` are keyed hashes for searching orders by
    buyer, `buyer_initials` are shown in lists. `report_digest` is a keyed hash of the reply,
    `report_asked_at` when it was requested: they distinguish two replies with the same
    lastUpdatedTime. All but that time is emptied when the key is destroyed.
    """

    __tablename__ = "order_private"
    __table_args__ = (Index("order_private_buyer", "buyer_words", postgresql_using="gin"),)

    order_id: Mapped[int] = mapped_column(
        ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    wrapped_key: Mapped[bytes | None] = mapped_column(info=UNSAMPLED)
    sealed: Mapped[bytes | None] = mapped_column(info=UNSAMPLED)
    correction: Mapped[bytes | None] = mapped_column(info=UNSAMPLED)
    buyer_words: Mapped[list[str]] = mapped_column(
        default=list, server_default="{}", info=UNSAMPLED
    )
    buyer_initials: Mapped[str] = mapped_column(default="", server_default="", info=UNSAMPLED)
    report_digest: Mapped[str | None] = mapped_column(info=UNSAMPLED)
    report_asked_at: Mapped[datetime | None]


class Attempt(Base):
    """A run of a step. A row without an end is a crash, and is shown as a crash.

    A run that waits or is held like the run before it replaces that run's row: `times` counts the
    runs of the row, and `first_at` is when the first of them began.
    """

    __tablename__ = "attempts"
    __table_args__ = (Index("attempts_of_order", "order_id", "id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    step: Mapped[str]
    task_id: Mapped[str]
    worker: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    code: Mapped[str | None]
    detail: Mapped[str | None] = mapped_column(info=UNSAMPLED)
    request_id: Mapped[str | None]
    times: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    first_at: Mapped[datetime | None]


class Effect(Base):
    """A remote write, committed as intended before the call and as done after it."""

    __tablename__ = "effects"
    __table_args__ = (Index("effects_of_order", "order_id", "id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    state: Mapped[str]
    tries: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    intended_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    remote_id: Mapped[str | None]
    adopted: Mapped[bool] = mapped_column(default=False, server_default=false())
    detail: Mapped[str | None] = mapped_column(info=UNSAMPLED)


class Note(Base):
    """A person's remark or decision about an order."""

    __tablename__ = "notes"
    __table_args__ = (
        Index("notes_of_order", "order_id", "id"),
        # The page of all people's activity.
        Index("notes_at", "at", "id"),
        Index("notes_by", "author", "at", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    author: Mapped[str]
    text: Mapped[str] = mapped_column(info=UNSAMPLED)
