"""Decides whether writes may leave: not in read-only mode, and not from a copied database.

A database remembers the shop and seller it was first used with. A copy that runs with other
addresses would send the same orders to both shops and to Amazon. So nothing is written from a copy
until a person confirms that the change is intended. Reads go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from pipeline.base.clock import elapsed
from pipeline.base.db import Sessions
from pipeline.base.errors import WritesStopped
from pipeline.base.log import log
from pipeline.base.security_log import Action, Signature, record
from pipeline.base.this_machine import is_this_machine
from pipeline.monitoring.tables import Belonging
from pipeline.orders.machine import wake
from pipeline.orders.outcome import WRITES_STOPPED
from pipeline.orders.tables import Order, Status
from pipeline.settings.model import Settings

_KNOWN_FOR_S = 5.0
_PREFIX = "read-only: "


@dataclass(frozen=True, slots=True)
class Changed:
    """A remote that differs from the remote this database was used with."""

    name: str
    before: str
    now: str


class Writes:
    """Is asked before each write. It queries the database at most every few seconds per process."""

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
        """Return why nothing may be written for the account, as a sentence; empty when writes may
        leave.

        `shop` is the shop of the write, where it differs from the account's shop.
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

    def notice(self) -> str:
        """The sentences that everybody has to see; empty when all writes may leave."""
        if self._settings.read_only:
            return "Read-only: read_only is set, so that nothing is written anywhere."
        if changed := self.changed():
            others = "; ".join(
                f"{remote.name} was {remote.before} and is {remote.now}" for remote in changed
            )
            return (
                "Read-only: nothing is written anywhere, since this database belongs to another "
                f"shop or seller ({others}). If the change is intended, accept it "
                "(`orderbridge settings accept-copy`); if this is a copy, do nothing."
            )
        shops = [name for name, shop in self._settings.shops.items() if shop.read_only]
        if shops:
            return f"Read-only: nothing is written for {', '.join(shops)}, as is set."
        return ""

    def ask(self, account: str, shop: str | None = None) -> None:
        """Raise WritesStopped when nothing may be written for the account in its shop, or in
        `shop`."""
        if why := self.why_not(account, shop):
            wait_s = self._settings.timing.recheck_held_s
            raise WritesStopped(why, code="read_only", retry_after_s=wait_s)

    def changed(self) -> tuple[Changed, ...]:
        """The remotes that differ from those this database was used with.

        A remote without a row yet is noted as this database's own.
        """
        at = self._monotonic()
        with self._guard:
            if self._known is not None and at - self._known[0] < _KNOWN_FOR_S:
                return self._known[1]
        changed = _compare(self._sessions, self._ours, self._now())
        with self._guard:
            self._known = at, changed
        return changed

    def accept(self, by: Signature) -> tuple[Changed, ...]:
        """Accept the settings' remotes as this database's own; return those that changed.

        Orders that waited for this become due at once.
        """
        changed = _compare(self._sessions, self._ours, by.at)
        with self._sessions() as session, session.begin():
            for remote in changed:
                session.merge(
                    Belonging(
                        name=remote.name, value=remote.now, noted_at=by.at, noted_by=by.person
                    )
                )
            waiting = session.scalars(
                select(Order.id).where(
                    Order.status == Status.WAITING, Order.hold_facts.contains(WRITES_STOPPED)
                )
            ).all()
            wake(session, waiting, by.at)
            if changed:
                record(
                    session,
                    at=by.at,
                    person=by.person,
                    address=by.address,
                    action=Action.COPY_ACCEPTED,
                    facts={remote.name: remote.now for remote in changed},
                )
        with self._guard:
            self._known = None
        log.warning("read_only.accepted", count=len(changed))
        return changed


def belonging(settings: Settings) -> Mapping[str, str]:
    """The values, by name, that distinguish an installation's remotes; nothing secret."""
    remotes = {f"shops.{name}": _address(shop.base_url) for name, shop in settings.shops.items()}
    for name, account in settings.accounts.items():
        remotes[f"accounts.{name}"] = _address(account.api_url)
        if account.seller_id:
            remotes[f"accounts.{name}.seller_id"] = account.seller_id
    return remotes


def _address(url: str) -> str:
    """Host and path. Credentials do not count, nor does the port of a remote on this machine."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    port_counts = port is not None and not is_this_machine(host)
    return f"{host}{f':{port}' if port_counts else ''}{parts.path.rstrip('/')}"


def _compare(sessions: Sessions, ours: Mapping[str, str], now: datetime) -> tuple[Changed, ...]:
    with sessions() as session, session.begin():
        kept = {belonging.name: belonging.value for belonging in session.scalars(select(Belonging))}
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
