"""Signing in with a name and a password, signing out, and the person's own account page."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from pipeline.access.password_attempts import BROWSER_KNOWN_FOR, PasswordAttempts
from pipeline.access.people import Busy, NotAllowed, People
from pipeline.access.sign_ins import SignIns
from pipeline.base.log import log
from pipeline.console.cookie import Cookie
from pipeline.console.guard import client_address, current_person, signature

_WRONG = "The name or the password is wrong."
_BUSY = "Too many people are signing in at this moment. Try again."


@dataclass(frozen=True, slots=True)
class Entrance:
    """The parts that every way of signing in needs."""

    people: People
    sign_ins: SignIns
    password_attempts: PasswordAttempts
    cookie: Cookie
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
        token = self.sign_ins.begin(person_id, address, now)
        keep(token)
        response = redirect(page, 303)
        self.cookie.set(response, token)
        return response


def page_of_ours(address: str) -> str:
    """`address` if it is a path of this console, else the first page.

    Browsers read a backslash as a slash and skip control characters, so both are refused.
    """
    is_path = address.startswith("/") and not address.startswith("//")
    is_plain = "\\" not in address and address.isprintable()
    return address if is_path and is_plain else url_for("orders.tab")


def login_views(
    entrance: Entrance, oidc_label: str | None, signed_out: Callable[[], str | None]
) -> Blueprint:
    """The pages; with a label, they offer sign-in at the OpenID provider of that name.

    `signed_out` gives the page for who signs out and is still signed in there, if there is one.
    """
    views = Blueprint("entrance", __name__)

    def form(sentence: str = "", status: int = 200, *, name: str = "") -> Response:
        # The form's token is bound to the cookie, so a browser without a cookie gets a new one.
        is_new = not g.cookie
        g.cookie = g.cookie or secrets.token_urlsafe(32)
        wanted = page_of_ours(request.values.get("next", ""))
        page = render_template(
            "login.html", sentence=sentence, name=name, wanted=wanted, oidc_label=oidc_label
        )
        response = make_response(page, status)
        if is_new:
            entrance.cookie.set(response, g.cookie)
        return response

    def check(name: str, password: str) -> int | tuple[str, int]:
        """The person's id, or a sentence that says why not and the HTTP status for it."""
        address, browser = client_address(), entrance.cookie.browser()
        pause = entrance.password_attempts.begin(name, address, browser, entrance.now())
        if pause is not None:
            log.warning("console.sign_in_paused", seconds=round(pause.total_seconds()))
            return f"Too many tries. Try again in {_words(pause)}.", 429
        try:
            person_id = entrance.people.with_password(name, password)
        except Busy:
            return _BUSY, 429
        if person_id is None:
            log.warning("console.sign_in_refused")
            entrance.people.refuse(name, address, entrance.now())
            return _WRONG, 403
        entrance.password_attempts.succeeded(name, address, browser, entrance.now())
        return person_id

    @views.route("/login", methods=["GET", "POST"])
    def login() -> Response:
        if request.method != "POST":
            return form()
        name = request.form.get("name", "")
        result = check(name, request.form.get("password", ""))
        if not isinstance(result, int):
            return form(*result, name=name)
        response = entrance.let_in(result, page_of_ours(request.form.get("next", "")))
        mark = entrance.password_attempts.known_browser(name, entrance.now())
        entrance.cookie.know(response, mark, BROWSER_KNOWN_FOR)
        return response

    @views.post("/logout")
    def logout() -> Response:
        page = signed_out()
        entrance.sign_ins.end(g.cookie, client_address(), entrance.now())
        response = redirect(url_for("entrance.login"), 303) if page is None else make_response(page)
        entrance.cookie.forget(response)
        return response

    @views.get("/account")
    def account() -> str:
        return _account()

    @views.post("/account/password")
    def password() -> Response | tuple[str, int]:
        person = current_person()
        result = check(person.name, request.form.get("password", ""))
        if not isinstance(result, int):
            sentence, status = result
            return _account(
                "Your present password is wrong." if sentence == _WRONG else sentence
            ), status
        if request.form.get("new") != request.form.get("again"):
            return _account("The two new passwords differ."), 400
        try:
            new = request.form.get("new", "")
            entrance.people.set_password(person.name, new, signature(entrance.now()))
        except NotAllowed as error:
            return _account(f"Not changed: {error}."), 400
        return entrance.let_in(person.id, url_for("entrance.account", changed=1))

    return views


def _account(sentence: str = "") -> str:
    if "changed" in request.args:
        sentence = "Your password is changed; you are signed out everywhere else."
    return render_template("account.html", sentence=sentence)


def _words(pause: timedelta) -> str:
    seconds = pause.total_seconds()
    return f"{round(seconds)} seconds" if seconds < 100 else f"{round(seconds / 60)} minutes"
