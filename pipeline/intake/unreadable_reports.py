"""Reports that could not be read: told, read again one by one, and never in the way of others."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pipeline.base.incidents import Incidents
from pipeline.base.quota import Lane
from pipeline.intake.fetch_list import Fetching


def set_aside(
    fetching: Fetching,
    incidents: Incidents,
    account: str,
    numbers: Collection[str],
    seen: Collection[str],
    now: datetime,
) -> None:
    """Have the orders of these numbers read again, which a page told unreadably, and tell a person
    of each. `seen` are those that the page told well.

    The page has been stored and is not done with yet: were it lost here, it would be read again.
    """
    fetching.ask(account, numbers, Lane.NEW, now)
    told_unreadable(incidents, account, numbers, seen, now)


def told_unreadable(
    incidents: Incidents,
    account: str,
    numbers: Collection[str],
    seen: Collection[str],
    now: datetime,
) -> None:
    """Open an incident for each report that could not be read, and close those of orders that could
    be read by now."""
    for number in numbers:
        incidents.open(
            _key(account, number),
            f"account {account}: Amazon's report of order {number} cannot be read. It is set aside "
            "and read again from time to time; the other orders go on. If it stays, look at the "
            "order in Seller Central",
            now,
            account=account,
        )
    waiting = {one.key for one in incidents.open_ones(account)}
    for number in seen:
        if _key(account, number) in waiting:
            incidents.close(_key(account, number), now)


def told_nameless(
    incidents: Incidents,
    account: str,
    search: str,
    period: tuple[datetime, datetime],
    then: str,
    now: datetime,
) -> None:
    """Tell that a search of this period brought reports without a number: nobody can ask for them.
    `then` says what happens next, or what a person is to do."""
    since, until = (f"{at:%Y-%m-%d %H:%M}" for at in period)
    incidents.open(
        f"nameless:{search}",
        f"account {account}: between {since} and {until} UTC Amazon reported orders without a "
        f"number that can be read; the other orders go on. {then}. If it stays, compare Seller "
        "Central with the orders of this time",
        now,
        account=account,
    )


def _key(account: str, number: str) -> str:
    return f"unreadable:{account}:{number}"
