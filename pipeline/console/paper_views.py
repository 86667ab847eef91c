"""`/print`: packing slips and the pick list of the orders that the address selects.

Packing slips hold names and addresses: an operator asks for them with a reason, and nothing of them
is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from threading import BoundedSemaphore

from flask import Blueprint, Response, abort, g, render_template, request, url_for

from pipeline.base.db import Sessions
from pipeline.base.row_ids import row_id
from pipeline.base.vault import Vault
from pipeline.clients import parse_report
from pipeline.console.guard import current_person, role_required, signature
from pipeline.console.languages import gettext as _
from pipeline.console.orders_csv import REASONS
from pipeline.console.orders_tab import asked_by, readable, url
from pipeline.operations.acts.address import Corrections
from pipeline.operations.lists.orders import Listing
from pipeline.operations.lists.packing import MOST, Packing, packing
from pipeline.operations.lists.stores import stores
from pipeline.orders.channel_order import Address
from pipeline.settings.model import Settings

AT_ONCE = 2
"""PDF files that are made at once: each takes a processor for some seconds."""


def paper_views(settings: Settings, sessions: Sessions, now: Callable[[], datetime]) -> Blueprint:
    """The pages and the files, for operators."""
    views = Blueprint("paper", __name__)
    vault = Vault(*settings.master_keys)
    every_store = stores(settings)
    places = BoundedSemaphore(AT_ONCE)
    most = min(MOST, settings.console.names_per_export)

    @views.before_request
    @role_required("operator")
    def _operators_alone() -> None:
        """Every view of this blueprint requires the role."""

    def chosen() -> Packing:
        """The orders in the address: those that were ticked, or all of the filters."""
        filters = readable(asked_by(current_person(), vault, every_store))
        g.way_back = url(filters)
        if "whole" in request.args:
            ids = list(Listing(sessions).matching(filters, most + 1))
        else:
            given = map(row_id, request.args.getlist("order"))
            ids = list(dict.fromkeys(id_ for id_ in given if id_ is not None))
        if not ids:
            abort(400, _("No order was chosen: tick some orders of the list first."))
        if len(ids) > most:
            sentence = _("At most %(most)s orders are printed at once: narrow the filters.")
            abort(400, sentence % {"most": most})
        return packing(sessions, ids)

    def shown(sentence: str = "") -> str:
        query = request.query_string.decode()
        return render_template(
            "paper.html", packing=chosen(), reasons=REASONS, query=query, sentence=sentence
        )

    def as_pdf(make: Callable[[], bytes], name: str) -> Response:
        if not places.acquire(blocking=False):
            abort(503, _("Other files are being made. Try again in a moment."))
        try:
            content = make()
        finally:
            places.release()
        return Response(
            content,
            mimetype="application/pdf",
            headers={"Content-Disposition": f'inline; filename="{name}-{now():%Y%m%d-%H%M}.pdf"'},
        )

    @views.get("/print")
    def choose() -> str:
        return shown()

    @views.get("/print/pick-list")
    def pick_list() -> str:
        return render_template("paper_pick_list.html", packing=chosen(), back=_back())

    @views.get("/print/pick-list.pdf")
    def pick_list_file() -> Response:
        # Slow to import, and few processes ever print.
        from pipeline.console.paper_pdf import pick_list_pdf

        orders = chosen()
        return as_pdf(lambda: pick_list_pdf(orders, now()), "pick-list")

    def disclosed() -> tuple[Packing, dict[int, Address]]:
        """The orders with where their parcels go; the security log and each order say so."""
        why = request.form.get("why", "")
        if why not in REASONS:
            abort(400, _("Choose why you need the addresses: the security log keeps the reason."))
        orders = chosen()
        corrections = Corrections(sessions, vault, parse_report, signature(now()))
        addresses, refused = corrections.for_packing(orders.orders, why)
        left_out = [(one, refused[one.id]) for one in orders.orders if one.id in refused]
        return Packing(
            [one for one in orders.orders if one.id in addresses], [*orders.left_out, *left_out]
        ), dict(addresses)

    @views.post("/print/slips")
    def slips() -> str:
        from pipeline.console.paper_pdf import address_lines

        orders, addresses = disclosed()
        lines = {order_id: address_lines(address) for order_id, address in addresses.items()}
        return render_template("paper_slips.html", packing=orders, lines=lines, back=_back())

    @views.post("/print/slips.pdf")
    def slips_file() -> Response:
        from pipeline.console.paper_pdf import slips_pdf

        orders, addresses = disclosed()
        if not addresses:
            abort(409, _("None of these orders can be packed: their page says why."))
        return as_pdf(lambda: slips_pdf(orders, addresses, now()), "packing-slips")

    return views


def _back() -> str:
    return url_for("paper.choose") + "?" + request.query_string.decode()
