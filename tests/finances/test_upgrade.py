"""An upgrade reads the last 31 days of transactions again, so that their figures are there."""

from __future__ import annotations

from datetime import timedelta

from alembic import command
from sqlalchemy import text

from pipeline.base import db
from pipeline.finances.store import Transactions
from pipeline.intake.tables import Watermark
from tests.builders import NOW
from tests.finances.test_recent_sums import SALE, fees, of

BEFORE = "0036"


def test_the_search_goes_back_and_other_searches_stay(own_database_url: str) -> None:
    sessions = db.sessions_for(db.engine_for(own_database_url))
    Transactions(sessions).store("eu", [of(*SALE)], NOW)
    search = {"search_from": NOW, "search_until": NOW, "search_before": NOW, "page_token": "next"}
    with sessions() as session, session.begin():
        session.add_all(
            Watermark(name=name, position=NOW, read_at=NOW, **search)
            for name in ("finances:eu", "finances:us", "amazon:eu")
        )
    config = db.alembic_config(own_database_url)
    command.downgrade(config, BEFORE)
    with sessions() as session:
        kept = session.execute(text("SELECT transaction_id FROM transactions")).scalars().all()
    assert kept == ["t1"]
    command.upgrade(config, "head")
    with sessions() as session:
        found = {
            row.name: (row.position, row.page_token, row.search_before)
            for row in session.query(Watermark)
        }
    again = (NOW - timedelta(days=31), None, None)
    assert found == {"finances:eu": again, "finances:us": again, "amazon:eu": (NOW, "next", NOW)}
    # The search brings the transaction once more, as it was.
    assert fees(sessions, "eu") == []
    assert Transactions(sessions).store("eu", [of(*SALE)], NOW) == 1
    assert [one.fees for one in fees(sessions, "eu")] == [15]
