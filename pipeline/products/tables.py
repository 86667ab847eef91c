"""The table of the SKUs that people have mapped."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import Base


class MappedSku(Base):
    """An account's Amazon SKU that is sold as a product of the shop, because a person said so.

    A row is never changed but for its end, so that it can be told who said what. One without an
    end counts.
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
    """A product's stock as the guard last found it: how many more can be sold than should be.

    `sku` is folded as the shop compares it, `store` the store view it is sold in.
    """

    __tablename__ = "stock_checks"

    shop: Mapped[str] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(primary_key=True)
    store: Mapped[str]
    checked_at: Mapped[datetime]
    difference: Mapped[Decimal]
