"""The pages where an admin decides who may sign in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from pipeline.access.duties import needs_factor, password_ends_at
from pipeline.access.errors import NotAllowed
from pipeline.base.row_ids import row_id
from pipeline.console.guard import current_person, role_required, signature
from pipeline.console.languages import gettext as _
from pipeline.console.login import Entrance
from pipeline.settings.console import ConsoleSettings
from pipeline.settings.roles import Role

Answer = Response | tuple[str, int]


def people_views(entrance: Entrance, console: ConsoleSettings) -> Blueprint:
    """The pages and their forms, for admins only."""
    views = Blueprint("people", __name__)
    people, second_factors, sign_ins = entrance.people, entrance.second_factors, entrance.sign_ins

    def page(sentence: str = "") -> str:
        return render_template(
            "people.html",
            people=people.everyone(),
            holders=second_factors.holders(),
            roles=list(Role),
            now=entrance.now(),
            sentence=sentence,
        )

    def changing(change: Callable[[str], None]) -> Callable[[], Answer]:
        """A view that changes the person named in the form; admins cannot change themselves."""

        @wraps(change)
        def view() -> Answer:
            name = request.form.get("name", "")
            try:
                _refuse_oneself(people.as_written(name))
                change(name)
            except NotAllowed as error:
                return page(_("Nothing was changed: %(why)s.", why=error)), 400
            shown = row_id(request.form.get("page", ""))
            if shown is None:
                return redirect(url_for("people.everybody"), 303)
            return redirect(url_for("people.one", person_id=shown), 303)

        return view

    @views.before_request
    @role_required("admin")
    def _admins_alone() -> None:
        """Every view of this blueprint requires the role."""

    @views.get("/people")
    def everybody() -> str:
        return page()

    @views.get("/people/<row_id:person_id>")
    def one(person_id: int) -> str:
        found = next((one for one in people.everyone() if one.id == person_id), None)
        if found is None:
            abort(404, _("There is no such person."))
        return render_template(
            "one_person.html",
            one=found,
            now=entrance.now(),
            sign_ins=sign_ins.of(person_id, entrance.now()),
            recovery_codes=second_factors.recovery_codes_left(person_id),
            needs_factor=needs_factor(found, console),
            password_ends_at=password_ends_at(found, console),
        )

    @views.post("/people/add")
    @changing
    def add(name: str) -> None:
        people.add(name, _role(), request.form.get("password", ""), signature(entrance.now()))

    @views.post("/people/role")
    @changing
    def set_role(name: str) -> None:
        people.set_role(name, _role(), signature(entrance.now()))

    @views.post("/people/password")
    @changing
    def set_password(name: str) -> None:
        people.set_password(name, request.form.get("password", ""), signature(entrance.now()))

    @views.post("/people/second-factor")
    @changing
    def reset_second_factor(name: str) -> None:
        second_factors.reset(name, signature(entrance.now()))

    @views.post("/people/sign-ins")
    @changing
    def end_sign_ins(name: str) -> None:
        person, by = people.named(name), signature(entrance.now())
        if "all" in request.form:
            sign_ins.end_all(person.id, by)
        elif (sign_in_id := row_id(request.form.get("id", ""))) is not None:
            sign_ins.end_one(person.id, sign_in_id, by)

    @views.post("/people/lock")
    @changing
    def lock(name: str) -> None:
        people.set_locked(name, True, signature(entrance.now()))

    @views.post("/people/unlock")
    @changing
    def unlock(name: str) -> None:
        people.set_locked(name, False, signature(entrance.now()))
        entrance.password_attempts.forgive(name)

    @views.post("/people/remove")
    @changing
    def remove(name: str) -> None:
        if "sure" not in request.form:
            raise NotAllowed(_("tick the box beside Remove: nobody gets the name again"))
        people.remove(name, signature(entrance.now()))

    return views


def _refuse_oneself(name: str) -> None:
    """Refuse changes to the admin who asks, so that an admin always remains."""
    if name == current_person().name:
        raise NotAllowed(_("ask another admin to change what concerns yourself"))


def _role() -> Role:
    try:
        return Role(request.form.get("role", ""))
    except ValueError:
        raise NotAllowed(_("there is no such role")) from None
