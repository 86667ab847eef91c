"""The tables of settlements and their rows."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Identity, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import Base


class Settlement(Base):
    """A settlement of an account: a period's money in one currency, as Amazon's file has it.

    `lines_total` is the sum of the rows, which should be `total_amount`. `report_ids` are the
    reports that brought this settlement; Amazon may list it more than once.

    The other counts come from the last comparison with the transactions: `orders` have rows or
    transactions in the settlement, `unread_orders` have none or not all of them yet, and
    `differing_orders` differ by `orders_difference`, the sum of their differences without the sign.
    """

    __tablename__ = "settlements"
    __table_args__ = (
        UniqueConstraint("account", "settlement_id"),
        Index("settlements_newest", "ends_at", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account: Mapped[str]
    settlement_id: Mapped[str]
    report_ids: Mapped[list[str]]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime]
    deposited_at: Mapped[datetime | None]
    currency: Mapped[str]
    total_amount: Mapped[Decimal]
    lines_total: Mapped[Decimal]
    lines: Mapped[int] = mapped_column(Integer)
    read_at: Mapped[datetime]
    compared_at: Mapped[datetime | None]
    orders: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    unread_orders: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    differing_orders: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    orders_difference: Mapped[Decimal] = mapped_column(default=Decimal(0), server_default="0")

    @property
    def file_difference(self) -> Decimal:
        """What the rows come to beyond the total; 0 for a file that adds up."""
        return self.lines_total - self.total_amount


class SettlementRow(Base):
    """A row of a settlement, by its place in the file: two equal rows are two amounts.

    `external_id` is what Amazon names as the order; `is_of_order` says that it has the form of an
    order's number, and is not empty or a shipment of FBA.
    """

    __tablename__ = "settlement_rows"
    __table_args__ = (
        Index("settlement_rows_of_order", "external_id", postgresql_where=text("is_of_order")),
    )

    settlement_id: Mapped[int] = mapped_column(
        ForeignKey("settlements.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    is_of_order: Mapped[bool]
    external_id: Mapped[str]
    transaction_type: Mapped[str]
    amount_type: Mapped[str]
    amount_description: Mapped[str]
    amount: Mapped[Decimal]
    posted_at: Mapped[datetime | None]
    sku: Mapped[str]
    quantity: Mapped[int | None] = mapped_column(Integer)
    marketplace_name: Mapped[str]
    merchant_order_id: Mapped[str]
    adjustment_id: Mapped[str]
    shipment_id: Mapped[str]
    fulfillment_id: Mapped[str]
    order_item_code: Mapped[str]
    merchant_order_item_id: Mapped[str]
    merchant_adjustment_item_id: Mapped[str]
    promotion_id: Mapped[str]
