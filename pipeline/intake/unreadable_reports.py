"""Unreadable reports: each opens an incident and is read again; other orders do not wait."""

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
    """Put the orders of a page's unreadable reports on the fetch list and open their incidents.
    `seen` are the orders that the page reported readably.

    Call this after the page is stored and before it counts as read: after a crash here the page is
    read again.
    """
    fetching.ask(account, numbers, Lane.NEW, now)
    update_incidents(incidents, account, numbers, seen, now)


def update_incidents(
    incidents: Incidents,
    account: str,
    numbers: Collection[str],
    seen: Collection[str],
    now: datetime,
) -> None:
    """Open an incident for each unreadable report, and close the incidents of the orders in `seen`,
    which are readable now."""
    for number in numbers:
        incidents.open(
            _key(account, number),
            f"account {account}: Amazon's report of order {number} cannot be read. It is set aside "
            "and read again from time to time; the other orders go on. If it stays, look at the "
            "order in Seller Central",
            now,
            account=account,
        )
    waiting = {incident.key for incident in incidents.all_open(account)}
    for number in seen:
        if _key(account, number) in waiting:
            incidents.close(_key(account, number), now)


def open_nameless_incident(
    incidents: Incidents,
    account: str,
    search: str,
    period: tuple[datetime, datetime],
    then: str,
    now: datetime,
) -> None:
    """Open an incident for reports without a number, which cannot be read again singly. `period` is
    the window of their search, `then` the next step of the program or of a person."""
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
