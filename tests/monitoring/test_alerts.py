"""Each incident is told once when it opens and once when it is over, on each way."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.incidents import Incidents
from pipeline.monitoring.alert_channels import Alert, Undelivered
from pipeline.monitoring.alerts import CLAIMED_FOR, STILL_NEWS_FOR, Alerts
from pipeline.monitoring.tables import AlertDelivery
from tests.builders import NOW

SECOND = timedelta(seconds=1)
BEGUN = "Orderbridge: account eu is stopped"
OVER = "Orderbridge: over since 2026-11-22 12:00 UTC: account eu is stopped"


class Crash(BaseException):
    """The end of a process."""


class Rig:
    def __init__(self, sessions: Sessions) -> None:
        self.sessions, self.at = sessions, NOW
        self.incidents = Incidents(sessions)
        self.told: list[tuple[str, str]] = []
        self.failing: dict[str, BaseException] = {}
        self.tried = 0

    def now(self) -> datetime:
        return self.at

    def alerts(self, *channels: str) -> Alerts:
        def send_by(channel: str, alert: Alert) -> None:
            self.tried += 1
            if channel in self.failing:
                raise self.failing[channel]
            self.told.append((channel, alert.text))

        ways = {
            channel: lambda alert, channel=channel: send_by(channel, alert)
            for channel in channels or ("mail",)
        }
        return Alerts(self.sessions, ways, self.now)

    def open(self, key: str = "account:eu", text: str = "account eu is stopped") -> None:
        self.incidents.open(key, text, self.at)


def test_the_beginning_and_the_end_are_told_once_on_each_way(sessions: Sessions) -> None:
    rig = Rig(sessions)
    rig.open()
    assert [rig.alerts("mail", "webhook").deliver() for _ in range(3)] == [2, 0, 0]
    rig.open()
    assert rig.alerts("mail", "webhook").deliver() == 0
    rig.incidents.close("account:eu", NOW)
    assert [rig.alerts("mail", "webhook").deliver() for _ in range(3)] == [2, 0, 0]
    assert sorted(rig.told) == sorted(
        (way, text) for way in ("mail", "webhook") for text in (BEGUN, OVER)
    )
    rig.open()
    assert rig.alerts("mail").deliver() == 1


def test_a_way_that_fails_is_tried_again_ever_later_and_holds_up_no_other(
    sessions: Sessions,
) -> None:
    rig = Rig(sessions)
    rig.failing["mail"] = Undelivered("SMTPServerDisconnected")
    rig.open()
    rig.open("account:us", "account us is stopped")
    assert rig.alerts("mail", "webhook").deliver() == 2
    assert rig.tried == 3  # one try shows that mail fails
    with sessions() as session:
        rows = session.scalars(select(AlertDelivery).where(AlertDelivery.channel == "mail")).all()
        assert sorted((row.tries, row.trouble) for row in rows) == [
            (0, None),
            (1, "SMTPServerDisconnected"),
        ]
    waits = []
    for _ in range(9):
        with sessions() as session:
            due = session.scalars(
                select(AlertDelivery.due_at).where(AlertDelivery.trouble.is_not(None))
            ).all()
        waits.append(int((max(due) - rig.at).total_seconds()))
        rig.at = max(due)
        with sessions() as session, session.begin():
            row = session.scalars(select(AlertDelivery).where(AlertDelivery.tries == 0)).first()
            if row is not None:
                row.due_at = NOW + timedelta(days=9)
        rig.alerts("mail").deliver()
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]

    rig.failing.clear()
    rig.at = NOW + timedelta(days=9)
    assert rig.alerts("mail").deliver() == 2


def test_an_end_waits_for_the_beginning_to_be_told(sessions: Sessions) -> None:
    rig = Rig(sessions)
    rig.failing["mail"] = Undelivered("x")
    rig.open()
    rig.alerts().deliver()
    rig.incidents.close("account:eu", NOW)
    rig.failing.clear()
    rig.at += timedelta(seconds=30)
    rig.alerts().deliver()
    assert rig.told == [("mail", BEGUN)]
    rig.alerts().deliver()
    assert rig.told == [("mail", BEGUN), ("mail", OVER)]


def test_what_was_over_long_before_a_way_was_set_is_not_told(sessions: Sessions) -> None:
    rig = Rig(sessions)
    rig.open()
    rig.incidents.close("account:eu", NOW)
    rig.at = NOW + STILL_NEWS_FOR
    assert rig.alerts().deliver() == 0


def test_many_workers_tell_it_once(sessions: Sessions) -> None:
    rig = Rig(sessions)
    for number in range(5):
        rig.open(f"account:{number}", f"account {number}")
    workers = [threading.Thread(target=rig.alerts().deliver) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(rig.told) == [("mail", f"Orderbridge: account {n}") for n in range(5)]


def test_a_worker_that_dies_while_telling_is_followed_by_another(sessions: Sessions) -> None:
    rig = Rig(sessions)
    rig.open()
    rig.failing["mail"] = Crash()
    try:
        rig.alerts().deliver()
    except Crash:
        rig.failing.clear()
    rig.at = NOW + CLAIMED_FOR - SECOND
    assert rig.alerts().deliver() == 0
    rig.at = NOW + CLAIMED_FOR
    assert rig.alerts().deliver() == 1
