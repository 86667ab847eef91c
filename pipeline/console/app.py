"""The console as a WSGI application."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from flask import Flask, Response
from jinja2 import StrictUndefined
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from pipeline.access.api_tokens import ApiTokens
from pipeline.access.password_attempts import PasswordAttempts
from pipeline.access.people import People
from pipeline.access.provider_sign_ins import ProviderSignIns
from pipeline.access.second_factor import SecondFactors
from pipeline.access.sign_ins import SignIns
from pipeline.api.app import PREFIX, create_api
from pipeline.base.db import Sessions
from pipeline.base.vault import Vault
from pipeline.console import words
from pipeline.console.account_views import account_views
from pipeline.console.activity_views import activity_views
from pipeline.console.assets import keep_assets
from pipeline.console.audit_views import audit_views
from pipeline.console.board_views import board_views
from pipeline.console.bulk_views import bulk_views
from pipeline.console.compression import compress_answers
from pipeline.console.cookie import Cookie
from pipeline.console.csrf import csrf_field
from pipeline.console.drafts import Drafts, give_drafts_back
from pipeline.console.error_pages import error_pages
from pipeline.console.first_run import first_run_views
from pipeline.console.flower_views import flower_views
from pipeline.console.guard import allows, client_address, guard
from pipeline.console.headers import limit_the_browser
from pipeline.console.health_views import health_views
from pipeline.console.help_views import help_views
from pipeline.console.languages import CATALOGUES, speak
from pipeline.console.login import Entrance, login_views
from pipeline.console.metrics_views import metrics_views
from pipeline.console.mine_views import mine_views
from pipeline.console.order_acts import act_views
from pipeline.console.order_views import Page, Previews, order_views
from pipeline.console.orders_csv import csv_views
from pipeline.console.orders_tab import orders_views
from pipeline.console.paper_views import paper_views
from pipeline.console.people_views import people_views
from pipeline.console.read_only_views import read_only_views
from pipeline.console.refund_views import refund_views
from pipeline.console.returns_views import returns_views
from pipeline.console.row_id_converter import RowId
from pipeline.console.saved_files import SavedFiles
from pipeline.console.saved_view_views import saved_view_views
from pipeline.console.sealed_fields import SealedFields
from pipeline.console.search_views import search_views
from pipeline.console.settings_views import settings_views
from pipeline.console.settlement_views import settlement_views
from pipeline.console.shipping_views import shipping_views
from pipeline.console.sku_map_views import sku_map_views
from pipeline.console.today_views import today_views
from pipeline.console.token_views import token_views
from pipeline.console.webhook_views import webhook_views
from pipeline.console.work_views import work_views
from pipeline.operations.acts.shop_product import HasProduct
from pipeline.operations.lists.order_facts import country
from pipeline.settings.model import Settings


def create_app(
    settings: Settings,
    sessions: Sessions,
    now: Callable[[], datetime],
    flower_url: str = "",
    previews: Previews | None = None,
    has_product: HasProduct | None = None,
    catalogues: Path = CATALOGUES,
) -> Flask:
    """The pages, for people who sign in; they link to `flower_url` when it is given.

    With `previews` an order's page shows what a replay would do; with `has_product` the shop is
    asked before a SKU is mapped to a product of its.
    """
    app = Flask(__name__)
    app.url_map.converters["row_id"] = RowId
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    speak(app, catalogues)
    app.jinja_env.filters.update(
        ago=lambda at: words.ago(at, now()),
        country=country,
        day=words.day,
        lasting=words.lasting,
        local=words.local,
        number=words.number,
        short=lambda at: words.short(at, now()),
        utc=words.utc,
        words=words.spaced,
    )
    app.jinja_env.globals.update(
        allows=allows,
        counts_in_navigation=True,
        csrf_field=csrf_field,
        flower_url=flower_url,
        price=words.price,
    )
    is_secure = (settings.console.url or "").startswith("https://")
    vault = Vault(*settings.master_keys)
    entrance = Entrance(
        People(sessions),
        SecondFactors(sessions, vault),
        SignIns(sessions, settings.console),
        PasswordAttempts(sessions, vault),
        Cookie(is_secure=is_secure),
        SealedFields(vault),
        now,
    )
    drafts = Drafts(vault, is_secure=is_secure)
    # The last of these sees an answer first.
    compress_answers(app)
    keep_assets(app)
    limit_the_browser(app)
    oidc, single = settings.console.oidc, None
    if oidc is not None:
        # Slow to import, and most consoles have no OpenID provider.
        from pipeline.console.oidc import SingleSignOn

        kept = ProviderSignIns(sessions, vault)
        single = SingleSignOn(app, entrance, kept, settings.console, oidc, settings.master_keys[0])
        app.register_blueprint(single.views())
    guard(
        app,
        entrance.sign_ins,
        now,
        entrance.cookie.value,
        single.recheck if single else lambda: None,
        drafts,
    )
    give_drafts_back(app, drafts)
    page, files = Page(settings, sessions, previews is not None, now), SavedFiles()
    for views in (
        login_views(
            entrance,
            oidc.label if oidc else None,
            single.signed_out if single else lambda: None,
        ),
        account_views(entrance, sessions),
        people_views(entrance, settings.console),
        token_views(ApiTokens(sessions), entrance),
        webhook_views(settings, sessions, now),
        audit_views(sessions),
        flower_views(sessions, now),
        order_views(settings, sessions, now, page, previews),
        act_views(settings, sessions, now, page, has_product),
        board_views(sessions, now),
        refund_views(sessions),
        returns_views(sessions, now, files),
        sku_map_views(settings, sessions, now, has_product),
        read_only_views(settings, sessions, now),
        health_views(settings, sessions, now),
        metrics_views(settings, sessions, now),
        today_views(settings, sessions, now),
        orders_views(settings, sessions, now),
        csv_views(settings, sessions, now, files),
        bulk_views(settings, sessions, now),
        shipping_views(settings, sessions, now),
        paper_views(settings, sessions, now),
        settings_views(settings, sessions, now),
        settlement_views(sessions, files),
        search_views(sessions),
        work_views(settings, sessions, now),
        saved_view_views(settings, sessions, now),
        mine_views(sessions, now),
        activity_views(sessions),
        help_views(),
        first_run_views(settings, sessions),
    ):
        app.register_blueprint(views)

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

    error_pages(app, now)
    return app
