"""The console as a WSGI application."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Flask, Response, render_template
from jinja2 import StrictUndefined
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from pipeline.access.api_tokens import ApiTokens
from pipeline.access.password_attempts import PasswordAttempts
from pipeline.access.people import People
from pipeline.access.sign_ins import SignIns
from pipeline.api.app import PREFIX, create_api
from pipeline.base.db import Sessions
from pipeline.base.log import log
from pipeline.base.vault import Vault
from pipeline.console import words
from pipeline.console.audit_views import audit_views
from pipeline.console.board_views import board_views
from pipeline.console.bulk_views import bulk_views
from pipeline.console.cookie import Cookie
from pipeline.console.csrf import csrf_field
from pipeline.console.guard import allows, client_address, guard
from pipeline.console.headers import limit_the_browser
from pipeline.console.health_views import health_views
from pipeline.console.login import Entrance, login_views
from pipeline.console.metrics_views import metrics_views
from pipeline.console.order_acts import act_views
from pipeline.console.order_views import Page, Previews, order_views
from pipeline.console.orders_csv import csv_views
from pipeline.console.orders_tab import orders_views
from pipeline.console.people_views import people_views
from pipeline.console.read_only_views import read_only_views
from pipeline.console.row_id_converter import RowId
from pipeline.console.settings_views import settings_views
from pipeline.console.sku_map_views import sku_map_views
from pipeline.console.token_views import token_views
from pipeline.operations.lists.order_facts import country, price
from pipeline.settings.model import Settings


def create_app(
    settings: Settings,
    sessions: Sessions,
    now: Callable[[], datetime],
    flower_url: str = "",
    previews: Previews | None = None,
) -> Flask:
    """The pages, for people who sign in; they link to `flower_url` when it is given.

    With `previews` an order's page shows what a replay would do.
    """
    app = Flask(__name__)
    app.url_map.converters["row_id"] = RowId
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        ago=lambda at: words.ago(at, now()),
        country=country,
        lasting=words.lasting,
        short=lambda at: words.short(at, now()),
        utc=words.utc,
        words=words.spaced,
    )
    app.jinja_env.globals.update(
        allows=allows, csrf_field=csrf_field, flower_url=flower_url, price=price
    )
    entrance = Entrance(
        People(sessions),
        SignIns(sessions),
        PasswordAttempts(sessions, Vault(settings.master_key)),
        Cookie(is_secure=(settings.console.url or "").startswith("https://")),
        now,
    )
    limit_the_browser(app)
    guard(app, entrance.sign_ins, now, entrance.cookie.value)
    oidc = settings.console.oidc
    page = Page(settings, sessions, previews is not None)
    for views in (
        login_views(entrance, oidc.label if oidc else None),
        people_views(entrance),
        token_views(ApiTokens(sessions), entrance),
        audit_views(sessions),
        order_views(settings, sessions, now, page, previews),
        act_views(settings, sessions, now, page),
        board_views(sessions, now),
        sku_map_views(settings, sessions, now),
        read_only_views(settings, sessions, now),
        health_views(settings, sessions, now),
        metrics_views(settings, sessions, now),
        orders_views(settings, sessions, now),
        csv_views(settings, sessions, now),
        bulk_views(settings, sessions, now),
        settings_views(settings, sessions, now),
    ):
        app.register_blueprint(views)
    if oidc is not None:
        # Slow to import, and most consoles have no OpenID provider.
        from pipeline.console.oidc import oidc_views

        app.register_blueprint(
            oidc_views(app, entrance, settings.console, oidc, settings.master_key)
        )

    api = create_api(settings, sessions, now, client_address)
    limit_the_browser(api)
    mounted = DispatcherMiddleware(app.wsgi_app, {PREFIX: api})
    app.wsgi_app = mounted  # type: ignore[method-assign]

    @app.get("/healthz")
    def healthz() -> Response:
        """Answers 200 while the database answers."""
        try:
            with sessions() as session:
                session.execute(text("SELECT 1"))
        except SQLAlchemyError:
            return Response("the database does not answer\n", 503, mimetype="text/plain")
        return Response("ok\n", mimetype="text/plain")

    @app.errorhandler(HTTPException)
    def _sorry(error: HTTPException) -> tuple[str, int]:
        return _message(error.name, error.description or "", error.code or 500)

    @app.errorhandler(DBAPIError)
    def _no_database(error: DBAPIError) -> tuple[str, int]:
        log.error("console.database", error=type(error).__name__)
        if isinstance(error, OperationalError):
            return _message("No database", "The database does not answer. Try again soon.", 503)
        return _message(
            "Database not ready",
            "The database refused the query. Was “orderbridge migrate” run for this version?",
            503,
        )

    return app


def _message(title: str, sentence: str, status: int) -> tuple[str, int]:
    return render_template("message.html", title=title, sentence=sentence), status
