"""Signing in with a name, a password and perhaps a code, and signing out."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, abort, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from pipeline.access.errors import Busy
from pipeline.access.password_attempts import BROWSER_KNOWN_FOR, PasswordAttempts
from pipeline.access.people import People
from pipeline.access.second_factor import SecondFactors
from pipeline.access.sign_ins import SignIns
from pipeline.base.log import log
from pipeline.base.master_keys import Unreadable
from pipeline.console.browser_names import coarse_name
from pipeline.console.cookie import Cookie
from pipeline.console.guard import client_address
from pipeline.console.languages import gettext as _
from pipeline.console.languages import later, ngettext
from pipeline.console.reader import LANGUAGE_COOKIE, languages
from pipeline.console.sealed_fields import SealedFields

WRONG = later("The name or the password is wrong.")
BUSY = later("Too many people are signing in at this moment. Try again.")
_WRONG_CODE = later("The code is wrong, or was used before. Take the next one.")
_TOO_LATE = later("That took too long, or something changed meanwhile. Sign in again.")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not, as a sentence, and the HTTP status for it."""

    sentence: str
    status: int


@dataclass(frozen=True, slots=True)
class Entrance:
    """The parts that every way of signing in needs."""

    people: People
    second_factors: SecondFactors
    sign_ins: SignIns
    password_attempts: PasswordAttempts
    cookie: Cookie
    fields: SealedFields
    now: Callable[[], datetime]

    def let_in(
        self, person_id: int, page: str, keep: Callable[[str], None] = lambda _: None
    ) -> Response:
        """Sign a person in with a new token, and redirect them to `page` of this console.

        `keep` is told the token.
        """
        address, now = client_address(), self.now()
        if g.cookie:
            self.sign_ins.end(g.cookie, address, now)
        browser = coarse_name(request.user_agent.string)
        token = self.sign_ins.begin(person_id, address, now, browser)
        keep(token)
        response = redirect(page, 303)
        self.cookie.set(response, token)
        return response

    def check(self, name: str, password: str) -> int | Refusal:
        """The id of the person with that password, whose attempt still counts."""
        if refusal := self._pause(name):
            return refusal
        try:
            person_id = self.people.with_password(name, password, self.now())
        except Busy:
            return Refusal(_(BUSY), 429)
        return self._refuse(name, WRONG, "") if person_id is None else person_id

    def check_code(self, person_id: int, name: str, code: str) -> Refusal | None:
        """Refuse a wrong code, which counts like a wrong password."""
        if refusal := self._pause(name):
            return refusal
        if self.second_factors.accept(person_id, code, client_address(), self.now()):
            return None
        return self._refuse(name, _WRONG_CODE, "second factor")

    def succeeded(self, name: str, attempts: int = 1) -> None:
        """The person who made the last attempts came in, or said who they are."""
        self.password_attempts.succeeded(
            name, client_address(), self.cookie.browser(), self.now(), attempts
        )

    def _pause(self, name: str) -> Refusal | None:
        pause = self.password_attempts.begin(
            name, client_address(), self.cookie.browser(), self.now()
        )
        if pause is None:
            return None
        log.warning("console.sign_in_paused", seconds=round(pause.total_seconds()))
        return Refusal(_("Too many tries. Try again in %(time)s.", time=_words(pause)), 429)

    def _refuse(self, name: str, sentence: str, why: str) -> Refusal:
        log.warning("console.sign_in_refused")
        self.people.refuse(name, client_address(), self.now(), why)
        return Refusal(_(sentence), 403)


def page_of_ours(address: str) -> str:
    """`address` if it is a path of this console, else the first page.

    Browsers read a backslash as a slash and skip control characters, so both are refused.
    """
    is_path = address.startswith("/") and not address.startswith("//")
    is_plain = "\\" not in address and address.isprintable()
    return address if is_path and is_plain else url_for("today.page")


def login_views(
    entrance: Entrance, oidc_label: str | None, signed_out: Callable[[], str | None]
) -> Blueprint:
    """The pages; with a label, they offer sign-in at the OpenID provider of that name.

    `signed_out` gives the page for who signs out and is still signed in there, if there is one.
    """
    views = Blueprint("entrance", __name__)

    def form(refusal: Refusal | None = None, *, name: str = "") -> Response:
        # The form's token is bound to the cookie, so a browser without a cookie gets a new one.
        is_new = not g.cookie
        g.cookie = g.cookie or secrets.token_urlsafe(32)
        page = render_template(
            "login.html",
            sentence=refusal.sentence if refusal else "",
            name=name,
            wanted=_wanted(),
            oidc_label=oidc_label,
        )
        response = make_response(page, refusal.status if refusal else 200)
        if is_new:
            entrance.cookie.set(response, g.cookie)
        return response

    def code_form(ticket: str, refusal: Refusal | None = None) -> Response:
        sentence, status = (refusal.sentence, refusal.status) if refusal else ("", 200)
        page = render_template("code.html", sentence=sentence, ticket=ticket, wanted=_wanted())
        return make_response(page, status)

    def come_in(person_id: int, name: str, attempts: int) -> Response:
        entrance.succeeded(name, attempts)
        response = entrance.let_in(person_id, _wanted())
        mark = entrance.password_attempts.known_browser(name, entrance.now())
        entrance.cookie.know(response, mark, BROWSER_KNOWN_FOR)
        return response

    def with_code(ticket: str) -> Response:
        try:
            data, at = entrance.fields.open("sign-in", ticket, entrance.now())
        except Unreadable:
            return form(Refusal(_(_TOO_LATE), 403))
        person_id, name = data["person"], data["name"]
        if not entrance.people.may_go_on(person_id, at):
            return form(Refusal(_(_TOO_LATE), 403))
        if refusal := entrance.check_code(person_id, name, request.form.get("code", "")):
            return code_form(ticket, refusal)
        return come_in(person_id, name, 2)

    @views.route("/login", methods=["GET", "POST"])
    def login() -> Response:
        if request.method != "POST":
            return form()
        if "ticket" in request.form:
            return with_code(request.form["ticket"])
        typed = request.form.get("name", "")
        name = entrance.people.as_written(typed)
        result = entrance.check(name, request.form.get("password", ""))
        if isinstance(result, Refusal):
            return form(result, name=typed)
        if entrance.second_factors.recovery_codes_left(result) is None:
            return come_in(result, name, 1)
        ticket = {"person": result, "name": name}
        return code_form(entrance.fields.seal("sign-in", ticket, entrance.now()))

    @views.get("/language/<name>")
    def language(name: str) -> Response:
        """Show the login, and what follows in this browser, in that language."""
        if name not in languages():
            abort(404, _("There is no such language."))
        response = redirect(url_for("entrance.login", next=_wanted()), 303)
        response.set_cookie(LANGUAGE_COOKIE, name, max_age=timedelta(days=365), samesite="Lax")
        return response

    @views.post("/logout")
    def logout() -> Response:
        page = signed_out()
        entrance.sign_ins.end(g.cookie, client_address(), entrance.now())
        response = redirect(url_for("entrance.login"), 303) if page is None else make_response(page)
        entrance.cookie.forget(response)
        return response

    return views


def _wanted() -> str:
    return page_of_ours(request.values.get("next", ""))


def _words(pause: timedelta) -> str:
    seconds = pause.total_seconds()
    if seconds < 100:
        number = round(seconds)
        return ngettext("%(num)s second", "%(num)s seconds", number, num=number)
    number = round(seconds / 60)
    return ngettext("%(num)s minute", "%(num)s minutes", number, num=number)
