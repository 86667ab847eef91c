"""The daily mail of a person: how many orders need somebody, with links, and nothing of a buyer."""

from __future__ import annotations

from datetime import datetime

from pipeline.access.work_preferences import WorkPreferences
from pipeline.base.db import Sessions
from pipeline.monitoring.alert_channels import Alert
from pipeline.operations.lists.board import Board
from pipeline.operations.lists.counts import count
from pipeline.operations.lists.filter_values import MINE, NOBODYS
from pipeline.operations.lists.filters import Filters, ShipBy
from pipeline.orders.tables import Status


def digest(sessions: Sessions, person_id: int, day: str, url: str, now: datetime) -> Alert:
    """The mail for that day of theirs. `url` is the console's address; without one there are no
    links."""
    unconfirmed = Board(sessions, now).standing().unconfirmed
    notes = WorkPreferences(sessions).at_a_glance(person_id)[1]
    mine = Filters(assigned=MINE._replace(person_id=person_id))
    held, overdue, soon, assigned, nobodys = (
        count(sessions, filters)
        for filters in (
            Filters(Status.HELD),
            Filters(ship_by=ShipBy.OVERDUE),
            Filters(ship_by=ShipBy.DAY),
            mine,
            Filters(Status.HELD, assigned=NOBODYS),
        )
    )
    base = url.rstrip("/")
    lines = [
        (f"{held} held, waiting for a person", "/held"),
        (f"{overdue} with a ship-by time that is over", "/orders?ship_by=overdue"),
        (f"{soon} to ship within 24 hours", "/ship-by"),
        (f"{unconfirmed} shipped and not confirmed at Amazon", "/ship-by"),
        (f"{nobodys} held and assigned to nobody", "/orders?status=held&assigned=nobody"),
        (f"{assigned} assigned to you", "/mine"),
        (f"{notes} notes for you", "/mine"),
        ("You asked for this mail. Stop it on your account page", "/account#digest"),
    ]
    text = "\n".join(f"{what}\n  {base}{path}" if base else what for what, path in lines)
    subject = f"Orderbridge: {held} held, {overdue} overdue"
    return Alert(f"digest-{person_id}-{day}", f"Orders on {day}\n\n{text}\n", subject)
