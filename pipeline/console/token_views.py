"""The page where an admin manages the tokens of other systems."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from pipeline.access.api_tokens import (
    LONGEST_DAYS,
    USUAL_DAYS,
    ApiScope,
    ApiTokens,
    NotAllowed,
)
from pipeline.console.guard import role_required, signature
from pipeline.console.languages import gettext as _
from pipeline.console.login import Entrance

Answer = Response | tuple[str, int]


def token_views(tokens: ApiTokens, entrance: Entrance) -> Blueprint:
    """The page and its forms, for admins only."""
    views = Blueprint("tokens", __name__)

    def shown(sentence: str = "", made: str = "") -> str:
        return render_template(
            "tokens.html",
            tokens=tokens.all(),
            scopes=list(ApiScope),
            days=USUAL_DAYS,
            longest=LONGEST_DAYS,
            now=entrance.now(),
            sentence=sentence,
            made=made,
        )

    @views.before_request
    @role_required("admin")
    def _admins_alone() -> None:
        """Every view of this blueprint requires the role."""

    @views.get("/tokens")
    def page() -> str:
        return shown()

    @views.post("/tokens/add")
    def add() -> Answer:
        """Make a token, which only this answer shows."""
        given = request.form
        try:
            days = int(given.get("days", ""))
            scopes = [ApiScope(scope) for scope in given.getlist("scope")]
        except ValueError:
            return shown(_("Nothing was changed: choose the scopes and a number of days.")), 400
        try:
            made = tokens.add(given.get("name", ""), scopes, days, signature(entrance.now()))
        except NotAllowed as error:
            return shown(_("Nothing was changed: %(why)s.", why=error)), 400
        return shown(made=made), 200

    @views.post("/tokens/revoke")
    def revoke() -> Answer:
        try:
            tokens.revoke(request.form.get("name", ""), signature(entrance.now()))
        except NotAllowed as error:
            return shown(_("Nothing was changed: %(why)s.", why=error)), 400
        return redirect(url_for("tokens.page"), 303)

    return views
