"""`/views`: the views of the list that the reader has saved, and those that others share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from pipeline.access.errors import NotAllowed
from pipeline.access.saved_views import LONGEST_NAME, SavedViews
from pipeline.access.work_preferences import WorkPreferences
from pipeline.base.db import Sessions
from pipeline.base.row_ids import row_id
from pipeline.console.guard import allows, current_person
from pipeline.console.orders_tab import url
from pipeline.console.reader import reader
from pipeline.operations.lists.filters import Filters, read
from pipeline.operations.lists.stores import stores
from pipeline.settings.model import Settings
from pipeline.settings.roles import Role

Answer = Response | tuple[str, int]


def saved_view_views(
    settings: Settings, sessions: Sessions, now: Callable[[], datetime]
) -> Blueprint:
    """The page and its forms. Everybody keeps their own views; to share one takes an operator."""
    views = Blueprint("saved_views", __name__)
    saved, preferences = SavedViews(sessions), WorkPreferences(sessions)
    every_store = stores(settings)

    def filters_of(query: Mapping[str, str]) -> Filters:
        return read(query, every_store, reader().zone).filters

    def show(mistake: str = "") -> str:
        return render_template(
            "saved_views.html",
            mistake=mistake,
            saved_views=[
                (one, url(filters_of(one.query)), filters_of(one.query).query())
                for one in saved.seen_by(current_person().id)
            ],
            longest_name=LONGEST_NAME,
        )

    def changing(change: Callable[[int], None]) -> Callable[[], Answer]:
        def view() -> Answer:
            view_id = row_id(request.form.get("id", ""))
            if view_id is None:
                abort(400, "The form names no view. Load its page again.")
            try:
                change(view_id)
            except NotAllowed as error:
                return show(f"Nothing was changed: {error}."), 409
            return redirect(url_for("saved_views.page"), 303)

        return view

    @views.get("/views")
    def page() -> str:
        return show()

    @views.post("/views/add")
    def add() -> Answer:
        """Save the list of the address, with the columns that its reader sees now."""
        person = current_person()
        filters = filters_of(request.args)
        query = filters.query()
        if not filters.columns and (own := preferences.of(person.id).columns):
            query["columns"] = ",".join(own)
        name, is_shared = request.form.get("name", ""), _may_share()
        try:
            saved.add(person.id, name, query, is_shared, now())
        except NotAllowed as error:
            return show(f"Not saved: {error}."), 409
        return redirect(url(filters_of(query)), 303)

    def rename(view_id: int) -> None:
        saved.rename(current_person().id, view_id, request.form.get("name", ""))

    def share(view_id: int) -> None:
        saved.share(current_person().id, view_id, _may_share())

    def delete(view_id: int) -> None:
        saved.delete(current_person().id, view_id)

    for change in (rename, share, delete):
        name = change.__name__
        views.add_url_rule(f"/views/{name}", name, changing(change), methods=["POST"])
    return views


def _may_share() -> bool:
    """Whether the form asks to show the view to all. Answers 403 to viewers."""
    wanted = bool(request.form.get("shared"))
    if wanted and not allows(Role.OPERATOR):
        abort(403, "To share a view you need the role operator.")
    return wanted
