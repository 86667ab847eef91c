"""Sends the deliveries of an endpoint: at least once, and an order's events in their sequence.

An endpoint that does not answer is tried with its oldest event alone, ever more rarely. An event
that it refuses is tried again by itself: only later events of the same order wait for it. What
could not be delivered for three days is given up, and an incident tells so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from pipeline.base.clock import elapsed
from pipeline.base.db import Sessions
from pipeline.base.errors import RemoteError
from pipeline.base.http import Http, encoded
from pipeline.base.incidents import Incidents
from pipeline.base.log import log
from pipeline.base.master_keys import Unreadable
from pipeline.base.money import written
from pipeline.base.vault import Vault
from pipeline.webhooks.endpoints import Endpoints, incident_of
from pipeline.webhooks.signing import signed_headers
from pipeline.webhooks.tables import Outcome, WebhookDelivery, WebhookEndpoint

GIVEN_UP_AFTER = timedelta(days=3)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=1)
TOLD_AFTER_FAILURES = 9
"""By then the endpoint has not answered for about twenty minutes."""
ANSWERS_WITHIN_S = 10.0
LARGEST_ANSWER = 64 * 1024
"""Only the status of an answer counts; a larger answer counts as none."""
AT_ONCE = 50
RUNS_FOR_S = 20.0
_OF_THE_ENDPOINT = (401, 403, 404, 405, 408, 410, 425, 429)
"""Refusals that are about the endpoint and not about the event."""


class Undelivered(Exception):
    """The endpoint did not take the event; the message is a code. `is_about_event` says that it
    may well take others."""

    def __init__(
        self, code: str, *, is_about_event: bool = False, retry_after_s: float = 0.0
    ) -> None:
        super().__init__(code)
        self.is_about_event = is_about_event
        self.retry_after_s = retry_after_s


def due_endpoints(sessions: Sessions, now: datetime) -> list[str]:
    """The names of the endpoints for which something is due."""
    with sessions() as session:
        return list(
            session.scalars(
                select(WebhookEndpoint.name)
                .where(
                    WebhookEndpoint.active,
                    or_(
                        WebhookEndpoint.paused_until.is_(None), WebhookEndpoint.paused_until <= now
                    ),
                    exists().where(
                        WebhookDelivery.endpoint_id == WebhookEndpoint.id,
                        WebhookDelivery.ended_at.is_(None),
                        or_(WebhookDelivery.due_at.is_(None), WebhookDelivery.due_at <= now),
                    ),
                )
                .order_by(WebhookEndpoint.name)
            )
        )


class Sending:
    """Sends to one endpoint at a time. Two at once may send an event twice."""

    def __init__(
        self,
        sessions: Sessions,
        vault: Vault,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = elapsed,
    ) -> None:
        self._sessions = sessions
        self._endpoints = Endpoints(sessions, vault)
        self._incidents = Incidents(sessions)
        self._now = now
        self._monotonic = monotonic

    def run(self, name: str) -> int:
        """Send what is due to an endpoint, for some seconds; return how much it took."""
        if sent := self._sent(name):
            self._incidents.close(incident_of(name), self._now())
        return sent

    def _sent(self, name: str) -> int:
        end, sent = self._monotonic() + RUNS_FOR_S, 0
        while (batch := self._batch(name)) is not None and batch[1]:
            endpoint, deliveries = batch
            for delivery in deliveries:
                if self._monotonic() >= end or not self._one(endpoint, delivery):
                    return sent
                sent += delivery.outcome == Outcome.DELIVERED
        return sent

    def send(self, endpoint: WebhookEndpoint, delivery: WebhookDelivery) -> None:
        """Send an event. Raises Undelivered, and Unreadable for a secret of another master key."""
        body = _body(delivery)
        headers = signed_headers(
            self._endpoints.secret_of(endpoint), delivery.event_id, self._now(), encoded(body)
        )
        http = Http(
            endpoint.url,
            {"User-Agent": "Orderbridge"},
            read_timeout_s=ANSWERS_WITHIN_S,
            total_timeout_s=ANSWERS_WITHIN_S,
            max_body_bytes=LARGEST_ANSWER,
        )
        try:
            reply = http.call("POST", "", body=body, headers=headers, repeatable=True)
        except RemoteError as error:
            raise Undelivered(error.code) from error
        if 200 <= reply.status < 300:
            return
        is_about_event = 400 <= reply.status < 500 and reply.status not in _OF_THE_ENDPOINT
        raise Undelivered(
            f"HTTP {reply.status}",
            is_about_event=is_about_event,
            retry_after_s=reply.retry_after_s or 0.0,
        )

    def test(self, name: str, delivery_id: int) -> str:
        """Send a delivery now, whatever its turn; return the trouble, empty when it arrived."""
        with self._sessions() as session:
            endpoint = session.scalars(
                select(WebhookEndpoint).where(WebhookEndpoint.name == name)
            ).one()
            delivery = session.get_one(WebhookDelivery, delivery_id)
        trouble, outcome = "", Outcome.DELIVERED
        try:
            self.send(endpoint, delivery)
        except Undelivered as error:
            trouble, outcome = str(error), Outcome.GIVEN_UP
        with self._sessions() as session, session.begin():
            _end(session, WebhookDelivery.id == delivery_id, outcome, self._now(), trouble)
        return trouble

    def _batch(self, name: str) -> tuple[WebhookEndpoint, list[WebhookDelivery]] | None:
        """The endpoint and its next events, at most one of each order; None while it is paused."""
        now, earlier = self._now(), aliased(WebhookDelivery)
        with self._sessions() as session:
            endpoint = session.scalar(
                select(WebhookEndpoint).where(WebhookEndpoint.name == name, WebhookEndpoint.active)
            )
            if endpoint is None or (endpoint.paused_until or now) > now:
                return None
            deliveries = session.scalars(
                select(WebhookDelivery)
                .where(
                    WebhookDelivery.endpoint_id == endpoint.id,
                    WebhookDelivery.ended_at.is_(None),
                    or_(WebhookDelivery.due_at.is_(None), WebhookDelivery.due_at <= now),
                    ~exists().where(
                        earlier.endpoint_id == WebhookDelivery.endpoint_id,
                        earlier.order_id == WebhookDelivery.order_id,
                        earlier.id < WebhookDelivery.id,
                        earlier.ended_at.is_(None),
                    ),
                )
                .order_by(WebhookDelivery.id)
                .limit(AT_ONCE)
            ).all()
        return endpoint, list(deliveries)

    def _one(self, endpoint: WebhookEndpoint, delivery: WebhookDelivery) -> bool:
        """Send an event and store the result; whether the endpoint should be asked more."""
        try:
            self.send(endpoint, delivery)
        except Undelivered as error:
            self._failed(endpoint, delivery, error)
            return error.is_about_event
        except Unreadable:
            self._failed(endpoint, delivery, Undelivered("secret of another master key"))
            return False
        delivery.outcome = Outcome.DELIVERED
        with self._sessions() as session, session.begin():
            _end(session, WebhookDelivery.id == delivery.id, Outcome.DELIVERED, self._now(), "")
            if endpoint.failures:
                _change(session, endpoint, failures=0, paused_until=None)
        endpoint.failures = 0
        return True

    def _failed(
        self, endpoint: WebhookEndpoint, delivery: WebhookDelivery, error: Undelivered
    ) -> None:
        now, is_over = self._now(), self._now() - GIVEN_UP_AFTER
        log.warning(
            "webhook.failed", queue=endpoint.name, code=str(error), tries=delivery.tries + 1
        )
        pause = max(_pause(delivery.tries), timedelta(seconds=error.retry_after_s))
        waiting = (
            WebhookDelivery.id == delivery.id
            if error.is_about_event
            else WebhookDelivery.endpoint_id == endpoint.id
        )
        with self._sessions() as session, session.begin():
            session.execute(
                update(WebhookDelivery)
                .where(WebhookDelivery.id == delivery.id)
                .values(
                    tries=WebhookDelivery.tries + 1,
                    trouble=str(error),
                    due_at=now + pause if error.is_about_event else None,
                )
                .execution_options(synchronize_session=False)
            )
            given_up = _end(
                session,
                (waiting & WebhookDelivery.ended_at.is_(None))
                & (WebhookDelivery.queued_at < is_over),
                Outcome.GIVEN_UP,
                now,
                str(error),
            )
            if not error.is_about_event:
                pause = max(_pause(endpoint.failures), timedelta(seconds=error.retry_after_s))
                endpoint.failures += 1
                _change(session, endpoint, failures=endpoint.failures, paused_until=now + pause)
        self._tell(endpoint, given_up, str(error))

    def _tell(self, endpoint: WebhookEndpoint, given_up: int, trouble: str) -> None:
        if given_up:
            text = (
                f"webhook {endpoint.name}: {given_up} event(s) could not be delivered for three "
                f"days and are given up ({trouble}); mend the endpoint, then send them again with "
                f"`orderbridge webhooks replay --endpoint {endpoint.name} --since DAY`"
            )
            self._incidents.open(incident_of(endpoint.name), text, self._now())
        elif endpoint.failures >= TOLD_AFTER_FAILURES:
            text = (
                f"webhook {endpoint.name}: the endpoint takes nothing ({trouble}); its events "
                "wait for three days. Mend it, and try it with `orderbridge webhooks test "
                f"{endpoint.name}`; or remove it"
            )
            self._incidents.open(incident_of(endpoint.name), text, self._now())


def _body(delivery: WebhookDelivery) -> dict[str, Any]:
    """The same for each try, since receivers compare copies."""
    return {
        "type": delivery.type,
        "timestamp": delivery.happened_at.isoformat(),
        "data": {name: _plain(value) for name, value in delivery.data.items()},
    }


def _plain(value: Any) -> Any:
    """An amount with the digits of its currency."""
    if isinstance(value, Mapping) and "amount" in value:
        return {**value, "amount": written(Decimal(value["amount"]), value["currency"])}
    return value


def _pause(failures: int) -> timedelta:
    return min(FIRST_PAUSE * (1 << min(failures, 20)), LONGEST_PAUSE)


def _change(session: Session, endpoint: WebhookEndpoint, **values: object) -> None:
    session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint.id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def _end(session: Session, of: Any, outcome: Outcome, now: datetime, trouble: str) -> int:
    ended = session.connection().execute(
        update(WebhookDelivery)
        .where(of)
        .values(
            outcome=outcome,
            ended_at=now,
            trouble=trouble or None,
            tries=WebhookDelivery.tries + (1 if outcome is Outcome.DELIVERED else 0),
        )
    )
    return ended.rowcount


def counts(sessions: Sessions) -> Mapping[str, tuple[int, int]]:
    """By endpoint, how many events wait and how many were given up."""
    with sessions() as session:
        rows = session.execute(
            select(
                WebhookEndpoint.name,
                func.count(WebhookDelivery.id).filter(WebhookDelivery.ended_at.is_(None)),
                func.count(WebhookDelivery.id).filter(WebhookDelivery.outcome == Outcome.GIVEN_UP),
            )
            .outerjoin(WebhookDelivery, WebhookDelivery.endpoint_id == WebhookEndpoint.id)
            .group_by(WebhookEndpoint.name)
        )
        return {name: (waiting, given_up) for name, waiting, given_up in rows}
