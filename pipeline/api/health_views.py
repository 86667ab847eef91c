"""`GET /health`: what the console's page Health shows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import redis
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel

from pipeline.access.api_tokens import ApiScope
from pipeline.api.entry import needs
from pipeline.api.problems import documented
from pipeline.base.db import Sessions
from pipeline.monitoring.health import Health, health
from pipeline.settings.model import Settings

TAG = Tag(name="health", description="Whether a person is needed.")


class HealthProblem(BaseModel):
    """What needs a person; the text says what to do."""

    key: str
    text: str


class AccountFigures(BaseModel):
    """An account. `orders` counts live orders by status, `lag_s` since the last import."""

    name: str
    shop: str
    state: str
    last_import_at: datetime | None
    lag_s: float | None
    trouble: str
    orders: dict[str, int]
    due: int
    oldest_due_at: datetime | None
    to_fetch: int
    unconfirmed: int
    refused: int
    quota_left: dict[str, float | None]
    client_secret_expires: date | None


class ShopFigures(BaseModel):
    """A shop, over all accounts that sell into it."""

    name: str
    read_only: bool
    orders: dict[str, int]
    due: int


class HealthReport(BaseModel):
    """All figures. The installation is well when `problems` is empty; `queues` and
    `rejected_messages` are null while the broker does not answer."""

    at: datetime
    is_well: bool
    problems: list[HealthProblem]
    accounts: list[AccountFigures]
    shops: list[ShopFigures]
    queues: dict[str, int] | None
    rejected_messages: int | None
    last_beat_at: datetime | None
    untold_alerts: int
    read_only: str


def health_views(
    settings: Settings, sessions: Sessions, broker: redis.Redis, now: Callable[[], datetime]
) -> APIBlueprint:
    """The view of the health."""
    views = APIBlueprint(
        "health",
        __name__,
        abp_tags=[TAG],
        abp_security=[{"token": [ApiScope.READ_HEALTH.value]}],
    )
    views.before_request(needs(ApiScope.READ_HEALTH))

    @views.get(
        "/health",
        operation_id="show_health",
        summary="Show the state of accounts, shops, queues and workers, and open problems",
        responses={200: HealthReport, **documented(401, 403, 429, 503)},
    )
    def report() -> dict[str, Any]:
        return _report(health(settings, sessions, broker, now())).model_dump(mode="json")

    return views


def _report(seen: Health) -> HealthReport:
    return HealthReport(
        at=seen.at,
        is_well=seen.is_well,
        problems=[HealthProblem(key=key, text=text) for key, text in seen.problems.items()],
        accounts=[
            AccountFigures(
                name=account.name,
                shop=account.shop,
                state=account.state,
                last_import_at=account.last_import_at,
                lag_s=None if account.lag is None else account.lag.total_seconds(),
                trouble=account.trouble,
                orders=dict(account.orders),
                due=account.due,
                oldest_due_at=account.oldest_due_at,
                to_fetch=account.to_fetch,
                unconfirmed=account.unconfirmed,
                refused=account.refused,
                quota_left=dict(account.quota_left),
                client_secret_expires=account.client_secret_expires,
            )
            for account in seen.accounts
        ],
        shops=[
            ShopFigures(
                name=shop.name, read_only=shop.read_only, orders=dict(shop.orders), due=shop.due
            )
            for shop in seen.shops
        ],
        queues=None if seen.queues is None else dict(seen.queues),
        rejected_messages=seen.rejected_messages,
        last_beat_at=seen.last_beat_at,
        untold_alerts=seen.untold_alerts,
        read_only=seen.read_only,
    )
