"""The orders with a number: Amazon's, Magento's, a tracking number, our id; or with a SKU.

`order_numbers` has the numbers; triggers write it. An index of their parts of four characters finds
a number by any part of it.
"""

from __future__ import annotations

import re

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Select,
    Text,
    any_,
    func,
    literal,
    select,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from pipeline.base.id_lists import among
from pipeline.base.row_ids import row_id
from pipeline.operations.lists.filter_values import numbers_in
from pipeline.orders.order_number_table import PART, OrderNumber, parts_of
from pipeline.orders.tables import Order, OrderItem

MOST = 10_000
"""So many orders are found by a part; a part that more have says little."""
BY_PART = 10
"""Of more numbers than this at once, each has to be whole."""
_LONGEST_MAGENTO = 12
_AMAZON = re.compile(r"\d{3}-\d{7}-\d{7}")


def has_number(text: str) -> ColumnElement[bool]:
    """The condition that any of the numbers in `text` leads to an order.

    The ids come as an array, so that PostgreSQL reads these orders alone, however many it expects.
    """
    ids = func.array(_with_number(text).scalar_subquery(), type_=ARRAY(BigInteger))
    return Order.id == any_(ids)


def numbers_and_skus(session: Session, text: str) -> str:
    """What of `text` may stand in an address: its words with a digit, and the SKUs of orders.

    All else that people type into a search box may be a name.
    """
    words = numbers_in(text)
    asked = select(
        func.unnest(literal([word.lower() for word in (text, *words)], ARRAY(Text))).label("sku")
    ).subquery()
    is_sold = select(OrderItem.id).where(func.lower(OrderItem.sku) == asked.c.sku).exists()
    skus = set(session.scalars(select(asked.c.sku).where(is_sold)))
    if text.lower() in skus:
        return text
    return " ".join(
        word for word in words if word.lower() in skus or any(sign.isdecimal() for sign in word)
    )


def _with_number(text: str) -> CompoundSelect[int]:
    """Selects the ids of the orders that any of the numbers in `text` leads to.

    A number of four characters or more may be a part, but for a whole one of Amazon's: most orders
    share its parts. Zeros before a Magento number may be missing. The whole text, and each of its
    words, may be a SKU.
    """
    words = numbers_in(text)
    ids = [our_id for word in words if (our_id := row_id(word)) is not None]
    skus = {word.lower() for word in (text, *words)}
    whole = [form for word in words for form in _forms(word.upper())]
    found: list[Select[int]] = [
        select(OrderNumber.order_id).where(among(OrderNumber.number, whole)),
        select(Order.id).where(among(Order.id, ids)),
        select(OrderItem.order_id).where(among(func.lower(OrderItem.sku), skus)).limit(MOST),
    ]
    if len(words) <= BY_PART:
        parts = [word for word in words if len(word) >= PART and not _AMAZON.fullmatch(word)]
        found += [_by_part(word.upper()) for word in parts]
    return union(*(each.subquery().select() for each in found))


def _forms(number: str) -> list[str]:
    """A number, with the zeros before it that people leave out of Magento's."""
    if not number.isdecimal():
        return [number]
    return [number, *(number.zfill(length) for length in range(len(number) + 1, _LONGEST_MAGENTO))]


def _by_part(part: str) -> Select[int]:
    parts = func.number_parts(OrderNumber.number, type_=ARRAY(Text))
    return (
        select(OrderNumber.order_id)
        .where(parts.contains(parts_of(part)), OrderNumber.number.contains(part, autoescape=True))
        .limit(MOST)
    )
