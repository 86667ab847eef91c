"""Replaces the master key: whatever another one wrapped is wrapped by the current one.

Each batch is a short transaction of its own, beside running workers. A rotation that ended halfway
goes on where it was: what names the current key is passed over. See docs/decisions/0077.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import TextClause, text

from pipeline.base.db import Sessions
from pipeline.base.master_keys import NAMELESS, MasterKeys, Unreadable, key_id
from pipeline.base.security_log import Action, Signature, record

BATCH = 500
"""Keys that a transaction wraps anew."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A column of keys under the master key, the row's id, and SQL for what a key is bound to.

    `type` is the id's, and `before_all` is less than every id.
    """

    table: str
    column: str
    id: str
    owner: str
    type: str = "bigint"
    before_all: object = -(2**63)

    def sql(self, template: str) -> TextClause:
        """A statement of this module about the column."""
        names = {name: getattr(self, name) for name in ("table", "column", "id", "owner", "type")}
        return text(template.format(**names))


WRAPPED: Sequence[Wrapped] = (
    Wrapped(
        "order_private",
        "wrapped_key",
        "order_id",
        "(SELECT account || '/' || external_id FROM orders WHERE id = order_private.order_id)",
    ),
    Wrapped(
        "second_factors",
        "wrapped_key",
        "person_id",
        "'people ' || person_id || ' second_factors.sealed'",
    ),
    Wrapped("webhook_endpoints", "wrapped_key", "id", "'webhook/' || name"),
    Wrapped(
        "provider_sign_ins",
        "key",
        "token_digest",
        "'sign-in ' || encode(token_digest, 'hex')",
        "bytea",
        b"",
    ),
)
"""Everything under the master key; a test asks for each column of bytes."""
# Older versions named no master key: what follows the first byte is random there.
_COUNTED = """
SELECT CASE substring({column}, 1, 1) WHEN '\\x02' THEN substring({column}, 1, 5) ELSE '\\x01' END,
    count(*)
FROM {table} WHERE {column} IS NOT NULL GROUP BY 1
"""
# The next keys under another master key. It waits for no worker, as a worker may wait for it.
_NEXT = """
SELECT {id}, {column}, {owner} FROM {table}
WHERE {id} > :after AND substring({column}, 1, 5) <> :current
ORDER BY {id} LIMIT :batch FOR UPDATE SKIP LOCKED
"""
# A row whose key has become another stays as it is.
_REWRITTEN = """
UPDATE {table} SET {column} = given.new
FROM unnest(CAST(:ids AS {type}[]), CAST(:olds AS bytea[]), CAST(:news AS bytea[]))
    AS given (id, old, new)
WHERE {table}.{id} = given.id AND {table}.{column} = given.old
"""
_LONGEST_COUNT = "10min"


@dataclass(frozen=True, slots=True)
class Rotation:
    """Wraps keys anew, batch by batch. Two runs at once do no harm."""

    sessions: Sessions
    keys: MasterKeys
    batch: int = BATCH
    wrapped: Sequence[Wrapped] = WRAPPED

    def in_use(self) -> Mapping[str, int]:
        """How many keys each master key wraps, by the master key's id."""
        found: Counter[str] = Counter()
        with self.sessions() as session:
            session.execute(text(f"SET LOCAL statement_timeout = '{_LONGEST_COUNT}'"))
            for place in self.wrapped:
                for start, count in session.execute(place.sql(_COUNTED)):
                    found[key_id(start)] += count
        return found

    def left(self, in_use: Mapping[str, int]) -> Mapping[str, int]:
        """Those of `in_use` that are not under the current master key."""
        current = self.keys.current.id
        return {name: count for name, count in in_use.items() if name != current}

    def advice(self, left: Mapping[str, int]) -> str:
        """What to do next about what is left."""
        lacking = sorted(left.keys() - {NAMELESS, *(key.id for key in self.keys.old)})
        if lacking:
            return (
                f"What is under {', '.join(lacking)} cannot be opened here: set "
                "ORDERBRIDGE_MASTER_KEY_OLD to that master key, then run orderbridge keys rotate."
            )
        if NAMELESS in left and self.keys.current.is_successor and not self.keys.old:
            return (
                "What names no master key is under the one that this one replaces: set "
                "ORDERBRIDGE_MASTER_KEY_OLD to that, then run orderbridge keys rotate."
            )
        if left:
            count = sum(left.values())
            return (
                f"{count} keys are not under the current master key: run orderbridge keys rotate."
            )
        if self.keys.old:
            return (
                "Nothing is under an old master key: remove ORDERBRIDGE_MASTER_KEY_OLD, and keep "
                "that key as long as backups from before the rotation."
            )
        return "Nothing is under an old master key."

    def run(self) -> Iterator[int]:
        """Wrap keys anew, and yield how many after each transaction.

        What is locked at the moment is left for another pass; a pass that changes nothing is the
        last. What cannot be opened stays as it is.
        """
        for place in self.wrapped:
            has_changed = True
            while has_changed:
                has_changed = False
                for rewrapped in self._pass(place):
                    has_changed = has_changed or rewrapped > 0
                    yield rewrapped

    def note(self, by: Signature, rewrapped: int, left: int) -> None:
        """Add the rotation to the security log."""
        with self.sessions() as session, session.begin():
            record(
                session,
                at=by.at,
                person=by.person,
                address=by.address,
                action=Action.KEY_ROTATED,
                object=f"master key {self.keys.current.id}",
                facts={"rewrapped": rewrapped, "left": left},
            )

    def _pass(self, place: Wrapped) -> Iterator[int]:
        after, current = place.before_all, self.keys.current.prefix
        while True:
            with self.sessions() as session, session.begin():
                # The last look of a pass goes through all keys, and finds none.
                session.execute(text(f"SET LOCAL statement_timeout = '{_LONGEST_COUNT}'"))
                asked = {"after": after, "current": current, "batch": self.batch}
                rows = session.execute(place.sql(_NEXT), asked).all()
                anew = {}
                for id_, old, owner in rows:
                    try:
                        anew[id_] = old, self.keys.wrap(self.keys.unwrap(old, owner), owner)
                    except Unreadable:
                        continue
                if anew:
                    olds, news = zip(*anew.values(), strict=True)
                    given = {"ids": list(anew), "olds": list(olds), "news": list(news)}
                    session.execute(place.sql(_REWRITTEN), given)
            if not rows:
                return
            after = rows[-1][0]
            yield len(anew)
