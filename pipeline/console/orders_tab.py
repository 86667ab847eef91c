"""`/orders`: the Orders tab. The address alone holds its filters and its sort order."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from pipeline.access.saved_views import LONGEST_NAME, SavedViews, View
from pipeline.access.sign_ins import Person
from pipeline.access.work_preferences import WorkPreferences
from pipeline.base.db import Sessions
from pipeline.base.incidents import Incidents
from pipeline.base.security_log import Action, record
from pipeline.base.vault import Vault
from pipeline.clients import parse_report
from pipeline.console import filter_words
from pipeline.console.csrf import masked_token
from pipeline.console.guard import current_person, role_required, signature
from pipeline.console.languages import gettext as _
from pipeline.console.languages import later
from pipeline.console.reader import reader
from pipeline.intake.buyer_index import Buyers, hashes_of
from pipeline.operations.lists.columns import chosen
from pipeline.operations.lists.counts import count, counts
from pipeline.operations.lists.filter_values import MINE
from pipeline.operations.lists.filters import Asked, Filters, read
from pipeline.operations.lists.order_facts import admin_url, seller_central_url
from pipeline.operations.lists.orders import Listing, Page
from pipeline.operations.lists.sorting import NEWEST_FIRST, Place, Sort
from pipeline.operations.lists.stores import Store, stores
from pipeline.orders.channel_order import FulfilledBy, Program, RemoteStatus
from pipeline.orders.outcome import HoldCode
from pipeline.settings.marketplaces import of_region
from pipeline.settings.model import Settings

_PROGRAMS = tuple(
    program
    for program in Program
    if program is not Program.TRANSPARENCY  # only lines have this program
)


def orders_views(settings: Settings, sessions: Sessions, now: Callable[[], datetime]) -> Blueprint:
    """The tab, and the functions with which every page links to it."""
    views = Blueprint("orders", __name__)
    listing = Listing(sessions)
    incidents = Incidents(sessions)
    vault = Vault(*settings.master_keys)
    buyers = Buyers(sessions, vault, parse_report)
    every_store = stores(settings)
    preferences, saved = WorkPreferences(sessions), SavedViews(sessions)
    regions = {account.region for account in settings.accounts.values()}
    sold_in = [one for region in sorted(regions) for one in of_region(region)]

    def saved_filters(view: View) -> Filters:
        filters = read(view.query, every_store, reader().zone).filters
        return read_by(current_person(), filters)

    def show(*, with_names: bool) -> str:
        asked = asked_by(current_person(), vault, every_store)
        after, before = _place("after", asked.filters), _place("before", asked.filters)
        rest = replace(asked.filters, status=None, columns=(), sort=NEWEST_FIRST)
        page = listing.page(asked.filters, after=after, before=before)
        ids = [order.id for order in page.orders]
        place = {"after": after, "before": before}
        here = asked.filters.query() | {name: str(value) for name, value in place.items() if value}
        return render_template(
            "orders.html",
            asked=asked,
            filters=asked.filters,
            page=page,
            found=count(sessions, asked.filters),
            counts=counts(sessions, everything=asked.filters.everything),
            names=buyers.tell(ids, Action.NAMES_SHOWN, signature(now())) if with_names else None,
            is_first=after is None and before is None,
            here=here,
            incidents=incidents.all_open(),
            every_minutes=max(1, round(settings.timing.poll_every_s / 60)),
            stores=every_store,
            is_narrowed=replace(rest, everything=False) != Filters(),
            because=lambda reason, all_: Filters(everything=all_, reason=HoldCode(reason)),
            blank=lambda status, all_: Filters(status, all_),
            accounts=tuple(settings.accounts),
            amazon_statuses=tuple(RemoteStatus),
            channels=tuple(FulfilledBy),
            currencies=sorted({one.currency for one in sold_in}),
            main_currency=_main_currency(asked.filters, page),
            marketplaces=sorted({one.country for one in sold_in}),
            ship_bys=filter_words.ship_bys(),
            which_returns=filter_words.which_returns(),
            which_invoices=filter_words.which_invoices(),
            columns=chosen(asked.filters.columns or preferences.of(current_person().id).columns),
            programs=_PROGRAMS,
            reasons=tuple(HoldCode),
            sorts=filter_words.sorts(),
            statuses=filter_words.statuses(),
            views=filter_words.views(),
            assignees=filter_words.assignees(),
            chips=filter_words.chips(asked.filters),
            saved_views=[(one, saved_filters(one)) for one in saved.seen_by(current_person().id)],
            longest_name=LONGEST_NAME,
        )

    @views.app_context_processor
    def _for_the_tab() -> dict[str, object]:
        return {
            "admin_url": lambda order: admin_url(settings, order),
            "seller_central_url": seller_central_url,
            "url": url,
            "view": view,
        }

    @views.get("/orders")
    def tab() -> str:
        return show(with_names=False)

    @views.post("/buyers")
    @role_required("operator")
    def with_names() -> str:
        """The same page with the buyers' names, in this answer only."""
        return show(with_names=True)

    @views.post("/buyer")
    @role_required("operator")
    def search_buyer() -> Response:
        """Redirect to hashes of the name, so that histories and logs never hold the name itself.

        The hashes are sealed for the person, and the security log has the search.
        """
        asked = read(request.args, every_store, reader().zone)
        sought = hashes_of(vault, request.form.get("buyer", ""))
        if not sought:
            return redirect(url(replace(asked.filters, buyer=(), searcher="")), 303)
        by = signature(now())
        with sessions() as session, session.begin():
            record(
                session,
                at=by.at,
                person=by.person,
                address=by.address,
                action=Action.BUYER_SEARCHED,
                facts={"words": len(sought)},
            )
        seal = _seal(vault, current_person(), sought)
        return redirect(url(replace(asked.filters, buyer=sought, searcher=seal)), 303)

    @views.after_app_request
    def _send_only_news(response: Response) -> Response:
        """A page reloads every few seconds; as long as nothing changed, the answer has no body."""
        if "fragment" in request.args and response.status_code == 200:
            # The form's token is masked anew each time, which is no news.
            page = response.get_data().replace(masked_token().encode(), b"")
            response.set_etag(hashlib.sha256(page).hexdigest()[:32])
            response.make_conditional(request)
        return response

    return views


def _main_currency(filters: Filters, page: Page) -> str:
    """The currency that totals are sorted in: the chosen one, or most of the page's orders'."""
    met = Counter(order.currency for order in page.orders if order.currency)
    return filters.currency or next((currency for currency, _ in met.most_common(1)), "")


def url(filters: Filters, **more: object) -> str:
    """The address of the list with these filters; its first page unless `more` names another."""
    query: dict[str, Any] = {
        **filters.query(),
        **{name: str(value) for name, value in more.items()},
    }
    return url_for("orders.tab", **query)


def view(filters: Filters, **changed: object) -> str:
    """The address of the list with some of its filters changed, such as sort or everything."""
    if isinstance(changed.get("sort"), str):
        changed["sort"] = Sort.parse(str(changed["sort"]))
    return url(replace(filters, **changed))  # type: ignore[arg-type]


def readable(asked: Asked) -> Filters:
    """The filters, all of which have to be valid. Answers 400 with a sentence for each mistake."""
    if asked.mistakes:
        abort(400, " ".join(f"{name}: {_(sentence)}" for name, sentence in asked.mistakes.items()))
    return asked.filters


def asked_by(person: Person, vault: Vault, stores: Mapping[str, Store]) -> Asked:
    """The filters of the address. A buyer counts only for the person who searched for them."""
    asked = read(request.args, stores, reader().zone)
    filters = read_by(person, asked.filters)
    asked = replace(asked, filters=filters)
    nobody = replace(filters, buyer=(), searcher="")
    if not filters.buyer:
        return replace(asked, filters=nobody)
    seal = _seal(vault, person, filters.buyer)
    if hmac.compare_digest(filters.searcher.encode(), seal.encode()):
        return asked
    another = later("Search for the buyer again: the link is of somebody else’s search.")
    return Asked(nobody, {**asked.mistakes, "buyer": another})


def read_by(person: Person, filters: Filters) -> Filters:
    """The filters with “assigned to me” as this person means it."""
    if filters.assigned != MINE:
        return filters
    return replace(filters, assigned=MINE._replace(person_id=person.id))


def _seal(vault: Vault, person: Person, hashes: Sequence[str]) -> str:
    return vault.pseudonym(f"search {person.id} {'.'.join(hashes)}")


def _place(name: str, filters: Filters) -> Place | None:
    text = request.args.get(name)
    try:
        return Place.parse(text, filters.sort) if text else None
    except ValueError:
        abort(400, _("The link to this page of the list is damaged."))
