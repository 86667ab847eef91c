"""What the security log says, for tests of the acts that it records."""

from __future__ import annotations

from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.base.tables import SecurityLogRow


def rows(sessions: Sessions, *actions: Action) -> list[SecurityLogRow]:
    """Its rows, oldest first; those of some actions, if they are given."""
    query = select(SecurityLogRow).order_by(SecurityLogRow.id)
    if actions:
        query = query.where(SecurityLogRow.action.in_(actions))
    with sessions() as session:
        return list(session.scalars(query))


def logged(sessions: Sessions, *actions: Action) -> list[tuple[str, str, str]]:
    """Who did what to what."""
    return [(row.person, row.action, row.object) for row in rows(sessions, *actions)]
