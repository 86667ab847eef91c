"""A person's own account: language and time zone, password, second factor, sign-ins."""

from __future__ import annotations

import segno
from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from pipeline.access.duties import Duty
from pipeline.access.errors import Busy, NotAllowed
from pipeline.access.reading_preferences import choose
from pipeline.access.second_factor import address_of, new_secret
from pipeline.base.db import Sessions
from pipeline.base.master_keys import Unreadable
from pipeline.base.row_ids import row_id
from pipeline.console.guard import current_person, signature
from pipeline.console.languages import gettext as _
from pipeline.console.login import BUSY, WRONG, Entrance, Refusal
from pipeline.console.reader import languages, zones


def account_views(entrance: Entrance, sessions: Sessions) -> Blueprint:
    """The pages, which concern their own reader alone: a viewer may do the same as an admin."""
    views = Blueprint("account", __name__)

    def own_password() -> Refusal | None:
        """Whether the password in the form is that of who asks."""
        name = current_person().name
        result = entrance.check(name, request.form.get("password", ""))
        if isinstance(result, Refusal):
            is_wrong = result.sentence == _(WRONG)
            return Refusal(_("Your present password is wrong."), 403) if is_wrong else result
        entrance.succeeded(name)
        return None

    def page(sentence: str = "", status: int = 200) -> Response:
        person = current_person()
        if "changed" in request.args:
            sentence = _("Your password is changed; you are signed out everywhere else.")
        if "saved" in request.args:
            sentence = _("Your preferences are saved.")
        return make_response(
            render_template(
                "account.html",
                sentence=sentence,
                recovery_codes=entrance.second_factors.recovery_codes_left(person.id),
                now=entrance.now(),
                zones=zones(),
            ),
            status,
        )

    def password_form(sentence: str = "", status: int = 200) -> Response:
        _only_with_a_password()
        return make_response(render_template("choose_password.html", sentence=sentence), status)

    def factor_form(secret: str, sentence: str = "", status: int = 200) -> Response:
        _only_with_a_password()
        address = address_of(secret, current_person().name)
        page = render_template(
            "second_factor.html",
            sentence=sentence,
            secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
            address=address,
            # Black on white, whatever the page's colours: that is what cameras read.
            picture=Markup(  # noqa: S704 - segno's own markup, of a picture alone
                segno.make(address, micro=False).svg_inline(scale=5, border=4, light="#fff")
            ),
            enrolment=entrance.fields.seal("second factor", {"secret": secret}, entrance.now()),
        )
        return make_response(page, status)

    @views.get("/account")
    def account() -> Response:
        return page()

    @views.post("/account/preferences")
    def prefer() -> Response:
        language, zone = request.form.get("language"), request.form.get("time_zone")
        choose(
            sessions,
            current_person().id,
            language=language if language in languages() else None,
            time_zone=zone if zone in zones() else None,
        )
        return redirect(url_for("account.account", saved=1), 303)

    @views.get("/account/password")
    def choose_password() -> Response:
        return password_form()

    @views.post("/account/password")
    def password() -> Response:
        person = current_person()
        # A one-time password is used up: whoever came in with it has just given it.
        if not person.has_one_time_password and (refusal := own_password()):
            return password_form(refusal.sentence, refusal.status)
        new = request.form.get("new", "")
        if new != request.form.get("again"):
            return password_form(_("The two new passwords differ."), 400)
        try:
            entrance.people.choose_password(person.id, new, signature(entrance.now()))
        except NotAllowed as error:
            return password_form(_("Not changed: %(why)s.", why=error), 400)
        except Busy:
            return password_form(_(BUSY), 429)
        return entrance.let_in(person.id, url_for("account.account", changed=1))

    @views.get("/account/second-factor")
    def second_factor() -> Response:
        return factor_form(new_secret())

    @views.post("/account/second-factor")
    def set_up_second_factor() -> Response:
        person, now = current_person(), entrance.now()
        try:
            field = request.form.get("enrolment", "")
            secret = entrance.fields.open("second factor", field, now)[0]["secret"]
        except Unreadable:
            return factor_form(new_secret(), _("That took too long. Here is a new secret."), 400)
        # Who has to set it up has just given the password.
        if person.duty is not Duty.SECOND_FACTOR and (refusal := own_password()):
            return factor_form(secret, refusal.sentence, refusal.status)
        codes = entrance.second_factors.set_up(
            person.id, secret, request.form.get("code", ""), signature(now)
        )
        if codes is None:
            sentence = _("The code is wrong. Look whether the clock of your phone is right.")
            return factor_form(secret, sentence, 400)
        # They may have been begun without it.
        entrance.sign_ins.end_all(person.id, signature(now), but=person.sign_in_id)
        return make_response(render_template("recovery_codes.html", codes=codes))

    @views.get("/account/sign-ins")
    def sign_ins() -> str:
        person = current_person()
        return render_template(
            "sign_ins.html", sign_ins=entrance.sign_ins.of(person.id, entrance.now())
        )

    @views.post("/account/sign-ins/end")
    def end_sign_in() -> Response:
        person, by = current_person(), signature(entrance.now())
        if "others" in request.form:
            entrance.sign_ins.end_all(person.id, by, but=person.sign_in_id)
        elif (sign_in_id := row_id(request.form.get("id", ""))) is not None:
            entrance.sign_ins.end_one(person.id, sign_in_id, by)
        return redirect(url_for("account.sign_ins"), 303)

    return views


def _only_with_a_password() -> None:
    if not current_person().has_password:
        abort(404, _("You sign in at the OpenID provider, which has your password."))
