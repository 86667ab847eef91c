"""Reports that could not be read: told, read again one by one, and never in the way of others."""

from __future__ import annotations

from datetime import datetime

from pipeline.fetching import Fetching
from pipeline.incidents import Incidents
from pipeline.intake import Stored
from pipeline.rate_limit import Lane


def set_aside(
    fetching: Fetching, incidents: Incidents, account: str, stored: Stored, now: datetime
) -> None:
    """Have the orders read again that a page told unreadably, and tell a person of each.

    The page has been stored and is not done with yet: were it lost here, it would be read again.
    """
    fetching.ask(account, stored.set_aside, Lane.NEW, now)
    told_unreadable(incidents, account, stored, now)


def told_unreadable(incidents: Incidents, account: str, stored: Stored, now: datetime) -> None:
    """Open an incident for each report that could not be read, and close those of orders that could
    be read by now."""
    for number in stored.set_aside:
        incidents.open(
            _key(account, number),
            f"account {account}: Amazon's report of order {number} cannot be read. It is set aside "
            "and read again from time to time; the other orders go on. If it stays, look at the "
            "order in Seller Central",
            now,
            account=account,
        )
    nameless = stored.unreadable - len(stored.set_aside)
    if nameless:
        incidents.open(
            f"unreadable:{account}",
            f"account {account}: {nameless} of Amazon's reports name no order that could be read; "
            "the others go on. Compare Seller Central with the orders of this time",
            now,
            account=account,
        )
    waiting = {one.key for one in incidents.open_ones(account)}
    for number in stored.seen:
        if _key(account, number) in waiting:
            incidents.close(_key(account, number), now)
    if not nameless and stored.seen and f"unreadable:{account}" in waiting:
        incidents.close(f"unreadable:{account}", now)


def _key(account: str, number: str) -> str:
    return f"unreadable:{account}:{number}"
