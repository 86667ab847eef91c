"""Incidents: opened once, updated as often as the trouble is seen, closed when it is over.

An incident is named by its key, such as `account:eu`; at most a single incident of a key is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Boolean, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from pipeline.base.db import Sessions
from pipeline.base.log import log
from pipeline.base.tables import Incident


class Incidents:
    """Keeps the incidents. Each method is a short transaction of its own, safe to run twice at
    once."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def open(self, key: str, text: str, now: datetime, *, account: str | None = None) -> bool:
        """Open the incident, or, when it is open, update its text and the time it was last seen.

        True only for the call that opened it. `text` is a sentence that says what to do next.
        """
        with self._sessions() as session, session.begin():
            is_new = session.scalars(
                insert(Incident)
                .values(key=key, account=account, text=text, opened_at=now, last_seen_at=now)
                .on_conflict_do_update(
                    index_elements=[Incident.key],
                    index_where=Incident.ended_at.is_(None),
                    set_={"last_seen_at": now, "text": text},
                )
                # A new row has 0 in xmax, an updated row the id of this transaction.
                .returning(literal_column("xmax = 0", Boolean))
            ).one()
        if is_new:
            log.error("incident.opened", code=key, account=account)
        return is_new

    def close(self, key: str, now: datetime) -> bool:
        """End the incident. True only for the call that closed it."""
        with self._sessions() as session, session.begin():
            closed = session.scalars(
                update(Incident)
                .where(Incident.key == key, Incident.ended_at.is_(None))
                .values(ended_at=now)
                .returning(Incident.account)
            ).all()
        if closed:
            log.info("incident.closed", code=key, account=closed[0])
        return bool(closed)

    def closed_at(self, key: str) -> datetime | None:
        """When the incident last ended; None if it never did."""
        with self._sessions() as session:
            return session.scalar(select(func.max(Incident.ended_at)).where(Incident.key == key))

    def all_open(self, account: str | None = None) -> Sequence[Incident]:
        """The open incidents, the oldest first: all, or an account's."""
        query = select(Incident).where(Incident.ended_at.is_(None)).order_by(Incident.id)
        if account is not None:
            query = query.where(Incident.account == account)
        with self._sessions() as session:
            return session.scalars(query).all()
