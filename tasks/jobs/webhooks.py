"""Beat's jobs that send webhooks. A concurrent or lost run does no harm."""

from __future__ import annotations

from uuid import uuid4

from celery import Celery
from kombu.exceptions import OperationalError

from pipeline.base.log import log
from pipeline.base.vault import Vault
from pipeline.webhooks.sending import Sending, due_endpoints
from tasks.engine.runtime import Runtime

EXPIRES_S = 30.0


def send_webhooks(app: Celery, parts: Runtime) -> None:
    """Send `send_webhooks_to` for each endpoint that is due, so that a slow one delays no other.

    Nothing leaves from a copy of the database: the other systems would take its events for ours.
    """
    endpoints = due_endpoints(parts.sessions, parts.clients.now())
    if not endpoints or parts.settings.read_only or parts.writes.changed():
        return
    try:
        with app.producer_or_acquire() as producer:
            for name in endpoints:
                app.signature(
                    "orderbridge.send_webhooks_to", args=(name,), immutable=True
                ).apply_async(producer=producer, expires=EXPIRES_S)
    except OperationalError:
        log.warning("broker.unavailable", count=len(endpoints))


def send_webhooks_to(parts: Runtime, endpoint: str) -> None:
    """Send what is due to an endpoint, for some seconds; the next run goes on."""
    with parts.leases.hold(f"webhooks:{endpoint}", str(uuid4())) as ours:
        if not ours:
            return
        sending = Sending(parts.sessions, Vault(*parts.settings.master_keys), parts.clients.now)
        sent = sending.run(endpoint)
    if sent:
        log.info("webhook.sent", queue=endpoint, count=sent)
