"""Asks the provider every few minutes whether a sign-in still counts, and with which role.

By the refresh token, where the provider gave one; otherwise the browser goes there and back without
a form (`prompt=none`). See docs/decisions/0076.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import Any

from flask import abort, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from pipeline.access.errors import NotAllowed
from pipeline.access.provider_sign_ins import ProviderSignIns, Standing
from pipeline.base.log import log
from pipeline.console import oidc_claims
from pipeline.console.csrf import FIELD, is_from_our_page
from pipeline.console.guard import READING, client_address, is_by_a_person, is_by_itself
from pipeline.console.login import Entrance
from pipeline.console.oidc_provider import FAILURES, Provider, ends
from pipeline.settings.console import OidcSettings

TRY_AGAIN = timedelta(minutes=1)
"""After a check that failed, or whose end nobody saw. Longer than a check takes."""
# A provider that is slow must not hold every thread of the console.
_AT_ONCE = BoundedSemaphore(2)
_NOT_REPEATED = frozenset({FIELD, "password", "new", "again", "code", "ticket"})


class Recheck:
    """Looks at a sign-in before each of its requests, and asks the provider when that is due."""

    def __init__(
        self, provider: Provider, kept: ProviderSignIns, entrance: Entrance, oidc: OidcSettings
    ) -> None:
        self._provider = provider
        self._kept = kept
        self._entrance = entrance
        self._oidc = oidc
        self._every = timedelta(minutes=oidc.recheck_minutes)
        self._grace = timedelta(minutes=oidc.grace_minutes)

    def __call__(self) -> Response | None:
        """None when the request may go on; `g.person` is None when the sign-in has ended."""
        if g.person.has_password or request.endpoint == "entrance.logout":
            return None
        now, standing = self._entrance.now(), self._kept.standing(g.cookie)
        if standing.subject is None:
            return None
        if standing.next_check_at is None or not self._provider.knows(standing.subject):
            self._end(now)
            return None
        if now >= standing.next_check_at:
            if not standing.can_refresh:
                return self._send_there()
            if _AT_ONCE.acquire(blocking=False):
                try:
                    if self._kept.claim(g.cookie, now, now + TRY_AGAIN):
                        return self._refreshed(standing, now)
                finally:
                    _AT_ONCE.release()
        return self._as_it_was(standing, now)

    def keep(
        self, token: str, tokens: Mapping[str, Any], sid: object, checked_at: datetime
    ) -> bool:
        """Keep what a sign-in at the provider left; False when the sign-in has ended."""
        return self._kept.keep(
            token,
            {name: tokens[name] for name in ("refresh_token", "id_token") if tokens.get(name)},
            sid if isinstance(sid, str) else None,
            checked_at,
            checked_at + self._every,
        )

    def accept(self, tokens: Mapping[str, Any], claims: Mapping[str, Any] | None) -> bool:
        """Let the sign-in of this browser go on with what the provider says of the person now.

        False when it has ended, or ends by it.
        """
        now, address = self._entrance.now(), client_address()
        sid = None if claims is None else claims.get("sid")
        # First of all: the provider may have used up the token that was kept.
        if not self.keep(g.cookie, {**self._kept.tokens(g.cookie), **tokens}, sid, now):
            return False
        if claims is None:
            return True
        standing = self._kept.standing(g.cookie)
        try:
            subject = self._provider.subject(claims.get("sub"))
            if subject != standing.subject:
                self.end()
                return False
            name, role = oidc_claims.name(self._oidc, claims), oidc_claims.role(self._oidc, claims)
            self._entrance.people.from_elsewhere(subject, name, role, address, now)
        except (oidc_claims.Refused, NotAllowed, ValueError):
            self.end()
            return False
        return True

    def end(self) -> None:
        """End the sign-in of this browser."""
        self._end(self._entrance.now())

    def _end(self, now: datetime) -> None:
        log.warning("console.sign_in_ended_by_provider")
        self._kept.end(g.cookie, client_address(), now)
        g.person = None

    def _refreshed(self, standing: Standing, now: datetime) -> Response | None:
        refresh_token = self._kept.tokens(g.cookie).get("refresh_token")
        if refresh_token is None:  # sealed under another master key
            self._end(now)
            return None
        try:
            tokens = self._provider.refresh(refresh_token)
        except FAILURES as error:
            if ends(error):
                self._end(now)
                return None
            return self._as_it_was(standing, now, error)
        try:
            claims = self._provider.claims(tokens)
        except FAILURES as error:
            # The sign-in would go on with a token of which nobody knows whose it is.
            log.warning("console.oidc_failed", error=type(error).__name__)
            self._end(now)
            return None
        g.person = None
        if self.accept(tokens, claims):
            find = self._entrance.sign_ins.find
            g.person = find(g.cookie, now, is_a_person=is_by_a_person())
        return None

    def _as_it_was(
        self, standing: Standing, now: datetime, error: Exception | None = None
    ) -> Response | None:
        """Go on by what the provider said last, as long as that counts."""
        if error is not None:
            log.warning("console.oidc_failed", error=type(error).__name__)
        if standing.checked_at and now < standing.checked_at + self._every + self._grace:
            return None
        return self._page(503, is_waiting=True)

    def _send_there(self) -> Response:
        """The browser has to go to the provider; what is sent by itself, or by a form, cannot."""
        if is_by_itself():
            abort(401, "Load the page again.")
        if request.method not in READING:
            return self._page(409, is_waiting=False)
        wanted = request.full_path.removesuffix("?")
        return redirect(url_for("oidc.renew", next=wanted), 303)

    def _page(self, status: int, *, is_waiting: bool) -> Response:
        """What a person sends is not lost: the page has it, and sends it once more on request."""
        if is_by_itself():
            abort(status)
        is_form = request.method not in READING
        if is_form and not is_from_our_page():
            abort(400, "The form has expired, or is not from this site. Load its page again.")
        fields = [
            (name, value)
            for name, value in request.form.items(multi=True)
            if name not in _NOT_REPEATED
        ]
        page = render_template(
            "recheck.html",
            is_waiting=is_waiting,
            action=request.full_path.removesuffix("?") if is_form else None,
            fields=fields,
            label=self._oidc.label,
        )
        response = make_response(page, status)
        if is_waiting and not is_form:
            response.headers["Refresh"] = "3"
        return response
