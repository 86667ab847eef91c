"""The table of words about orders; `pipeline.orders.order_words` fills and reads it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import UNSAMPLED, Base


class OrderWords(Base):
    """What a remote or a person said about an order, sealed under the order's key.

    `about` says in words of ours what they are about. The newest of each are kept.
    """

    __tablename__ = "order_words"

    order_id: Mapped[int] = mapped_column(
        ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    about: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    sealed: Mapped[bytes] = mapped_column(info=UNSAMPLED)
