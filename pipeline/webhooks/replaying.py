"""Lists deliveries, and sends them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select, update

from pipeline.base.db import Sessions
from pipeline.base.security_log import Action, Signature, record
from pipeline.webhooks.endpoints import TEST, NotPossible
from pipeline.webhooks.tables import WebhookDelivery, WebhookEndpoint


def deliveries(
    sessions: Sessions, endpoint: str, limit: int, *, failed: bool = False
) -> Sequence[tuple[WebhookDelivery, str]]:
    """The newest deliveries, and the names of their endpoints: of one endpoint, or of all.

    With `failed` only those whose last try failed.
    """
    query = select(WebhookDelivery, WebhookEndpoint.name).join(
        WebhookEndpoint, WebhookEndpoint.id == WebhookDelivery.endpoint_id
    )
    if endpoint:
        query = query.where(WebhookEndpoint.name == endpoint)
    if failed:
        query = query.where(WebhookDelivery.trouble.is_not(None))
    with sessions() as session:
        rows = session.execute(query.order_by(WebhookDelivery.id.desc()).limit(limit))
        return [(row[0], row[1]) for row in rows]


def last_results(sessions: Sessions) -> Mapping[int, WebhookDelivery]:
    """The newest delivery of each endpoint that was tried, by the endpoint's id."""
    newest = (
        select(WebhookDelivery.id)
        .where(
            WebhookDelivery.endpoint_id == WebhookEndpoint.id,
            or_(WebhookDelivery.ended_at.is_not(None), WebhookDelivery.trouble.is_not(None)),
        )
        .order_by(WebhookDelivery.id.desc())
        .limit(1)
        .correlate(WebhookEndpoint)
        .scalar_subquery()
    )
    with sessions() as session:
        rows = session.scalars(
            select(WebhookDelivery).join(WebhookEndpoint, WebhookDelivery.id == newest)
        )
        return {row.endpoint_id: row for row in rows}


def replay(
    sessions: Sessions,
    by: Signature,
    *,
    endpoint: str = "",
    since: datetime | None = None,
    event: str = "",
) -> int:
    """Send ended deliveries again under their old ids; return how many. Raises NotPossible.

    Those of an endpoint, of an event, or both; `since` the event happened.
    """
    if not endpoint and not event:
        raise NotPossible("name an endpoint or an event")
    wanted: list[ColumnElement[bool]] = [
        WebhookDelivery.ended_at.is_not(None),
        WebhookDelivery.type != TEST,
    ]
    if event:
        wanted.append(WebhookDelivery.event_id == event)
    if since is not None:
        wanted.append(WebhookDelivery.happened_at >= since)
    with sessions() as session, session.begin():
        if endpoint:
            endpoint_id = session.scalar(
                select(WebhookEndpoint.id).where(WebhookEndpoint.name == endpoint)
            )
            if endpoint_id is None:
                raise NotPossible(f"no endpoint is called {endpoint}")
            wanted.append(WebhookDelivery.endpoint_id == endpoint_id)
        again = session.connection().execute(
            update(WebhookDelivery)
            .where(*wanted)
            .values(
                outcome=None, ended_at=None, trouble=None, tries=0, due_at=None, queued_at=by.at
            )
        )
        if again.rowcount:
            record(
                session,
                at=by.at,
                person=by.person,
                address=by.address,
                action=Action.WEBHOOK_REPLAYED,
                object=f"webhook {endpoint}" if endpoint else "",
                facts={"events": again.rowcount},
            )
        return again.rowcount
