"""Who may see a page, and who may change something.

Every page requires a sign-in, and every change the form's token and the role operator; the
exceptions are listed here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from ipaddress import ip_address
from typing import ParamSpec, TypeVar

from flask import Flask, abort, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from pipeline.access.duties import Duty
from pipeline.access.sign_ins import Person, SignIns
from pipeline.base.security_log import Signature
from pipeline.console.csrf import is_from_our_page
from pipeline.console.drafts import Drafts, page_of_the_form
from pipeline.console.languages import gettext as _
from pipeline.settings.roles import Role

_P = ParamSpec("_P")
_R = TypeVar("_R")

WITHOUT_A_FORM = frozenset({"oidc.logout"})
"""Changes that no page of ours sends: the provider signs what it sends."""
OPEN_TO_ALL = WITHOUT_A_FORM | {
    *("healthz", "static", "entrance.login", "entrance.language", "metrics.scrape"),
    *("oidc.start", "oidc.renew", "oidc.back", "oidc.signed_out"),
}
"""Without a sign-in; the metrics ask for a token of their own."""
OPEN_TO_VIEWERS = frozenset(
    {
        *("entrance.logout", "account.password", "account.set_up_second_factor"),
        *("account.end_sign_in", "account.prefer"),
    }
)
"""Changes that a viewer may make: they concern only the viewer's own sign-in."""
OPEN_WITH_DUTY = {
    Duty.PASSWORD: ("account.choose_password", "account.password", "entrance.logout"),
    Duty.SECOND_FACTOR: (
        *("account.second_factor", "account.set_up_second_factor", "entrance.logout"),
    ),
}
"""All that opens until a duty is done; the first of each is where it is done."""
READING = frozenset({"GET", "HEAD", "OPTIONS"})


def current_person() -> Person:
    """The person who sent the request; always known on a page that requires a sign-in."""
    person: Person = g.person
    return person


def client_address() -> str:
    """The browser's address, which the counted proxies tell (`console.proxies`); empty where they
    tell anything else."""
    try:
        return str(ip_address(request.remote_addr or ""))
    except ValueError:
        return ""


def signature(now: datetime) -> Signature:
    """Signs an act of the person who sent the request."""
    return Signature(current_person().name, client_address(), now)


def allows(role: str) -> bool:
    """Whether the signed-in person has this role or a higher role; False without a sign-in, and
    while a duty is left."""
    person: Person | None = g.get("person")
    return person is not None and person.duty is None and person.role.includes(Role(role))


def role_required(role: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Answer 403 to people without this role."""

    def decorate(view: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(view)
        def guarded(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            _ask_for(role)
            return view(*args, **kwargs)

        return guarded

    return decorate


def is_by_itself() -> bool:
    """Whether the page, or a proxy, sent the request: no person would see where it is led to."""
    return "fragment" in request.args or request.endpoint == "flower.access"


def is_by_a_person() -> bool:
    """Whether a person did something; a proxy asks for each page that somebody opens."""
    return not is_by_itself() or request.headers.get("Sec-Fetch-Mode") == "navigate"


def guard(
    app: Flask,
    sign_ins: SignIns,
    now: Callable[[], datetime],
    cookie_of: Callable[[], str],
    recheck: Callable[[], AnyResponse | None],
    drafts: Drafts,
) -> None:
    """Identify the person before every view. `cookie_of` reads the browser's cookie.

    `recheck` may answer in place of the view, or take `g.person` away; `drafts` keep what somebody
    typed whose sign-in has ended.
    """

    @app.before_request
    def _look_who_asks() -> AnyResponse | None:
        g.cookie, g.person = cookie_of(), None
        if request.endpoint in OPEN_TO_ALL:
            return None
        if g.cookie:
            g.person = sign_ins.find(g.cookie, now(), is_a_person=is_by_a_person())
        known = g.person
        if g.person is not None and (answer := recheck()) is not None:
            return answer
        if g.person is not None and g.person.duty is None:
            return None
        if g.person is not None:
            pages = OPEN_WITH_DUTY[g.person.duty]
            if request.endpoint in pages:
                return None
            if not is_by_itself():
                return redirect(url_for(pages[0]), 303)
        if is_by_itself():
            abort(401, _("Sign in again."))
        is_form = request.method not in READING
        wanted = page_of_the_form(app) if is_form else request.full_path.removesuffix("?")
        response = redirect(url_for("entrance.login", next=None if wanted == "/" else wanted), 303)
        typist = known.id if known else sign_ins.whose(g.cookie, now()) if g.cookie else None
        if is_form and typist is not None:
            drafts.keep(response, typist)
        return response

    @app.before_request
    def _take_changes_with_care() -> None:
        if request.method in READING or request.endpoint in WITHOUT_A_FORM:
            return
        if not is_from_our_page():
            abort(400, _("The form has expired, or is not from this site. Load its page again."))
        if request.endpoint not in OPEN_TO_ALL | OPEN_TO_VIEWERS:
            _ask_for(Role.OPERATOR)

    @app.context_processor
    def _who_asks() -> dict[str, object]:
        return {"person": g.get("person")}


def _ask_for(role: str) -> None:
    if not allows(role):
        abort(403, _("For this you need the role %(role)s.", role=_(role)))
