"""`/settings`: the settings of each marketplace, their origin, and the overrides of operators."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, abort, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from pipeline.base.db import Sessions
from pipeline.console import setting_words
from pipeline.console.guard import signature
from pipeline.console.languages import gettext as _
from pipeline.operations.lists.marketplaces_met import met_in_orders
from pipeline.operations.preview.setting import TRIABLE, WINDOW, Preview, preview
from pipeline.settings.model import Settings
from pipeline.settings.origin import Place, Valued, connections, marketplace_named, places, written
from pipeline.settings.overrides import (
    CHANGEABLE,
    LONGEST_WHY,
    NotChangeable,
    choices,
    history,
    save,
    turns,
    wanted,
)

Answer = Response | str | tuple[str, int]


def settings_views(
    settings: Settings, sessions: Sessions, now: Callable[[], datetime]
) -> Blueprint:
    """The page, the preview of an override, and the override itself."""
    views = Blueprint("settings", __name__)
    views.add_app_template_filter(written, "written")

    @views.context_processor
    def _words() -> dict[str, object]:
        return {
            "label": setting_words.label,
            "meaning": setting_words.sentence,
            "value_label": setting_words.value_label,
        }

    @views.get("/settings")
    def page() -> str:
        return _page("")

    @views.post("/settings/try")
    def try_() -> Answer:
        """Show what the override would change, with the form that saves it."""
        try:
            with sessions() as session:
                preview = _tried(session, settings, now())
        except NotChangeable as error:
            return _page(f"{error}."), 400
        return _preview_page(preview, "")

    @views.post("/settings/turn")
    def turn() -> Answer:
        try:
            with sessions() as session:
                preview = _tried(session, settings, now())
        except NotChangeable as error:
            return _page(f"{error}."), 400
        why = request.form.get("why", "").replace("\x00", "")
        try:
            save(sessions, preview.turn, why=why, by=signature(now()))
        except NotChangeable as error:
            return _preview_page(preview, _("Nothing was saved: %(why)s.", why=error)), 400
        turn = preview.turn
        address = url_for(
            "settings.page",
            account=turn.account,
            marketplace=turn.marketplace_id,
            turned=turn.name,
        )
        return redirect(address, 303)

    def _page(sentence: str) -> str:
        if not settings.accounts:
            abort(404, _("No account is configured yet: the first page says how to connect one."))
        since = now() - WINDOW  # before the session, since the clock may ask the database
        with sessions() as session:
            turned = turns(session)
            settable = places(settings, turned, met_in_orders(session, since))
            account, marketplace_id = _asked(settable[0].account)
            shown = next(
                (
                    place
                    for place in settable
                    if (place.account, place.marketplace_id) == (account, marketplace_id)
                ),
                None,
            )
            if shown is None:
                if not sentence:
                    abort(404, _("No such account or marketplace is configured or has orders."))
                shown = settable[0]
            past = history(session)
        differing = "differing" in request.args
        tables = connections(settings)
        names = (f"accounts.{shown.account}", f"shops.{settings.accounts[shown.account].shop}")
        of_account = [override for override in turned if override.account == shown.account]
        here = {one.name: one for one in of_account if one.marketplace_id == shown.marketplace_id}
        above = {one.name: one for one in of_account if one.marketplace_id is None}
        return render_template(
            "settings.html",
            place=shown,
            places=settable,
            groups=_grouped(shown, differing=differing),
            tables={
                name: [value for value in tables[name] if not (differing and value.is_default)]
                for name in names
            },
            differing=differing,
            turned=above | here,
            turned_here=here,
            just_turned=_just_overridden() if not sentence else "",
            history=past,
            sentence=sentence,
            turnable=CHANGEABLE,
            triable=TRIABLE,
            choices=choices,
        )

    return views


def _grouped(place: Place, *, differing: bool) -> list[tuple[str, list[Valued]]]:
    """The settings of a place by what they are about; of `differing` only those without their
    default."""
    values = {one.name: one for one in place.values if not (differing and one.is_default)}
    grouped = (
        (group.title, [values[name] for name in group.names if name in values])
        for group in setting_words.groups()
    )
    return [(title, own) for title, own in grouped if own]


def _just_overridden() -> str:
    """The setting that the form before this page changed."""
    name = request.args.get("turned", "")
    return name if name in CHANGEABLE else ""


def _asked(first: str) -> tuple[str, str | None]:
    """The account and the marketplace that the address or the form names."""
    given = request.form if request.method == "POST" else request.args
    return given.get("account", first), given.get("marketplace") or None


def _tried(session: Session, settings: Settings, now: datetime) -> Preview:
    """The preview of the override that the form asks for. Raises NotChangeable."""
    account, marketplace_id = _asked("")
    if marketplace_id is not None:
        met = met_in_orders(session, now - WINDOW)
        marketplace_id = marketplace_named(settings, met, account, marketplace_id)
    text = request.form.get("value", "").replace("\x00", "")
    name = request.form.get("name", "").replace("\x00", "")
    turn = wanted(settings, account, marketplace_id, name, text or None)
    return preview(session, settings, turn, now)


def _preview_page(preview: Preview, sentence: str) -> str:
    turn = preview.turn
    return render_template(
        "settings_try.html",
        preview=preview,
        value="" if turn.value is None else written(turn.value),
        may_be_saved=turn.name in CHANGEABLE,
        sentence=sentence,
        why=request.form.get("why", ""),
        longest_why=LONGEST_WHY,
    )
