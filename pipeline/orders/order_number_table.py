"""The numbers that an order is known by: Amazon's, Magento's and the tracking numbers.

Triggers of `orders` and `shipments` add them, in capitals. A number that an order no longer has is
kept: somebody may still search by it.
"""

from __future__ import annotations

from sqlalchemy import DDL, ForeignKey, Index, Text, event, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import Base

PART = 4
"""The length of the parts that the index of parts has, in characters."""


class OrderNumber(Base):
    """A number of an order."""

    __tablename__ = "order_numbers"
    __table_args__ = (
        Index("order_numbers_number", "number"),
        Index("order_numbers_parts", text("number_parts(number)"), postgresql_using="gin"),
    )

    order_id: Mapped[int] = mapped_column(
        ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    number: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)


# The index of parts needs it. A migration made it where the tables are migrated.
_NUMBER_PARTS = f"""
CREATE OR REPLACE FUNCTION number_parts(number text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT ARRAY[{", ".join(f"substr(number, {place}, 4)" for place in range(1, 38))}]
$$
"""
event.listen(OrderNumber.__table__, "before_create", DDL(_NUMBER_PARTS))  # type: ignore[no-untyped-call]


def parts_of(number: str) -> list[str]:
    """All parts of a number of four characters, as `number_parts` has them for up to 40."""
    return sorted({number[at : at + PART] for at in range(len(number) - PART + 1)})
