"""Endpoints that answer as a test says, and what they were sent."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.base.clock import utc_now
from pipeline.base.db import Sessions
from pipeline.webhooks.endpoints import Endpoints
from pipeline.webhooks.sending import Sending
from pipeline.webhooks.tables import EventType, WebhookDelivery
from tests.builders import a_vault, signed
from tests.remote import Behaviour


def answering(status: int, *headers: str, body: bytes = b"") -> Behaviour:
    """Answers with this status."""

    def behave(connection: socket.socket) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    return behave


@dataclass
class Rig:
    """Endpoints on this machine, and a time that the test moves. The queue's times are the
    database's."""

    sessions: Sessions
    at: datetime = field(default_factory=utc_now)

    def now(self) -> datetime:
        return self.at

    def pass_(self, **time: float) -> None:
        self.at += timedelta(**time)

    def add(self, name: str, url: str, *events: EventType) -> str:
        """Add an endpoint, for all events if none is named; return its secret."""
        endpoints = Endpoints(self.sessions, a_vault())
        return endpoints.add(name, f"{url}/hook", events or tuple(EventType), signed(at=self.at))

    @property
    def sending(self) -> Sending:
        return Sending(self.sessions, a_vault(), self.now)

    def queued(self) -> list[WebhookDelivery]:
        with self.sessions() as session:
            return list(session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id)))

    def told(self) -> list[tuple[str, int | None]]:
        """The type and the order of each event that was queued."""
        return [(delivery.type, delivery.order_id) for delivery in self.queued()]


@pytest.fixture
def rig(sessions: Sessions) -> Rig:
    return Rig(sessions)


def bodies(requests: list[bytes]) -> list[dict[str, Any]]:
    """The JSON of each request."""
    return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in requests]
