"""What doctor says of the money that was read from Amazon."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from pipeline.base.db import Sessions
from pipeline.base.money import written
from pipeline.finances.recent_sums import UnknownSum, unknown_sums
from pipeline.monitoring.doctor_checks import Finding, Verdict

_NAMED = 5


def examine_money(sessions: Sessions, account: str, now: datetime) -> Iterator[Finding]:
    """Whether Amazon used names of amounts in the last 30 days that are not known here. Nothing is
    said without a database, which is a finding of its own."""
    try:
        with sessions() as session:
            found = unknown_sums(session, [account], now)
    except SQLAlchemyError:
        return
    about, check = f"account {account}", "names of amounts"
    if not found:
        yield Finding(about, check, Verdict.OK, "every amount of the last 30 days has a known name")
        return
    named = "; ".join(map(_told, found[:_NAMED]))
    more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    yield Finding(
        about,
        check,
        Verdict.WARNING,
        "Amazon posted amounts in the last 30 days whose names are not known here: "
        f"{named}{more}. They count as other amounts, and no sum lacks them",
        "look at an order that has them (orderbridge orders money), and report the names",
    )


def _told(one: UnknownSum) -> str:
    return f"{one.name}, {one.number} times, {written(one.total, one.currency)} {one.currency}"
