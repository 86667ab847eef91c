"""The endpoints: where other systems are told, and of which events."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from pipeline.base.db import Sessions
from pipeline.base.incidents import Incidents
from pipeline.base.security_log import Action, Signature, record
from pipeline.base.this_machine import is_this_machine
from pipeline.base.vault import SealedColumn, Vault
from pipeline.webhooks.signing import new_secret
from pipeline.webhooks.tables import EventType, WebhookDelivery, WebhookEndpoint

MOST = 20
"""Endpoints. Each that is slow takes a thread of a worker for some seconds at a time."""
TEST = "test"
"""The type of the event that only tests an endpoint."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_LONGEST_URL = 500


class NotPossible(Exception):
    """The change is refused; the message says why."""


def incident_of(name: str) -> str:
    """The key of the incident about an endpoint."""
    return f"webhook:{name}"


class Endpoints:
    """Keeps the endpoints. Each change is in the security log."""

    def __init__(self, sessions: Sessions, vault: Vault) -> None:
        self._sessions = sessions
        self._vault = vault

    def all(self) -> Sequence[WebhookEndpoint]:
        """The endpoints, by name."""
        with self._sessions() as session:
            return session.scalars(select(WebhookEndpoint).order_by(WebhookEndpoint.name)).all()

    def add(self, name: str, url: str, events: Iterable[EventType], by: Signature) -> str:
        """Add an endpoint; return its secret, which cannot be shown again. Raises NotPossible."""
        if not _NAME.fullmatch(name):
            raise NotPossible(
                "an endpoint's name has up to 40 letters, digits and . _ -, and begins with a"
                " letter or digit"
            )
        check_url(url)
        wanted = [event for event in EventType if event in set(events)]
        if not wanted:
            raise NotPossible("choose at least one event")
        secret, key = new_secret(), self._vault.new_key(_owner(name))
        with self._sessions() as session, session.begin():
            if (session.scalar(select(func.count()).select_from(WebhookEndpoint)) or 0) >= MOST:
                raise NotPossible(f"there are {MOST} endpoints already: remove one first")
            session.add(
                WebhookEndpoint(
                    name=name,
                    url=url,
                    events=[str(event) for event in wanted],
                    wrapped_key=key,
                    secret=self._vault.seal(
                        key, _owner(name), SealedColumn.ENDPOINT, {"secret": secret}
                    ),
                    created_at=by.at,
                    created_by=by.person,
                )
            )
            try:
                session.flush()
            except IntegrityError as error:
                raise NotPossible(f"there is an endpoint called {name} already") from error
            record(
                session,
                at=by.at,
                person=by.person,
                address=by.address,
                action=Action.WEBHOOK_ADDED,
                object=f"webhook {name}",
                facts={"host": urlsplit(url).hostname or "", "events": " ".join(wanted)},
            )
        return secret

    def set_active(self, name: str, active: bool, by: Signature) -> None:
        """Queue events for an endpoint and send them, or neither. Raises NotPossible."""
        with self._sessions() as session, session.begin():
            endpoint = session.scalar(
                # As a plain update would: an order's event that is being queued does not wait.
                select(WebhookEndpoint)
                .where(WebhookEndpoint.name == name)
                .with_for_update(key_share=True)
            )
            if endpoint is None:
                raise _unknown(name)
            endpoint.active, endpoint.failures, endpoint.paused_until = active, 0, None
            record(
                session,
                at=by.at,
                person=by.person,
                address=by.address,
                action=Action.WEBHOOK_CHANGED,
                object=f"webhook {name}",
                facts={"active": active},
            )
        if not active:
            Incidents(self._sessions).close(incident_of(name), by.at)

    def remove(self, name: str, by: Signature) -> None:
        """Remove an endpoint with its deliveries. Raises NotPossible."""
        with self._sessions() as session, session.begin():
            endpoint = session.scalar(select(WebhookEndpoint).where(WebhookEndpoint.name == name))
            if endpoint is None:
                raise _unknown(name)
            session.delete(endpoint)
            record(
                session,
                at=by.at,
                person=by.person,
                address=by.address,
                action=Action.WEBHOOK_REMOVED,
                object=f"webhook {name}",
            )
        Incidents(self._sessions).close(incident_of(name), by.at)

    def queue_test(self, name: str, event_id: str, now: datetime) -> int:
        """Queue an event that only tests the endpoint; return the delivery's id. Raises
        NotPossible."""
        with self._sessions() as session, session.begin():
            endpoint_id = session.scalar(
                select(WebhookEndpoint.id).where(WebhookEndpoint.name == name)
            )
            if endpoint_id is None:
                raise _unknown(name)
            delivery = WebhookDelivery(
                endpoint_id=endpoint_id,
                event_id=event_id,
                type=TEST,
                data={},
                happened_at=now,
                queued_at=now,
            )
            session.add(delivery)
            session.flush()
            return delivery.id

    def secret_of(self, endpoint: WebhookEndpoint) -> str:
        """The secret that the endpoint's signatures are made with. Raises Unreadable."""
        owner = _owner(endpoint.name)
        return str(
            self._vault.open(endpoint.wrapped_key, owner, SealedColumn.ENDPOINT, endpoint.secret)[
                "secret"
            ]
        )


def check_url(url: str) -> None:
    """Raise NotPossible for a URL that nothing may be sent to.

    Addresses of a private network are allowed: most systems that want to be told are in-house.
    """
    if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise NotPossible(f"a URL has {_LONGEST_URL} ASCII characters at most, and no spaces")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise NotPossible("that is no URL") from None
    if parts.scheme not in ("https", "http") or not host:
        raise NotPossible("a URL looks like https://erp.example/orderbridge")
    if parts.scheme == "http" and not is_this_machine(host):
        raise NotPossible("what goes to another machine has to be encrypted: give an https:// URL")
    if parts.username or parts.password or parts.fragment:
        raise NotPossible(
            "a URL has no user, password or fragment here: the signature proves the sender"
        )
    if _is_link_local(host):
        raise NotPossible("link-local addresses, such as a cloud's metadata, are not told")


def _is_link_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_link_local
    except ValueError:
        return False


def _owner(name: str) -> str:
    return f"webhook/{name}"


def _unknown(name: str) -> NotPossible:
    return NotPossible(f"no endpoint is called {name}")
