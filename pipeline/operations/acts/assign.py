"""Assigns orders to the people who look after them. Each assignment is noted; no step depends on
it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or_update
from sqlalchemy.orm import Session

from pipeline.access.tables import PersonRecord
from pipeline.access.work_tables import Assignment
from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.operations.acts.one_order import NotPossible
from pipeline.orders.tables import Note, Order

ASSIGNED, TAKEN_BACK = "assigned it to ", "took it from "
"""How the notes of both begin."""


def assignee(sessions: Sessions, order_id: int) -> int | None:
    """The id of the person who looks after an order."""
    with sessions() as session:
        return session.scalar(select(Assignment.person_id).where(Assignment.order_id == order_id))


def assign(
    sessions: Sessions,
    order_ids: Sequence[int],
    person_id: int | None,
    *,
    author: str,
    now: datetime,
) -> int:
    """Assign these orders to a person, or to nobody; return for how many that changed something.

    Raises NotPossible for a person who is not here any more. Deleted orders are left out.
    """
    with sessions() as session, session.begin():
        name = _name(session, person_id) if person_id is not None else ""
        # An order cannot be deleted, or assigned by somebody else, until this is over.
        there = session.scalars(
            select(Order.id)
            .where(among(Order.id, order_ids))
            .order_by(Order.id)
            .with_for_update(key_share=True)
        ).all()
        before = {
            order_id: (id_, who)
            for order_id, id_, who in session.execute(
                select(Assignment.order_id, Assignment.person_id, PersonRecord.name)
                .join(PersonRecord, PersonRecord.id == Assignment.person_id)
                .where(among(Assignment.order_id, there))
            )
        }
        if person_id is None:
            changed = list(before)
            session.execute(delete(Assignment).where(among(Assignment.order_id, changed)))
            texts = {order_id: f"{TAKEN_BACK}{before[order_id][1]}" for order_id in changed}
        else:
            changed = [one for one in there if before.get(one, (None, ""))[0] != person_id]
            texts = dict.fromkeys(changed, f"{ASSIGNED}{name}")
            _write(session, changed, person_id, author, now)
        if changed:
            session.execute(
                insert(Note),
                [
                    {"order_id": order_id, "at": now, "author": author, "text": text}
                    for order_id, text in texts.items()
                ],
            )
    return len(changed)


def _name(session: Session, person_id: int) -> str:
    name = session.scalar(
        select(PersonRecord.name)
        .where(PersonRecord.id == person_id, PersonRecord.removed_at.is_(None))
        # They are not removed while orders come to them.
        .with_for_update(read=True)
    )
    if name is None:
        raise NotPossible("that person is not here any more")
    return name


def _write(
    session: Session, order_ids: Sequence[int], person_id: int, author: str, now: datetime
) -> None:
    if not order_ids:
        return
    adding = insert_or_update(Assignment)
    session.execute(
        adding.on_conflict_do_update(
            index_elements=[Assignment.order_id],
            set_={
                name: adding.excluded[name] for name in ("person_id", "assigned_at", "assigned_by")
            },
        ),
        [
            {
                "order_id": order_id,
                "person_id": person_id,
                "assigned_at": now,
                "assigned_by": author,
            }
            for order_id in order_ids
        ],
    )
