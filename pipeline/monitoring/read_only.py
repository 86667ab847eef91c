"""Whether writes may leave: not when that is set, and not from a copy of a database.

A database remembers which shop and which seller it was first used with. A copy of it that is
started with other addresses would tell both shops and Amazon of the same orders, so nothing is
written from it until a person has said that it is meant. Reading goes on.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from pipeline.amazon.connection import endpoint_of
from pipeline.base.clock import elapsed
from pipeline.base.db import Sessions
from pipeline.base.errors import WritesStopped
from pipeline.base.log import log
from pipeline.monitoring.tables import Belonging
from pipeline.orders.machine import wake
from pipeline.orders.outcome import WRITES_STOPPED
from pipeline.orders.tables import Order, Status
from pipeline.settings.model import Settings

_KNOWN_FOR_S = 5.0
_PREFIX = "read-only: "


@dataclass(frozen=True, slots=True)
class Changed:
    """A remote that is another one than this database was used with."""

    name: str
    before: str
    now: str


class Writes:
    """Asked before each write. The database is asked at most every few seconds per process."""

    def __init__(
        self,
        settings: Settings,
        sessions: Sessions,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = elapsed,
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._now = now
        self._monotonic = monotonic
        self._ours = belonging(settings)
        self._known: tuple[float, tuple[Changed, ...]] | None = None
        self._guard = Lock()

    def why_not(self, account: str, shop: str | None = None) -> str:
        """Why nothing may be written for the account, as a sentence; empty when it may.

        `shop` is the one that the write is for, where it is not the one the account names.
        """
        own = self._settings.accounts.get(account)
        if self._settings.read_only:
            return f"{_PREFIX}read_only is set, so that nothing is written anywhere"
        if own is None:
            return f"{_PREFIX}the account {account} is not in the configuration"
        name = shop or own.shop
        if name in self._settings.shops and self._settings.shops[name].read_only:
            return f"{_PREFIX}shops.{name}.read_only is set"
        if self.changed():
            return (
                f"{_PREFIX}this database belongs to another shop or seller; see "
                "`orderbridge settings accept-copy`"
            )
        return ""

    def told(self) -> str:
        """What everybody has to see of it, as sentences; empty when everything may be written."""
        if self._settings.read_only:
            return "Read-only: read_only is set, so that nothing is written anywhere."
        if changed := self.changed():
            others = "; ".join(f"{one.name} was {one.before} and is {one.now}" for one in changed)
            return (
                "Read-only: nothing is written anywhere, since this database belongs to another "
                f"shop or seller ({others}). If this is the one that shall go on, accept it; if it "
                "is a copy, leave it."
            )
        shops = [name for name, shop in self._settings.shops.items() if shop.read_only]
        if shops:
            return f"Read-only: nothing is written for {', '.join(shops)}, as is set."
        return ""

    def ask(self, account: str, shop: str | None = None) -> None:
        """Raise WritesStopped when nothing may be written for the account in its or this shop."""
        if why := self.why_not(account, shop):
            wait_s = self._settings.timing.recheck_held_s
            raise WritesStopped(why, code="read_only", retry_after_s=wait_s)

    def changed(self) -> tuple[Changed, ...]:
        """The remotes that are others than this database was used with.

        One that it has never been used with becomes its own.
        """
        at = self._monotonic()
        with self._guard:
            if self._known is not None and at - self._known[0] < _KNOWN_FOR_S:
                return self._known[1]
        found = _compare(self._sessions, self._ours, self._now())
        with self._guard:
            self._known = at, found
        return found

    def accept(self, author: str) -> tuple[Changed, ...]:
        """From now on this database belongs to the remotes of the settings; what has changed.

        Orders that waited for it are looked at now.
        """
        now = self._now()
        found = _compare(self._sessions, self._ours, now)
        with self._sessions() as session, session.begin():
            for one in found:
                session.merge(
                    Belonging(name=one.name, value=one.now, noted_at=now, noted_by=author)
                )
            waiting = session.scalars(
                select(Order.id).where(
                    Order.status == Status.WAITING, Order.hold_facts.contains(WRITES_STOPPED)
                )
            ).all()
            wake(session, waiting, now)
        with self._guard:
            self._known = None
        log.warning("read_only.accepted", count=len(found))
        return found


def belonging(settings: Settings) -> Mapping[str, str]:
    """What tells one installation's remotes from another's, by name; nothing secret."""
    found = {f"shops.{name}": _address(shop.base_url) for name, shop in settings.shops.items()}
    for name, account in settings.accounts.items():
        found[f"accounts.{name}"] = _address(endpoint_of(account))
        if account.seller_id:
            found[f"accounts.{name}.seller_id"] = account.seller_id
    return found


def _address(url: str) -> str:
    """Host and path. How one signs in does not count, nor does the port of a stand-in here."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    is_told_apart = port is not None and not _is_this_machine(host)
    return f"{host}{f':{port}' if is_told_apart else ''}{parts.path.rstrip('/')}"


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _compare(sessions: Sessions, ours: Mapping[str, str], now: datetime) -> tuple[Changed, ...]:
    with sessions() as session, session.begin():
        kept = {one.name: one.value for one in session.scalars(select(Belonging))}
        new = [name for name in ours if name not in kept]
        if new:
            session.execute(
                insert(Belonging)
                .values(
                    [
                        {"name": name, "value": ours[name], "noted_at": now, "noted_by": ""}
                        for name in new
                    ]
                )
                .on_conflict_do_nothing()
            )
    return tuple(
        Changed(name, kept[name], value)
        for name, value in ours.items()
        if name in kept and kept[name] != value
    )
