"""`/activity`: who did what to which order."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request

from pipeline.access.people import People
from pipeline.base.db import Sessions
from pipeline.operations.lists.activity import Kind, Place, activity

_LONGEST_NAME = 100


def activity_views(sessions: Sessions) -> Blueprint:
    """The page; it names people as authors, tokens and the command line among them."""
    views = Blueprint("activity", __name__)
    people = People(sessions)

    @views.get("/activity")
    def page() -> str:
        by = request.args.get("by", "").replace("\x00", "").strip()[:_LONGEST_NAME]
        kind, after = request.args.get("kind", ""), request.args.get("after", "")
        try:
            chosen = Kind(kind) if kind else None
            place = Place.parse(after) if after else None
        except ValueError:
            abort(400, "The address of this page is damaged. Choose again on its first page.")
        deeds, following = activity(sessions, by=by, kind=chosen, after=place)
        return render_template(
            "activity.html",
            deeds=deeds,
            following=following,
            is_first=place is None,
            by=by,
            kind=kind,
            kinds=list(Kind),
            names=[one.name for one in people.everyone()],
        )

    return views
