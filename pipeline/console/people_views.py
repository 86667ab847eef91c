"""The page where an admin decides who may sign in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from pipeline.access.people import NotAllowed, People
from pipeline.console.guard import current_person, role_required, signature
from pipeline.console.login import Entrance
from pipeline.settings.roles import Role

Answer = Response | tuple[str, int]


def people_views(entrance: Entrance) -> Blueprint:
    """The page and its forms, for admins only."""
    views = Blueprint("people", __name__)
    people = entrance.people

    def changing(change: Callable[[str], None]) -> Callable[[], Answer]:
        """A view that changes the person named in the form; admins cannot change themselves."""

        @wraps(change)
        def view() -> Answer:
            name = request.form.get("name", "")
            try:
                _refuse_oneself(name)
                change(name)
            except NotAllowed as error:
                return _page(people, f"Nothing was changed: {error}."), 400
            return redirect(url_for("people.everybody"), 303)

        return view

    @views.before_request
    @role_required("admin")
    def _admins_alone() -> None:
        """Every view of this blueprint requires the role."""

    @views.get("/people")
    def everybody() -> str:
        return _page(people)

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

    @views.post("/people/lock")
    @changing
    def lock(name: str) -> None:
        people.set_locked(name, True, signature(entrance.now()))

    @views.post("/people/unlock")
    @changing
    def unlock(name: str) -> None:
        people.set_locked(name, False, signature(entrance.now()))
        entrance.password_attempts.forgive(name)

    return views


def _refuse_oneself(name: str) -> None:
    """Refuse changes to the admin who asks, so that an admin always remains."""
    if name.strip().lower() == current_person().name.lower():
        raise NotAllowed("ask another admin to change your role")


def _role() -> Role:
    try:
        return Role(request.form.get("role", ""))
    except ValueError:
        raise NotAllowed("there is no such role") from None


def _page(people: People, sentence: str = "") -> str:
    return render_template(
        "people.html", people=people.everyone(), roles=list(Role), sentence=sentence
    )
