"""An order is found by its buyer although no name is stored in clear.

When an order is reported, the words of its buyer's names and the e-mail address are kept as keyed
hashes beside the sealed reply. Searching hashes what is looked for. Names come out of the reply
only on request of a person, and that is noted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from pipeline.base.db import Sessions
from pipeline.base.errors import CannotMap
from pipeline.base.id_lists import among
from pipeline.base.vault import Unreadable, Vault
from pipeline.orders.channel import Channel, ChannelOrder, ParseReport, Raw
from pipeline.orders.machine import owner
from pipeline.orders.tables import Note, Order, OrderPrivate

_MOST_WORDS = 24
_HASH_DIGITS = 16


def found_by_buyer(vault: Vault, channel: Channel, raw: Raw) -> dict[str, Any]:
    """The columns of `order_private` that find and show the buyer; empty where none is told."""
    try:
        order = channel.parse(raw)
    except CannotMap:
        return {"buyer_words": [], "buyer_initials": ""}
    names = [order.buyer_name, order.buyer_company]
    if order.address is not None:
        names += [order.address.name, order.address.company]
    words = [*_words(" ".join(names)), _fold(order.buyer_email)]
    hashes = _hashes(vault, filter(None, words))
    return {"buyer_words": hashes[:_MOST_WORDS], "buyer_initials": initials(_name(order))}


def hashes_of(vault: Vault, sought: str) -> tuple[str, ...]:
    """What the orders of a buyer have, by words of a name in any order, or by e-mail addresses."""
    found: list[str] = []
    for part in sought.split():
        found += [_fold(part)] if "@" in part else _words(part)
    return tuple(_hashes(vault, found[:_MOST_WORDS]))


def initials(name: str) -> str:
    """E. M. for the first and the last word of a name; empty without one."""
    words = [word for word in name.split() if word[0].isalpha()]
    return " ".join(f"{word[0].upper()}." for word in dict.fromkeys((*words[:1], *words[-1:])))


class Buyers:
    """Tells the buyers' names to a person, who is noted as having looked."""

    def __init__(self, sessions: Sessions, vault: Vault, parse: ParseReport) -> None:
        self._sessions = sessions
        self._vault = vault
        self._parse = parse

    def tell(
        self, order_ids: Sequence[int], author: str, now: datetime, why: str
    ) -> Mapping[int, str]:
        """The names by our id, without those that are purged or not told. `why` is the note."""
        with self._sessions() as session, session.begin():
            rows = session.execute(
                select(Order, OrderPrivate)
                .join(OrderPrivate, OrderPrivate.order_id == Order.id)
                .where(among(Order.id, order_ids), OrderPrivate.sealed.is_not(None))
            ).all()
            names = {order.id: self._name(order, private) for order, private in rows}
            told = {order_id: name for order_id, name in names.items() if name}
            notes = [
                {"order_id": order_id, "at": now, "author": author, "text": why}
                for order_id in sorted(told)
            ]
            if notes:
                session.execute(insert(Note), notes)
        return told

    def _name(self, order: Order, private: OrderPrivate) -> str:
        if private.wrapped_key is None or private.sealed is None:
            return ""
        try:
            raw = self._vault.open(private.wrapped_key, owner(order), private.sealed)
            return _name(self._parse(order.account, raw))
        except (CannotMap, Unreadable):
            return ""


def _name(order: ChannelOrder) -> str:
    return order.buyer_name or (order.address.name if order.address else "")


def _fold(text: str) -> str:
    """Without accents and capitals, as people type."""
    plain = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(sign for sign in plain if not unicodedata.combining(sign))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", _fold(text))


def _hashes(vault: Vault, words: Iterable[str]) -> list[str]:
    # Other names than those of `pseudonym` elsewhere, so that nothing can be joined by them.
    return [vault.pseudonym(f"buyer {word}")[:_HASH_DIGITS] for word in dict.fromkeys(words)]
