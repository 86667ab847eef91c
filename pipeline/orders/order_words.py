"""What remotes and people said about an order, sealed under the order's key.

A remote's refusal may quote the buyer, and so may a person's note. In clear there are only codes
and sentences of ours. See docs/decisions/0074.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.base.master_keys import KeyMissing, Unreadable
from pipeline.base.vault import SealedColumn, Vault
from pipeline.orders.machine import owner, owner_of
from pipeline.orders.tables import Note, Order, OrderPrivate
from pipeline.orders.words_table import OrderWords

ARE_SEALED = "; its words are sealed: show them with the buyer's data"
"""The end of a sentence about a refusal whose words are kept."""


class Said(NamedTuple):
    """Words about an order, still to be sealed."""

    order_id: int
    about: str
    words: SecretStr


class Shown(NamedTuple):
    """Words about an order, opened for a person."""

    at: datetime
    about: str
    words: str


@dataclass(frozen=True, slots=True)
class WordKeeper:
    """Seals words about orders, each time in a short transaction of its own."""

    sessions: Sessions
    vault: Vault

    def keep(self, order_id: int, about: str, words: SecretStr, now: datetime) -> bool:
        """Seal the words; False when they are empty or dropped, see `keep`."""
        if not words:
            return False
        try:
            with self.sessions() as session, session.begin():
                return bool(keep(session, self.vault, [Said(order_id, about, words)], now))
        except (KeyMissing, DBAPIError):
            # What the ledger and the order have to say of the failure is worth more than the words.
            return False


def keep(session: Session, vault: Vault, said: Sequence[Said], now: datetime) -> frozenset[int]:
    """Seal these words, in place of earlier words about the same; return the ids of their orders.

    Words about an order that is purged, or whose key cannot be opened, are dropped. Raises
    KeyMissing where only this process lacks the key.
    """
    said = [each for each in said if each.words]
    if not said:
        return frozenset()
    # The purge locks its orders: it either ends before this, or destroys these words too.
    orders = session.execute(
        select(Order.id, Order.account, Order.external_id, OrderPrivate.wrapped_key)
        .join(OrderPrivate, OrderPrivate.order_id == Order.id)
        .where(
            among(Order.id, {each.order_id for each in said}),
            Order.purged_at.is_(None),
            OrderPrivate.wrapped_key.is_not(None),
        )
        .order_by(Order.id)
        .with_for_update(of=Order, read=True, key_share=True)
    )
    keys = {row.id: (row.wrapped_key, owner_of(row.account, row.external_id)) for row in orders}
    rows = list(_rows(vault, said, keys, now))
    if rows:
        adding = insert(OrderWords)
        session.execute(
            adding.on_conflict_do_update(
                index_elements=[OrderWords.order_id, OrderWords.about],
                set_={"at": adding.excluded.at, "sealed": adding.excluded.sealed},
            ),
            rows,
        )
    return frozenset(row["order_id"] for row in rows)


def _rows(
    vault: Vault, said: Sequence[Said], keys: Mapping[int, tuple[bytes, str]], now: datetime
) -> Iterator[dict[str, Any]]:
    for order_id, about, words in said:
        if order_id not in keys:
            continue
        try:
            sealed = vault.seal(
                *keys[order_id], SealedColumn.WORDS, {"words": words.get_secret_value()}
            )
        except KeyMissing:
            raise
        except Unreadable:
            continue
        yield {"order_id": order_id, "about": about, "at": now, "sealed": sealed}


def note(
    session: Session,
    vault: Vault,
    order_ids: Sequence[int],
    text: str,
    typed: str,
    *,
    author: str,
    at: datetime,
) -> list[int]:
    """Store a note of these orders and return the notes' ids: `text` is a sentence of ours, `typed`
    is sealed.

    Raises KeyMissing where this process lacks the key for it.
    """
    if not order_ids:
        return []
    notes = session.execute(
        insert(Note).returning(Note.id, Note.order_id),
        [{"order_id": id_, "at": at, "author": author, "text": text} for id_ in order_ids],
    ).all()
    words = SecretStr(typed)
    said = [Said(note.order_id, f"note {note.id} by {author}", words) for note in notes]
    keep(session, vault, said, at)
    return [note.id for note in notes]


def shown(session: Session, vault: Vault, order: Order, wrapped_key: bytes) -> list[Shown]:
    """The words about an order, newest first. Words that cannot be opened are left out.

    The caller notes the disclosure.
    """
    rows = session.scalars(
        select(OrderWords)
        .where(OrderWords.order_id == order.id)
        .order_by(OrderWords.at.desc(), OrderWords.about)
    )
    opened = []
    for row in rows:
        with suppress(Unreadable):
            data = vault.open(wrapped_key, owner(order), SealedColumn.WORDS, row.sealed)
            opened.append(Shown(row.at, row.about, data["words"]))
    return opened
