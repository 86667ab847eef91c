"""The tables of packages and their contents."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ForeignKey,
    Identity,
    Index,
    Integer,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pipeline.base.tables import UNSAMPLED, Base
from pipeline.orders.carrier_title import SEALED
from pipeline.orders.states import ConfirmationState

if TYPE_CHECKING:
    from pipeline.orders.tables import Order


class Shipment(Base):
    """A package of a Magento shipment, and the progress of its confirmation at the marketplace.

    Each track is a package. `shop` is the order's. `package_reference` is the marketplace's
    reference of the package. For a shipment's first package it is the shipment's entity id, so that
    it stays the same even if this database was restored. `magento_track_id` is None without a track
    of its own. `mismatch` is the shop's change that the marketplace cannot be told: see
    `pipeline.shipping.packages`. `confirmation` is a ConfirmationState; `to_feed` is the package's
    message for a feed, `feed_id` the open feed that contains it. `carrier_title` is a known
    carrier's name or a sealed title, and so it is in what is made of it.
    """

    __tablename__ = "shipments"
    __table_args__ = (
        UniqueConstraint("order_id", "package_reference"),
        Index(
            "shipments_to_confirm",
            "order_id",
            postgresql_where=text(
                "confirmation IN ('queued', 'feed', 'sent') AND tracking_number <> ''"
                " AND feed_id IS NULL"
            ),
        ),
        Index("shipments_confirmed", "shop", "confirmed_at", "order_id"),
        Index(
            "shipments_unconfirmed", "order_id", postgresql_where=text("confirmation <> 'accepted'")
        ),
        Index("shipments_of_feed", "feed_id"),
        Index("shipments_magento_id", "magento_shipment_id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    shop: Mapped[str | None]
    magento_shipment_id: Mapped[int]
    magento_track_id: Mapped[int | None]
    package_reference: Mapped[str]
    shipped_at: Mapped[datetime]
    carrier_code: Mapped[str] = mapped_column(default="", server_default="")
    carrier_title: Mapped[str] = mapped_column(default="", server_default="", info=UNSAMPLED)
    tracking_number: Mapped[str] = mapped_column(default="", server_default="")
    confirmation: Mapped[str] = mapped_column(
        default=ConfirmationState.QUEUED, server_default=ConfirmationState.QUEUED
    )
    confirmed_at: Mapped[datetime | None]
    confirmed_as: Mapped[str | None] = mapped_column(info=UNSAMPLED)
    confirmed_times: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    refusal: Mapped[str | None]
    mismatch: Mapped[str | None]
    to_feed: Mapped[dict[str, Any] | None] = mapped_column(info=UNSAMPLED)
    feed_id: Mapped[int | None]

    order: Mapped[Order] = relationship(back_populates="shipments")
    items: Mapped[list[ShipmentItem]] = relationship(
        cascade="all, delete-orphan", order_by="ShipmentItem.magento_item_id"
    )


def announcement(shipment: Shipment) -> str:
    """The announced data of a package; after a change the package is confirmed again."""
    return f"{shipment.carrier_code}/{shipment.carrier_title}/{shipment.tracking_number}"


def untitled(announced: str) -> str:
    """The announced data without a sealed title, as the purge leaves it."""
    return re.sub(f"/{SEALED}[^/]*/", "//", announced, count=1)


class ShipmentItem(Base):
    """The quantity of an order's line in a shipment."""

    __tablename__ = "shipment_items"

    shipment_id: Mapped[int] = mapped_column(
        ForeignKey("shipments.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    magento_item_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    quantity: Mapped[int] = mapped_column(Integer)
