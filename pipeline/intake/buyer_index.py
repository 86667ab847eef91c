"""Searches orders by buyer although no name is stored in clear text.

When an order is reported, the words of its buyer's names and the e-mail address are stored as keyed
hashes beside the sealed report. A search hashes its words too. A person sees a name only on
request, and a note on the order records who asked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select

from pipeline.base.db import Sessions
from pipeline.base.errors import CannotMap
from pipeline.base.id_lists import among
from pipeline.base.master_keys import Unreadable
from pipeline.base.security_log import Action, Signature, record
from pipeline.base.vault import SealedColumn, Vault
from pipeline.orders.channel import Channel, ParseReport, Raw
from pipeline.orders.channel_order import ChannelOrder
from pipeline.orders.machine import owner
from pipeline.orders.tables import Note, Order, OrderPrivate

_MOST_WORDS = 24
_HASH_DIGITS = 16
_AROUND_ADDRESSES = "<>()[],;:\"'\ufeff"
"""What people and programs write around an e-mail address."""
NOTES = {
    Action.NAMES_SHOWN: "viewed the buyer's name",
    Action.NAMES_EXPORTED: "exported the buyer's name",
}
"""The note on each order whose name is in a list that a person sees or exports."""


def buyer_columns(vault: Vault, channel: Channel, raw: Raw) -> dict[str, Any]:
    """The columns of `order_private` for searching and showing the buyer; empty without a buyer."""
    try:
        order = channel.parse(raw)
    except CannotMap:
        return {"buyer_words": [], "buyer_initials": ""}
    names = [order.buyer_name, order.buyer_company]
    if order.address is not None:
        names += [order.address.name, order.address.company]
    # The address first, as it is exact: a long name must not push it out.
    words = [_fold(order.buyer_email), *_words(" ".join(names))]
    hashes = _hashes(vault, filter(None, words))
    return {"buyer_words": hashes[:_MOST_WORDS], "buyer_initials": initials(_name(order))}


def hashes_of(vault: Vault, sought: str) -> tuple[str, ...]:
    """The hashes of a search text: words of a name in any order, or e-mail addresses."""
    words: list[str] = []
    for part in sought.split():
        words += [_fold(part.strip(_AROUND_ADDRESSES))] if "@" in part else _words(part)
    return tuple(_hashes(vault, words[:_MOST_WORDS]))


def initials(name: str) -> str:
    """The initials of the first and last word of a name, such as "E. M."; empty without a name."""
    words = [word for word in name.split() if word[0].isalpha()]
    return " ".join(f"{word[0].upper()}." for word in dict.fromkeys((*words[:1], *words[-1:])))


class Buyers:
    """Shows the buyers' names to a person and notes who looked."""

    def __init__(self, sessions: Sessions, vault: Vault, parse: ParseReport) -> None:
        self._sessions = sessions
        self._vault = vault
        self._parse = parse

    def tell(
        self, order_ids: Sequence[int], action: Action, by: Signature, **facts: str
    ) -> Mapping[int, str]:
        """The names by our order id, without purged and missing names.

        `action` is a key of NOTES; the security log has it with `facts`.
        """
        with self._sessions() as session, session.begin():
            rows = session.execute(
                select(Order, OrderPrivate)
                .join(OrderPrivate, OrderPrivate.order_id == Order.id)
                .where(among(Order.id, order_ids), OrderPrivate.sealed.is_not(None))
            ).all()
            names = {order.id: self._name(order, private) for order, private in rows}
            known = {order_id: name for order_id, name in names.items() if name}
            notes = [
                {"order_id": id_, "at": by.at, "author": by.person, "text": NOTES[action]}
                for id_ in sorted(known)
            ]
            if notes:
                session.execute(insert(Note), notes)
                record(
                    session,
                    at=by.at,
                    person=by.person,
                    address=by.address,
                    action=action,
                    facts={"orders": len(known), **facts},
                )
        return known

    def _name(self, order: Order, private: OrderPrivate) -> str:
        if private.wrapped_key is None or private.sealed is None:
            return ""
        try:
            raw = self._vault.open(
                private.wrapped_key, owner(order), SealedColumn.REPORT, private.sealed
            )
            return _name(self._parse(order.account, raw))
        except (CannotMap, Unreadable):
            return ""


def _name(order: ChannelOrder) -> str:
    return order.buyer_name or (order.address.name if order.address else "")


def _fold(text: str) -> str:
    """The text without accents and capitals, as people type it."""
    plain = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(sign for sign in plain if not unicodedata.combining(sign))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", _fold(text))


def _hashes(vault: Vault, words: Iterable[str]) -> list[str]:
    # The prefix makes these hashes differ from all other pseudonyms, so that nobody can join them.
    return [vault.pseudonym(f"buyer {word}")[:_HASH_DIGITS] for word in dict.fromkeys(words)]
