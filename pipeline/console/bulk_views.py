"""`/bulk`: bulk jobs on many orders: question, confirmation, progress and stop.

The query of the question's address selects the orders; the confirmation goes to the same address.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from pipeline.base.db import Sessions
from pipeline.base.row_ids import row_id
from pipeline.base.vault import Vault
from pipeline.console.guard import current_person, role_required
from pipeline.console.languages import gettext as _
from pipeline.console.languages import later
from pipeline.console.orders_tab import asked_by, readable, url
from pipeline.console.words import number
from pipeline.operations.acts.many_orders import APART, Act, BulkActs, MoreThanSeen
from pipeline.operations.acts.one_order import NotPossible
from pipeline.operations.lists.bulk_acts import Acts
from pipeline.operations.lists.orders import PAGE_SIZE
from pipeline.operations.lists.parcels import parcels_of
from pipeline.operations.lists.selection import (
    Choice,
    dismissed_by,
    held_by,
    these,
    those_of,
    weigh,
)
from pipeline.operations.lists.stores import stores
from pipeline.settings.model import Settings

LONGEST_REASON = 300
VERBS = {
    Act.RELEASE: later("Retry"),
    Act.DISMISS: later("Ignore"),
    Act.RESUME: later("Resume"),
    Act.SHIP: later("Ship"),
}
"""The acts as the pages name them."""


class _Asked(NamedTuple):
    """The bulk job and the orders in the address, and the page on which they were chosen."""

    act: Act
    choice: Choice
    back: str


def bulk_views(settings: Settings, sessions: Sessions, now: Callable[[], datetime]) -> Blueprint:
    """The pages of bulk jobs."""
    views = Blueprint("bulk", __name__)
    vault = Vault(*settings.master_keys)
    acts = BulkActs(sessions, vault)
    every_store = stores(settings)

    @views.context_processor
    def _verbs() -> dict[str, object]:
        return {"act_verbs": {act: _(verb) for act, verb in VERBS.items()}}

    def asked() -> _Asked:
        """Read the address. Answers 400 where it names no act or no orders."""
        words = request.args
        if words.get("act") not in frozenset(Act) - {Act.SHIP}:
            abort(400, _("There is no such bulk job."))
        act = Act(words["act"])
        if "cause" in words:
            fact = words.get("fact", "").replace("\x00", "")
            return _Asked(
                act, held_by(words["cause"].replace("\x00", ""), fact), url_for("board.held")
            )
        if act == Act.RESUME:
            job = row_id(words.get("undo", ""))
            choice = None if job is None else dismissed_by(sessions, job)
            if job is None or choice is None:
                abort(404, _("There is no such bulk job that ignored orders."))
            return _Asked(act, choice, url_for("bulk.progress", act_id=job))
        filters = readable(asked_by(current_person(), vault, every_store))
        if "whole" in words:
            return _Asked(act, those_of(filters), url(filters))
        ids = [id_ for number in words.getlist("order") if (id_ := row_id(number)) is not None]
        g.way_back = url(filters)
        if not ids:
            abort(
                400,
                _(
                    "No order was ticked, and nothing was done. Tick some orders of the list, or "
                    "“All … of this list”, then choose the act again."
                ),
            )
        if len(ids) > PAGE_SIZE:
            abort(400, _("These are more orders than a page has."))
        return _Asked(act, these(list(dict.fromkeys(ids))), url(filters))

    def confirm(sentence: str = "") -> str:
        selection = asked()
        return render_template(
            "bulk_confirm.html",
            asked=selection,
            weighed=weigh(sessions, selection.act, selection.choice),
            sentence=sentence,
            why=request.form.get("why", ""),
            token=uuid4().hex,
            apart=APART,
            longest=LONGEST_REASON,
        )

    @views.get("/bulk/new")
    @role_required("operator")
    def new() -> str:
        """Show what a bulk job would do. Nothing is written."""
        return confirm()

    @views.post("/bulk/new")
    def begin() -> Response | tuple[str, int]:
        selection = asked()
        seen = request.form.get("seen", "")
        try:
            act_id = acts.begin(
                selection.act,
                selection.choice.turns(),
                chosen=selection.choice.words,
                author=current_person().name,
                now=now(),
                token=request.form.get("token", "").replace("\x00", "")[:64] or uuid4().hex,
                why=request.form.get("why", "").replace("\x00", "")[:LONGEST_REASON],
                # Retrying an order that the person has not seen does no harm.
                seen=_number(seen) if selection.act == Act.DISMISS else None,
            )
        except NotPossible as error:
            return confirm(_("Nothing was changed: %(why)s.", why=error)), 409
        except MoreThanSeen as error:
            return confirm(
                _(
                    "Nothing was changed: there are %(orders)s orders now. Confirm it again.",
                    orders=number(error.orders),
                )
            ), 409
        return redirect(url_for("bulk.progress", act_id=act_id), 303)

    @views.get("/bulk")
    def latest() -> str:
        return render_template("bulk_acts.html", acts=Acts(sessions).latest())

    @views.get("/bulk/<row_id:act_id>")
    def progress(act_id: int) -> str:
        progress = Acts(sessions).progress(act_id)
        if progress is None:
            abort(404, _("There is no such bulk job."))
        if progress.act.act == Act.SHIP:
            parcels = parcels_of(sessions, progress.act)
            return render_template("bulk_ship.html", parcels=parcels, act=progress.act)
        return render_template("bulk_act.html", progress=progress, act=progress.act)

    @views.post("/bulk/<row_id:act_id>/stop")
    def stop(act_id: int) -> Response:
        """Stop a bulk job; the page of a job that has already ended says so."""
        acts.stop(act_id, author=current_person().name, now=now())
        return redirect(url_for("bulk.progress", act_id=act_id), 303)

    return views


def _number(text: str) -> int:
    """The number of orders that the form has shown; 0 where the number is missing."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
