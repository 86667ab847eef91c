"""`/search`: the search box of every page. It leads to an order, or lists what was found.

What was typed is sent in a form and never stands in an address unless it is an order's: people
type buyers' names into search boxes, and addresses are kept in histories and logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from pipeline.access.people import People
from pipeline.access.tables import PersonRecord
from pipeline.base.db import Sessions
from pipeline.console.manual_pages import Place, read, search
from pipeline.console.orders_tab import url
from pipeline.console.setting_words import groups, label, sentence
from pipeline.operations.lists.counts import Count, count
from pipeline.operations.lists.filter_values import Unusable, numbers
from pipeline.operations.lists.filters import Filters
from pipeline.operations.lists.mapped_skus import Mapped, MappedSkus
from pipeline.operations.lists.orders import Listing

LONGEST = 6_000
MOST = 10
"""So many of each kind are listed, but for the orders, which are counted."""


def search_views(sessions: Sessions) -> Blueprint:
    """The search, which is the same for every role."""
    views = Blueprint("search", __name__)
    listing, people, mapped = Listing(sessions), People(sessions), MappedSkus(sessions)

    def orders(sought: str) -> tuple[Filters | None, Sequence[int]]:
        """The filters that find orders, hidden ones only if there are no others, and the first two
        orders. The filters name nothing but numbers and SKUs."""
        kept = listing.numbers_and_skus(sought)
        shown = Filters(number=kept)
        for filters in (shown, replace(shown, everything=True)) if kept else ():
            found = [order.id for order in listing.page(filters, limit=2).orders]
            if found:
                return filters, found
        return None, ()

    @views.post("/search")
    def run() -> Response | str:
        text = request.form.get("q", "").replace("\x00", "").strip()[:LONGEST]
        try:
            sought = numbers(text)
        except Unusable as error:
            return _page(text, mistake=str(error))
        if not sought:
            return redirect(url_for("orders.tab"), 303)
        filters, found = orders(sought)
        if len(found) == 1:
            return redirect(url_for("order.shown", order_id=found[0]), 303)
        skus = [] if len(sought.split()) > 1 else mapped.page(sought, limit=MOST)[0]
        persons = [one for one in people.everyone() if sought.lower() in one.name.lower()][:MOST]
        settings = _settings(sought)
        manual = search(sought)[:MOST]
        if filters and not (skus or persons or settings or manual):
            return redirect(url(filters), 303)
        return _page(
            text,
            filters=filters,
            orders=count(sessions, filters) if filters else None,
            skus=skus,
            persons=persons,
            settings=settings,
            manual=manual,
        )

    return views


def _settings(sought: str) -> list[str]:
    words = sought.lower().replace("_", " ").split()
    found = []
    for name in (name for group in groups() for name in group.names):
        both = f"{name.replace('_', ' ')} {label(name).lower()}"
        if all(word in both for word in words):
            found.append(name)
    return found[:MOST]


def _page(
    sought: str,
    *,
    mistake: str = "",
    filters: Filters | None = None,
    orders: Count | None = None,
    skus: Sequence[Mapped] = (),
    persons: Sequence[PersonRecord] = (),
    settings: Sequence[str] = (),
    manual: Sequence[Place] = (),
) -> str:
    return render_template(
        "search.html",
        sought=sought,
        mistake=mistake,
        to_orders=url(filters) if filters else "",
        orders=orders,
        skus=skus,
        persons=persons,
        settings=settings,
        manual=manual,
        label=label,
        sentence=sentence,
        titles={place.page: read(place.page).title for place in manual},
    )
