"""Opens incidents for jobs that read a shop: for lasting failures and for unreadable rows. The
first run that succeeds closes them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from pipeline.base.db import Sessions
from pipeline.base.incidents import Incidents
from pipeline.magento.rest.odd_rows import OddRow
from pipeline.monitoring.tables import ShopRead

FAILS_AFTER = timedelta(minutes=30)
MOST_FAILURES = 3
_NAMED = 5
_LONGEST_TROUBLE = 300


class Job(StrEnum):
    """The jobs that read a shop; incident keys begin with the job."""

    WATCH = "watch"
    WATCH_CONFIRMED = "watch_confirmed"
    REFUNDS = "refunds"
    GUARD = "guard"


_DOES = {
    Job.WATCH: "shipments and tracking numbers of open orders are not brought to Amazon",
    Job.WATCH_CONFIRMED: "changes in the shop after a shipment are not seen",
    Job.REFUNDS: "credit memos are not read",
    Job.GUARD: "the stock is not compared",
}


class ShopReads:
    """Notes the results of each job. Each method runs its own short transactions."""

    def __init__(self, sessions: Sessions, incidents: Incidents) -> None:
        self._sessions = sessions
        self._incidents = incidents

    def begun(self, shop: str, job: Job, now: datetime) -> None:
        """Note that a run begins, so that a run that never ends can be seen."""
        with self._sessions() as session, session.begin():
            session.execute(insert(ShopRead).values(shop=shop, job=job).on_conflict_do_nothing())
            read = session.get_one(ShopRead, (shop, job), with_for_update=True)
            read.without_success_since = read.without_success_since or now

    def failed(self, shop: str, job: Job, trouble: str, now: datetime, *, is_refused: bool) -> None:
        """Note that a run failed. `is_refused` means that the next run will fail too, until a
        person acts."""
        with self._sessions() as session, session.begin():
            read = session.get_one(ShopRead, (shop, job), with_for_update=True)
            read.failures += 1
            read.is_refused = is_refused
            read.trouble = trouble[:_LONGEST_TROUBLE]
            text = _reason(read, now)
        if text:
            self._incidents.open(f"{job}:{shop}", text, now)

    def went_well(self, shop: str, job: Job, odd: Iterable[OddRow], now: datetime) -> None:
        """Note that a run succeeded; `odd` are the rows it set aside."""
        with self._sessions() as session, session.begin():
            read = session.get_one(ShopRead, (shop, job), with_for_update=True)
            read.without_success_since, read.failures, read.is_refused, read.trouble = (
                None,
                0,
                False,
                "",
            )
        self._incidents.close(f"{job}:{shop}", now)
        tell_odd(self._incidents, shop, job, odd, now)


def tell_odd(
    incidents: Incidents,
    shop: str,
    job: str,
    odd: Iterable[OddRow],
    now: datetime,
    *,
    account: str | None = None,
) -> None:
    """Open the incident of the rows of a shop that a job sets aside, or close it without any.

    A job that reads the shop for an `account` has an incident for each.
    """
    key, named = ":".join(filter(None, ("set_aside", shop, job, account))), list(dict.fromkeys(odd))
    if named:
        incidents.open(key, _odd_rows_text(shop, named), now, account=account)
    else:
        incidents.close(key, now)


def reasons(sessions: Sessions, shops: Collection[str], now: datetime) -> Mapping[str, str]:
    """The problems of each shop's jobs now, by incident key; empty for a job that works."""
    reasons = {f"{job}:{shop}": "" for shop in shops for job in Job}
    with sessions() as session:
        for read in session.scalars(select(ShopRead)):
            if (key := f"{read.job}:{read.shop}") in reasons:
                reasons[key] = _reason(read, now)
    return reasons


def _reason(read: ShopRead, now: datetime) -> str:
    since = read.without_success_since
    if since is None:
        return ""
    is_long = now - since >= FAILS_AFTER
    if not (read.is_refused or read.failures >= MOST_FAILURES or is_long):
        return ""
    trouble = read.trouble or "its last run has not ended"
    return (
        f"shop {read.shop}: since {since:%Y-%m-%d %H:%M} UTC {_DOES[Job(read.job)]}, "
        f"because the shop cannot be read: {trouble}. It goes on by itself once the shop can be "
        "read again"
    )


def _odd_rows_text(shop: str, odd: Collection[OddRow]) -> str:
    named = ", ".join(str(row) for row in list(odd)[:_NAMED])
    more = f" and {len(odd) - _NAMED} more" if len(odd) > _NAMED else ""
    rows = "1 row is" if len(odd) == 1 else f"{len(odd)} rows are"
    return (
        f"shop {shop}: {rows} set aside, since they cannot be read: {named}{more}. Everything else "
        "goes on. The shop's answer lacks required fields: check the record in the shop's admin, "
        "and the extensions that change it; it is read by itself once it is complete"
    )
