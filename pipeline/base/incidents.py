"""What a person has to know: opened once, seen as often as it happens, closed when it is over.

An incident is named by its key, such as `account:eu`; of each key one at most is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Boolean, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from pipeline.base.db import Sessions
from pipeline.base.log import log
from pipeline.base.tables import Incident


class Incidents:
    """All incidents. Each method is its own short transaction, safe to run twice at once."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def open(self, key: str, text: str, now: datetime, *, account: str | None = None) -> bool:
        """Open it, or, when it is open, note that it goes on and how it stands now.

        True only for the one call that opened it. `text` is a sentence with what to do next.
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
                # A row that was there has been touched by this transaction.
                .returning(literal_column("xmax = 0", Boolean))
            ).one()
        if is_new:
            log.error("incident.opened", code=key, account=account)
        return is_new

    def close(self, key: str, now: datetime) -> bool:
        """It is over. True only for the one call that closed it."""
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

    def open_ones(self, account: str | None = None) -> Sequence[Incident]:
        """Those that are not over, the oldest first: all, or an account's."""
        query = select(Incident).where(Incident.ended_at.is_(None)).order_by(Incident.id)
        if account is not None:
            query = query.where(Incident.account == account)
        with self._sessions() as session:
            return session.scalars(query).all()
