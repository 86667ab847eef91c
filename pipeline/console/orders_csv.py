"""`/orders.csv`: all orders of a filter, as a file for a spreadsheet.

Its orders are those of the moment when it was asked for, each as it is when its slice is read. No
transaction is open while a browser reads, and no more than a slice is in memory.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from threading import BoundedSemaphore

from flask import Blueprint, Response, abort, request

from pipeline.base.db import Sessions
from pipeline.base.money import written
from pipeline.base.security_log import Action, Signature
from pipeline.base.vault import Vault
from pipeline.clients import parse_report
from pipeline.console.guard import current_person, role_required, signature
from pipeline.console.orders_tab import asked_by, readable
from pipeline.intake.buyer_index import Buyers
from pipeline.operations.lists.columns import IN_CSV, Price, Quantities, Value
from pipeline.operations.lists.filters import Filters
from pipeline.operations.lists.orders import Listed, Listing
from pipeline.operations.lists.stores import stores
from pipeline.settings.model import Settings

REASONS = ("shipping", "customer service", "accounting", "a request of an authority", "other")
"""Why somebody may export names. They are chosen and not typed, since the security log keeps them
longer than a buyer's name may be kept."""
AT_ONCE = 2
"""How many files are saved at once: each holds a thread of the console until its browser has it."""
# A spreadsheet takes a text that begins with one of these for a formula. NFKC makes them of their
# full-width and small forms.
_FORMULA = frozenset("=+-@\u2212")
# What a spreadsheet, or whoever cleans its cells, takes away before: quotes, beside blanks, control
# characters and what has no width.
_QUOTES = frozenset("'\"`´\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f")


def csv_views(settings: Settings, sessions: Sessions, now: Callable[[], datetime]) -> Blueprint:
    """The file, without the buyers' names and with them."""
    views = Blueprint("csv", __name__)
    listing = Listing(sessions)
    vault = Vault(*settings.master_keys)
    buyers = Buyers(sessions, vault, parse_report)
    every_store = stores(settings)
    places = BoundedSemaphore(AT_ONCE)

    def row(order: Listed) -> Sequence[str]:
        return [_cell(column.value(order, settings)) for column in IN_CSV]

    def lines(ids: Sequence[int], by: Signature | None, facts: Mapping[str, str]) -> Iterator[str]:
        # The byte order mark, by which a spreadsheet recognises UTF-8.
        yield "\ufeff" + _csv([[column.name for column in IN_CSV]])
        for orders in listing.read(ids):
            if by is not None:
                shown = [order.id for order in orders]
                names = buyers.tell(shown, Action.NAMES_EXPORTED, by, **facts)
                orders = [
                    replace(order, buyer=names.get(order.id, order.buyer)) for order in orders
                ]
            yield _csv([row(order) for order in orders])

    def asked() -> Filters:
        return readable(asked_by(current_person(), vault, every_store))

    def answer(ids: Sequence[int], by: Signature | None, **facts: str) -> Response:
        if not places.acquire(blocking=False):
            abort(503, f"{AT_ONCE} files are being saved already. Try again when one is ready.")
        place = ExitStack()
        place.callback(places.release)

        def in_its_place() -> Iterator[str]:
            with place:
                yield from lines(ids, by, facts)

        name = f"orders-{now():%Y%m%d-%H%M}.csv"
        response = Response(
            in_its_place(),
            mimetype="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
        response.call_on_close(place.close)
        return response

    @views.get("/orders.csv")
    def masked() -> Response:
        """The file with the buyers' initials."""
        return answer(listing.matching(asked()), None)

    @views.post("/orders.csv")
    @role_required("operator")
    def with_names() -> Response:
        """The file with the buyers' names; the security log and every order say so."""
        filters, why = asked(), request.form.get("why", "")
        if why not in REASONS:
            abort(400, "Choose why you need the buyers’ names: the security log keeps the reason.")
        most = settings.console.names_per_export
        ids = listing.matching(filters, most + 1)
        if len(ids) > most:
            abort(
                400,
                f"A file with names may have {most:,} orders, and these are more: narrow the "
                "filters, or save them without names.",
            )
        return answer(ids, signature(now()), why=why)

    @views.app_context_processor
    def _for_the_form() -> dict[str, object]:
        return {"export_reasons": REASONS}

    return views


def _csv(rows: Sequence[Sequence[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()


def _cell(value: Value) -> str:
    match value:
        case None:
            return ""
        case str():
            return spreadsheet_text(value)
        case datetime():
            return _time(value)
        case Price():
            return written(value.amount, value.currency)
        case Quantities():
            return spreadsheet_text(
                "; ".join(f"{quantity} x {sku}" for sku, quantity in value.pairs)
            )
        case _:
            return spreadsheet_text("; ".join(value))


def spreadsheet_text(value: str) -> str:
    """The text, with an apostrophe that keeps a spreadsheet from calculating a remote's text."""
    signs = (unicodedata.normalize("NFKC", sign)[0] for sign in value)
    first = next((sign for sign in signs if not _is_skipped(sign)), "")
    return f"'{value}" if first in _FORMULA or value[:1] in ("\t", "\r", "\n") else value


def _is_skipped(sign: str) -> bool:
    return sign in _QUOTES or unicodedata.category(sign)[0] in "ZCM"


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
