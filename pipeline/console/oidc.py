"""Signing in and out at an OpenID provider, which decides the person's name and role."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, NoReturn

from flask import (
    Blueprint,
    Flask,
    abort,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from werkzeug.wrappers import Response

from pipeline.access.errors import NotAllowed
from pipeline.access.provider_sign_ins import ProviderSignIns
from pipeline.base.log import log
from pipeline.console import oidc_claims
from pipeline.console.guard import client_address
from pipeline.console.login import Entrance, page_of_ours
from pipeline.console.oidc_provider import FAILURES, Provider, ends
from pipeline.console.oidc_recheck import TRY_AGAIN, Recheck
from pipeline.settings.console import ConsoleSettings, OidcSettings

# Two entries for each way to the provider that has not come back; a cookie has no room for more.
_MOST_ENTRIES = 6


class SingleSignOn:
    """The views, and what the console's other parts need of the provider."""

    def __init__(
        self,
        app: Flask,
        entrance: Entrance,
        kept: ProviderSignIns,
        console: ConsoleSettings,
        oidc: OidcSettings,
        master_key: bytes,
    ) -> None:
        self._oidc = oidc
        self._url = console.url or ""
        self._kept = kept
        self._entrance = entrance
        self._provider = Provider(app, console, oidc, master_key)
        self.recheck = Recheck(self._provider, kept, entrance, oidc)

    def signed_out(self) -> str | None:
        """The page that leads on to the provider, to sign out there; None when it has no address
        for it. The sign-in must not have ended yet."""
        id_token = self._kept.tokens(g.cookie).get("id_token") if g.cookie else None
        if id_token is None:
            return None
        state = secrets.token_urlsafe(16)
        try:
            there = self._provider.logout_url(
                id_token, f"{self._url}{url_for('oidc.signed_out')}", state
            )
        except FAILURES as error:
            log.warning("console.oidc_failed", error=type(error).__name__)
            return None
        if there is None:
            return None
        session["signed_out"] = state
        return render_template("signed_out.html", there=there, label=self._oidc.label)

    def views(self) -> Blueprint:
        """The redirects to the provider, and the addresses that it leads or calls back to."""
        views = Blueprint("oidc", __name__)
        views.add_url_rule("/login/oidc", "start", self._start)
        views.add_url_rule("/login/oidc/renew", "renew", self._renew)
        views.add_url_rule("/login/oidc/back", "back", self._back)
        views.add_url_rule("/login/oidc/signed-out", "signed_out", self._signed_out_there)
        views.add_url_rule("/oidc/backchannel-logout", "logout", self._logout, methods=["POST"])
        return views

    def _start(self) -> Response:
        more = {} if self._oidc.max_age_s is None else {"max_age": str(self._oidc.max_age_s)}
        try:
            return self._there(is_renewal=False, **more)
        except FAILURES as error:
            _fail(error)

    def _renew(self) -> Response:
        """Have the provider look, without a form, whether the person is still signed in there."""
        now = self._entrance.now()
        page = redirect(page_of_ours(request.args.get("next", "")), 303)
        if not self._kept.claim(g.cookie, now, now + TRY_AGAIN):
            return page  # another tab is on its way, or has just been there
        try:
            self._provider.look()
            return self._there(is_renewal=True, prompt="none")
        except FAILURES as error:
            log.warning("console.oidc_failed", error=type(error).__name__)
            return page

    def _there(self, *, is_renewal: bool, **more: str) -> Response:
        if len(session) > _MOST_ENTRIES:
            session.clear()
        state = secrets.token_urlsafe(24)
        response = self._provider.redirect(f"{self._url}{url_for('oidc.back')}", state, **more)
        session[f"way {state}"] = [page_of_ours(request.args.get("next", "")), is_renewal]
        return response

    def _back(self) -> Response:
        # Only who was sent from here comes back: an error counts for nothing without its state.
        page, is_renewal = session.pop(f"way {request.args.get('state', '')}", ("", False))
        try:
            tokens, claims = self._provider.arrived()
            subject = self._provider.subject(claims["sub"])
        except FAILURES as error:
            if is_renewal:
                return self._not_renewed(page, error)
            _fail(error)
        if is_renewal:
            return self._renewed(page, tokens, claims)
        try:
            oidc_claims.check_age(self._oidc, claims, self._entrance.now())
            oidc_claims.check_means(self._oidc, claims)
            person_id = self._entrance.people.from_elsewhere(
                subject,
                oidc_claims.name(self._oidc, claims),
                oidc_claims.role(self._oidc, claims),
                client_address(),
                self._entrance.now(),
            )
        except (oidc_claims.Refused, NotAllowed) as error:
            self._refuse(claims)
            abort(403, f"You cannot sign in: {error}.")

        def keep(token: str) -> None:
            self.recheck.keep(token, tokens, claims.get("sid"), self._entrance.now())

        return self._entrance.let_in(person_id, page_of_ours(page), keep)

    def _renewed(self, page: str, tokens: Mapping[str, Any], claims: Mapping[str, Any]) -> Response:
        try:
            oidc_claims.check_means(self._oidc, claims)
        except oidc_claims.Refused:
            self.recheck.end()
        else:
            self.recheck.accept(tokens, claims)
        # Who is not signed in any more is asked to, and comes to the page after that.
        return redirect(page_of_ours(page), 303)

    def _not_renewed(self, page: str, error: Exception) -> Response:
        if ends(error):
            self.recheck.end()
        else:
            log.warning("console.oidc_failed", error=type(error).__name__)
        return redirect(page_of_ours(page), 303)

    def _signed_out_there(self) -> Response | str:
        """Where the provider leads back to after it has signed the person out."""
        state = session.pop("signed_out", None)
        if state is None or state != request.args.get("state"):
            return redirect(url_for("entrance.login"), 303)
        return render_template("signed_out.html", there=None, label=self._oidc.label)

    def _logout(self) -> Response | tuple[Response, int]:
        """The provider says that somebody signed out, or was signed out, there."""
        now = self._entrance.now()
        try:
            logout = self._provider.logout(request.form.get("logout_token", ""), now)
            is_new = self._kept.end_at_logout(
                logout.jti, logout.expires_at, logout.subject, logout.sid, client_address(), now
            )
        except FAILURES as error:
            log.warning("console.oidc_failed", error=type(error).__name__)
            is_new = False
        return jsonify() if is_new else (jsonify(error="invalid_request"), 400)

    def _refuse(self, claims: Mapping[str, Any]) -> None:
        log.warning("console.sign_in_refused")
        name = oidc_claims.any_name(self._oidc, claims)
        self._entrance.people.refuse(name, client_address(), self._entrance.now())


def _fail(error: Exception) -> NoReturn:
    log.warning("console.oidc_failed", error=type(error).__name__)
    abort(502, "The sign-in at the provider failed. Go to the first page and try again.")
