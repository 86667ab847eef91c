"""Checks each account regularly, and opens incidents for what is wrong."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

from pipeline.amazon.access import standing
from pipeline.base.clock import seconds
from pipeline.base.db import Sessions
from pipeline.base.errors import RemoteError
from pipeline.base.incidents import Incidents
from pipeline.intake.tables import Watermark
from pipeline.settings.model import PREFIX, AccountSettings, Settings, Timing

NOTHING_READ_FOR = timedelta(minutes=30)
REFUSED_FOR = timedelta(hours=1)
# Incidents whose keys contain the name of a shop.
_BY_SHOP = frozenset({"stock", "set_aside", "watch", "watch_confirmed", "refunds", "guard"})
_STAGES = ("past", "week", "month")


class Alarm(NamedTuple):
    """An incident that should be open."""

    key: str
    text: str


def cursor_name(account: str) -> str:
    """The name of the cursor for an account's changed orders."""
    return f"amazon:{account}"


def cursor_of(sessions: Sessions, account: str) -> Watermark | None:
    """The watermark of the account's orders; None before the first search."""
    with sessions() as session:
        return session.get(Watermark, cursor_name(account))


def secret_alarm(name: str, expires: date | None, today: date) -> Alarm | None:
    """An alarm from 30 days before a client secret expires; it gets more urgent in stages."""
    if expires is None:
        return None
    left = (expires - today).days
    if left > 30:
        return None
    stage = "past" if left < 0 else "week" if left <= 7 else "month"
    ends = {
        "past": f"expired on {expires}: Amazon may refuse every call at any moment",
        "week": f"expires on {expires}, in {left} days: then Amazon refuses every call",
        "month": f"expires on {expires}, in {left} days",
    }[stage]
    urgent = "" if stage == "month" else "URGENT: "
    return Alarm(
        f"secret:{name}:{stage}",
        f"{urgent}account {name}: the application's client secret {ends}. Make a new secret in the "
        f"Solution Provider Portal, set {PREFIX}ACCOUNT_{name.upper()}_CLIENT_SECRET_NEW, and the "
        "new date as client_secret_expires",
    )


def lag_alarm(
    name: str, cursor: Watermark | None, is_stopped: bool, timing: Timing, now: datetime
) -> Alarm | None:
    """An alarm when the account's orders have not been read for long, unless it is stopped."""
    if cursor is None or is_stopped:
        return None
    lag = now - cursor.read_at
    if lag <= max(NOTHING_READ_FOR, 3 * seconds(timing.poll_every_s)):
        return None
    why = f"; the last attempt ended with {cursor.trouble}" if cursor.trouble else ""
    return Alarm(
        f"poll:{name}",
        f"account {name}: no orders could be read since {cursor.read_at:%Y-%m-%d %H:%M} UTC{why}. "
        "Nothing is lost: the missing orders are read as soon as Amazon answers. If that does "
        "not happen, check the workers' log",
    )


def refused_search(
    incidents: Incidents, name: str, read_at: datetime, words: str, now: datetime
) -> None:
    """Open an incident once Amazon has refused to list orders for an hour."""
    if now - read_at > REFUSED_FOR:
        incidents.open(
            f"search:{name}",
            f"account {name}: Amazon has refused to list orders since {read_at:%Y-%m-%d %H:%M} UTC "
            f"({words}). Each poll retries the search and nothing is lost; if Amazon still "
            "refuses, give its developer support the request id from the workers' log",
            now,
            account=name,
        )


def stalled(
    incidents: Incidents, search: str, name: str, what: str, error: RemoteError, now: datetime
) -> None:
    """Open an incident for a search that ended because it repeated itself; a complete search closes
    the incident."""
    incidents.open(
        f"stalled:{search}",
        f"account {name}: Amazon's list of {what} does not end ({error}). The search starts again "
        "from its beginning, and nothing is lost; if this repeats, ask Amazon's developer support",
        now,
        account=name,
    )


def alarms_of(
    sessions: Sessions, name: str, account: AccountSettings, timing: Timing, now: datetime
) -> dict[str, Alarm]:
    """The account's alarms now, by incident key."""
    refused = standing(sessions, name)
    is_stopped = refused is not None and refused.stopped_at is not None
    alarms = (
        secret_alarm(name, account.client_secret_expires, now.date()),
        lag_alarm(name, cursor_of(sessions, name), is_stopped, timing, now),
    )
    return {alarm.key: alarm for alarm in alarms if alarm is not None}


def close_unknown(sessions: Sessions, settings: Settings, now: datetime) -> None:
    """Close the incidents of accounts and shops that are no longer in the configuration."""
    incidents = Incidents(sessions)
    for incident in incidents.all_open():
        subject, _, rest = incident.key.partition(":")
        is_gone = incident.account is not None and incident.account not in settings.accounts
        if subject in _BY_SHOP:
            is_gone |= rest.partition(":")[0] not in settings.shops
        if is_gone:
            incidents.close(incident.key, now)


def check_all(sessions: Sessions, settings: Settings, now: datetime) -> None:
    """Open each account's incidents, and close those whose reason is gone.

    Incidents from an account's own calls are closed by the next call that succeeds.
    """
    incidents = Incidents(sessions)
    are_open = {incident.key for incident in incidents.all_open()}
    for name, account in settings.accounts.items():
        alarms = alarms_of(sessions, name, account, settings.timing, now)
        for key in (f"poll:{name}", *(f"secret:{name}:{stage}" for stage in _STAGES)):
            if key in alarms:
                incidents.open(key, alarms[key].text, now, account=name)
            elif key in are_open:
                incidents.close(key, now)
