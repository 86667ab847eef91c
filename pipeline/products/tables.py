"""The tables of the SKUs that people have mapped, and of the compared stock."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import Base


class MappedSku(Base):
    """An account's Amazon SKU that a person has mapped to a product of the shop.

    Only a row's end is ever updated, so that the rows keep who mapped what. A row without an end
    counts.
    """

    __tablename__ = "mapped_skus"
    __table_args__ = (
        Index(
            "mapped_skus_that_count",
            *("account", "amazon_sku"),
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account: Mapped[str]
    amazon_sku: Mapped[str]
    magento_sku: Mapped[str]
    set_at: Mapped[datetime]
    set_by: Mapped[str]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]


class StockCheck(Base):
    """The last comparison of a product's stock; `difference` is the surplus that can be sold.

    `sku` is folded as the shop compares SKUs, `store` is the store view that sells the product.
    """

    __tablename__ = "stock_checks"

    shop: Mapped[str] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(primary_key=True)
    store: Mapped[str]
    checked_at: Mapped[datetime]
    difference: Mapped[Decimal]
