"""`/orders.csv` and `/orders.xlsx`: all orders of a filter, as a file for a spreadsheet.

Its orders are those of the moment when it was asked for, each as it is when its slice is read. No
transaction is open while a browser reads, and no more than a slice is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from flask import Blueprint, Response, abort, request

from pipeline.base.db import Sessions
from pipeline.base.security_log import Action, Signature
from pipeline.base.vault import Vault
from pipeline.clients import parse_report
from pipeline.console.guard import current_person, role_required, signature
from pipeline.console.languages import gettext as _
from pipeline.console.languages import later
from pipeline.console.orders_tab import asked_by, readable
from pipeline.console.reader import reader
from pipeline.console.saved_files import SavedFiles
from pipeline.console.sheets import FileKind, sheet
from pipeline.console.words import number
from pipeline.console.xlsx import MOST_ROWS
from pipeline.intake.buyer_index import Buyers
from pipeline.operations.lists.columns import IN_CSV, Value
from pipeline.operations.lists.filters import Filters
from pipeline.operations.lists.orders import Listing
from pipeline.operations.lists.stores import stores
from pipeline.settings.model import Settings

REASONS = (
    later("shipping"),
    later("customer service"),
    later("accounting"),
    later("a request of an authority"),
    later("other"),
)
"""Why somebody may export names. They are chosen and not typed, since the security log keeps them
longer than a buyer's name may be kept."""


def csv_views(
    settings: Settings, sessions: Sessions, now: Callable[[], datetime], files: SavedFiles
) -> Blueprint:
    """The files, without the buyers' names and with them."""
    views = Blueprint("csv", __name__)
    listing = Listing(sessions)
    vault = Vault(*settings.master_keys)
    buyers = Buyers(sessions, vault, parse_report)
    every_store = stores(settings)

    def slices(
        ids: Sequence[int], by: Signature | None, facts: Mapping[str, str]
    ) -> Iterator[Sequence[Sequence[Value]]]:
        for orders in listing.read(ids):
            if by is not None:
                shown = [order.id for order in orders]
                names = buyers.tell(shown, Action.NAMES_EXPORTED, by, **facts)
                orders = [
                    replace(order, buyer=names.get(order.id, order.buyer)) for order in orders
                ]
            yield [[column.value(order, settings) for column in IN_CSV] for order in orders]

    def asked() -> Filters:
        return readable(asked_by(current_person(), vault, every_store))

    def answer(ids: Sequence[int], by: Signature | None, **facts: str) -> Response:
        kind = FileKind.of(request.path, request.args.get("format", ""))
        if kind is FileKind.EXCEL and len(ids) > MOST_ROWS:
            abort(400, _("Excel opens %(most)s rows at most: save a CSV.", most=number(MOST_ROWS)))
        parts = sheet(kind, [column.name for column in IN_CSV], slices(ids, by, facts), reader())
        return files.answer(kind, parts, f"orders-{now():%Y%m%d-%H%M}")

    @views.get("/orders.csv")
    @views.get("/orders.xlsx", endpoint="excel")
    def masked() -> Response:
        """The file with the buyers' initials."""
        return answer(listing.matching(asked()), None)

    @views.post("/orders.csv")
    @views.post("/orders.xlsx", endpoint="excel_with_names")
    @role_required("operator")
    def with_names() -> Response:
        """The file with the buyers' names; the security log and every order say so."""
        filters, why = asked(), request.form.get("why", "")
        if why not in REASONS:
            abort(
                400,
                _("Choose why you need the buyers’ names: the security log keeps the reason."),
            )
        most = settings.console.names_per_export
        ids = listing.matching(filters, most + 1)
        if len(ids) > most:
            abort(
                400,
                _(
                    "A file with names may have %(most)s orders, and these are more: narrow the "
                    "filters, or save them without names.",
                    most=number(most),
                ),
            )
        return answer(ids, signature(now()), why=why)

    @views.app_context_processor
    def _for_the_form() -> dict[str, object]:
        return {"export_reasons": REASONS}

    return views
