"""`/mine`: what waits for the reader. And to whom orders are assigned."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from pipeline.access.people import People
from pipeline.base.db import Sessions
from pipeline.base.row_ids import row_id
from pipeline.console.csrf import masked_token
from pipeline.console.guard import current_person
from pipeline.console.languages import gettext as _
from pipeline.console.order_acts import chosen_person
from pipeline.console.orders_tab import read_by, url
from pipeline.operations.acts.assign import assign, assignee
from pipeline.operations.acts.one_order import NotPossible
from pipeline.operations.lists.filter_values import MINE, NOBODYS
from pipeline.operations.lists.filters import Filters
from pipeline.operations.lists.mine import end_mentions, open_mentions
from pipeline.operations.lists.orders import Listing
from pipeline.operations.lists.sorting import Sort


def mine_views(sessions: Sessions, now: Callable[[], datetime]) -> Blueprint:
    """The page, and the form that assigns the ticked orders of a list."""
    views = Blueprint("mine", __name__)
    people, listing = People(sessions), Listing(sessions)

    @views.app_context_processor
    def _for_pages_of_orders() -> dict[str, object]:
        return {
            "assignable": people.everyone,
            "assignee": lambda order_id: assignee(sessions, order_id),
            "masked_token": masked_token,
        }

    @views.get("/mine")
    def page() -> str:
        person = current_person()
        mine = Filters(assigned=MINE, everything=True, sort=Sort("ship_by"))
        orders = listing.page(read_by(person, mine))
        return render_template(
            "mine.html",
            mentions=open_mentions(sessions, person.id),
            orders=orders.orders,
            is_more=orders.following is not None,
            to_mine=url(mine),
            to_nobodys=url(Filters(assigned=NOBODYS)),
        )

    @views.post("/mine/done")
    def done() -> Response:
        note_id = row_id(request.form.get("note", ""))
        if note_id is None and "all" not in request.form:
            abort(400, "The form names no note. Load its page again.")
        end_mentions(sessions, current_person().id, note_id, now())
        return redirect(url_for("mine.page"), 303)

    @views.post("/orders/assign")
    def many() -> Response:
        """Assign the ticked orders of a page of the list."""
        if "whole" in request.form:
            abort(
                400,
                _(
                    "Only ticked orders are assigned, not “All … of this list”, and nothing was "
                    "done. Go back, take that tick away, and tick the orders."
                ),
            )
        ids = [id_ for text in request.form.getlist("order") if (id_ := row_id(text)) is not None]
        if not ids:
            abort(400, "No order is ticked. Go back and tick those that you want to assign.")
        try:
            assign(sessions, ids, chosen_person(), author=current_person().name, now=now())
        except NotPossible as error:
            abort(409, f"Nothing was changed: {error}.")
        here: dict[str, Any] = {
            name: text for name, text in request.args.items() if not name.startswith("_")
        }
        return redirect(url_for("orders.tab", **here), 303)

    return views
