"""The API as a WSGI application of its own, which the console's server mounts.

It shares no check with the pages: no cookie counts here, and no token counts there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask_openapi3.models.info import Info
from flask_openapi3.models.server import Server
from flask_openapi3.openapi import OpenAPI
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline.access.api_tokens import ApiTokens
from pipeline.access.password_attempts import PasswordAttempts
from pipeline.api.act_views import Acts, act_views
from pipeline.api.entry import OPEN, PLAN, Gate, guard
from pipeline.api.health_views import health_views
from pipeline.api.order_views import order_views
from pipeline.api.problems import Problem, answer_with_problems, unusable
from pipeline.base.db import Sessions
from pipeline.base.quota import Plan
from pipeline.base.vault import Vault
from pipeline.settings.model import Settings

PREFIX = "/api/v1"


def create_api(
    settings: Settings,
    sessions: Sessions,
    now: Callable[[], datetime],
    address: Callable[[], str],
    plan: Plan = PLAN,
) -> OpenAPI:
    """The API. `address` tells from where the request comes that is being answered."""
    app = OpenAPI(
        __name__,
        info=Info(
            title="Orderbridge",
            version="1",
            description="Amazon orders on their way into Magento, for other systems. How to call "
            "it: docs/api.md.",
        ),
        servers=[Server(url=PREFIX)],
        security_schemes={"token": {"type": "http", "scheme": "bearer"}},
        validation_error_model=Problem,
        validation_error_callback=unusable,
        doc_ui=False,
        static_folder=None,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    broker = settings.broker.client(timeout_s=2)
    # A broker that is away must not delay each answer by redis-py's own retries.
    broker.set_retry(Retry(NoBackoff(), 1))
    attempts = PasswordAttempts(sessions, Vault(*settings.master_keys))
    answer_with_problems(app)
    guard(app, Gate(ApiTokens(sessions), attempts, broker, plan, address, now))
    app.register_api(order_views(sessions))
    app.register_api(act_views(Acts(settings, sessions, now, address)))
    app.register_api(health_views(settings, sessions, broker, now))

    def spec() -> dict[str, Any]:
        return described(app)

    app.add_url_rule("/openapi.json", OPEN, spec)
    return app


def described(app: OpenAPI) -> dict[str, Any]:
    """The description of the API: OpenAPI 3.1."""
    spec: dict[str, Any] = app.api_doc
    for operations in spec["paths"].values():
        for operation in operations.values():
            # The library adds this to each operation; one without parameters never answers it.
            if "parameters" not in operation:
                operation["responses"].pop("422", None)
            # A parameter that was left out has no value, not even null.
            for parameter in operation.get("parameters", ()):
                if parameter["schema"].get("default", "") is None:
                    del parameter["schema"]["default"]
    return spec
