"""Tests play orders of any time, so their databases count as having forgotten none of them."""

from __future__ import annotations

from sqlalchemy import text

from pipeline.base import db


def remembers_everything(database_url: str) -> None:
    """Let the first use of a migrated database lie long ago."""
    engine = db.engine_for(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE database_restores SET noticed_at = '2000-01-01'"))
    engine.dispose()
