"""What the tests of acts on many orders share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update

from pipeline.base.db import Sessions
from pipeline.operations.acts.many_orders import Act, BulkActs
from pipeline.operations.acts.tables import BulkAct, BulkActOrder
from pipeline.operations.lists.filters import Filters
from pipeline.operations.lists.selection import those_of
from pipeline.orders.tables import Note, Order
from tests.builders import a_vault
from tests.console.builders import NOW

HELD = "/bulk/new?act=dismiss&whole=1&status=held"
"""Asks to dismiss all that is held."""


def only(sessions: Sessions) -> BulkAct:
    with sessions() as session:
        return session.scalars(select(BulkAct)).one()


def none_began(sessions: Sessions) -> bool:
    with sessions() as session:
        return session.scalars(select(BulkAct)).all() == []


def turns(sessions: Sessions) -> Sequence[int]:
    with sessions() as session:
        return session.scalars(select(BulkActOrder.order_id).order_by(BulkActOrder.turn)).all()


def notes(sessions: Sessions) -> list[tuple[int, str, str]]:
    with sessions() as session:
        rows = session.scalars(select(Note).order_by(Note.order_id, Note.id)).all()
        return [(note.order_id, note.author, note.text) for note in rows]


def change(sessions: Sessions, order_id: int, **values: Any) -> None:
    with sessions() as session, session.begin():
        session.execute(update(Order).where(Order.id == order_id).values(**values))


def begin(sessions: Sessions, filters: Filters, act: Act = Act.RELEASE, why: str = "") -> int:
    choice = those_of(filters)
    return BulkActs(sessions, a_vault()).begin(
        act,
        choice.turns(),
        chosen=choice.words,
        author="anna",
        now=NOW,
        token=f"{act} {choice.words}",
        why=why,
    )


def fields(page: str) -> dict[str, str]:
    """The hidden fields of the form that begins an act."""
    form = page.partition('<form class="sheet"')[2].partition("</form>")[0]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
