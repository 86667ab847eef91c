"""`/ship`: many orders shipped by a file. `/orders/ID/ship`: one order, in several parcels.

The file is read and checked; nothing of it is stored before the person has seen what would happen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import uuid4

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from pipeline.base.db import Sessions
from pipeline.base.vault import Vault
from pipeline.clients import offered_carriers
from pipeline.console.guard import current_person, role_required
from pipeline.console.languages import gettext as _
from pipeline.console.order_views import ORDER
from pipeline.console.reader import reader
from pipeline.console.sheets import FileKind, sheet
from pipeline.operations.acts.many_orders import BulkActs
from pipeline.operations.acts.many_parcels import begin_shipping, take_parcels_back
from pipeline.operations.acts.one_order import NotPossible
from pipeline.operations.acts.ship import (
    LONGEST,
    MOST_PARCELS,
    Parcel,
    ShipmentRequests,
    obstacle,
    requested_of,
    units_left,
)
from pipeline.operations.acts.shipping_check import CheckedRow, check_rows
from pipeline.operations.acts.shipping_file import (
    LARGEST,
    MOST_ROWS,
    TEMPLATE,
    NotReadable,
    read_file,
    read_written,
    written,
)
from pipeline.operations.lists.bulk_acts import Acts
from pipeline.operations.lists.orders import Listing
from pipeline.operations.lists.parcels import parcels_of
from pipeline.settings.model import Settings

Answer = AnyResponse | str | tuple[str, int]
USUAL_PARCELS = 2


def shipping_views(
    settings: Settings, sessions: Sessions, now: Callable[[], datetime]
) -> Blueprint:
    """The pages, for operators."""
    views = Blueprint("ship", __name__)
    vault = Vault(*settings.master_keys)
    acts = BulkActs(sessions, vault)

    @views.before_request
    @role_required("operator")
    def _operators_alone() -> None:
        """Every view of this blueprint requires the role."""

    def start(sentence: str = "") -> str:
        carriers = offered_carriers(next(iter(settings.accounts), ""))
        return render_template(
            "ship_file.html",
            sentence=sentence,
            carriers=carriers,
            most=MOST_ROWS,
            largest=LARGEST // 1024,
        )

    def preview(file: str, checked: Sequence[CheckedRow], sentence: str = "") -> str:
        good = [each for each in checked if not each.mistake]
        return render_template(
            "ship_preview.html",
            sentence=sentence,
            good=good,
            orders=len({each.order_id for each in good}),
            bad=[each for each in checked if each.mistake],
            file=file,
            token=uuid4().hex,
        )

    @views.get("/ship")
    def file() -> str:
        return start()

    @views.get("/ship/template.csv")
    def template() -> Response:
        return _as_csv("\ufeff" + TEMPLATE, "shipments.csv")

    @views.post("/ship")
    def check() -> Answer:
        """Show what the file would do. Nothing is stored."""
        given = request.files.get("file")
        content = given.read(LARGEST + 1) if given is not None else b""
        if not content:
            return start(_("Nothing was read: choose a file first.")), 400
        try:
            rows = read_file(content)
            file = written(rows)
        except NotReadable as error:
            return start(_("Nothing was shipped: %(why)s.") % {"why": error}), 400
        return preview(file, check_rows(sessions, rows))

    @views.post("/ship/begin")
    def begin() -> Answer:
        """Ship the rows that the person has seen without a mistake."""
        file = request.form.get("file", "")
        try:
            rows = read_written(file)
        except NotReadable as error:
            return start(_("Nothing was shipped: %(why)s.") % {"why": error}), 400
        checked = check_rows(sessions, rows)
        if request.form.get("seen") != str(sum(not each.mistake for each in checked)):
            sentence = _("Nothing was shipped: orders have changed meanwhile. Look at it again.")
            return preview(file, checked, sentence), 409
        try:
            act_id = begin_shipping(
                sessions,
                vault,
                checked,
                author=current_person().name,
                now=now(),
                token=request.form.get("token", "").replace("\x00", "")[:64] or uuid4().hex,
            )
        except NotPossible as error:
            sentence = _("Nothing was shipped: %(why)s.") % {"why": error}
            return preview(file, checked, sentence), 409
        return redirect(url_for("bulk.progress", act_id=act_id), 303)

    @views.get("/bulk/<row_id:act_id>/parcels.csv")
    def result(act_id: int) -> Response:
        """What became of each row, as a file."""
        progress = Acts(sessions).progress(act_id)
        if progress is None:
            abort(404, _("There is no such bulk job."))
        names = ("row", "order", "carrier", "tracking", "items", "state", "why")
        rows = [
            (
                *(str(row.line), row.external_id, row.carrier, row.tracking_number, row.items),
                *(str(row.state), row.why),
            )
            for row in parcels_of(sessions, progress.act).rows
        ]
        parts = sheet(FileKind.CSV, names, [rows], reader())
        return _as_csv(b"".join(parts).decode(), f"shipments-{act_id}.csv")

    @views.post("/bulk/<row_id:act_id>/take-back")
    def take_back(act_id: int) -> AnyResponse:
        """Stop the job, and take back the parcels that are not with Magento yet."""
        taken = take_parcels_back(acts, sessions, act_id, author=current_person().name, now=now())
        if taken is None:
            abort(404, _("There is no such bulk job that ships."))
        where = url_for("bulk.progress", act_id=act_id, taken=taken.parcels, left=taken.left)
        return redirect(where, 303)

    def parcels_page(order_id: int, sentence: str = "") -> str:
        order = Listing(sessions).order(order_id)
        if order is None:
            abort(404, _("There is no such order."))
        count = _number(request.values.get("parcels", ""), USUAL_PARCELS)
        return render_template(
            "ship_order.html",
            order=order,
            left=units_left(order),
            obstacle=obstacle(order),
            requested=requested_of(sessions, order_id),
            carriers=offered_carriers(order.account),
            count=min(max(count, 1), MOST_PARCELS),
            most=MOST_PARCELS,
            longest=LONGEST,
            skus={item.external_item_id: item.sku for item in order.items},
            sentence=sentence,
        )

    @views.get(f"{ORDER}/ship")
    def parcels(order_id: int) -> str:
        return parcels_page(order_id)

    @views.post(f"{ORDER}/parcels")
    def request_parcels(order_id: int) -> Answer:
        order = Listing(sessions).order(order_id)
        if order is None:
            abort(404, _("There is no such order."))
        lines = [item.external_item_id for item in order.items]
        try:
            ShipmentRequests(sessions, vault, current_person().name, now()).ask(
                order_id, *_parcels_of_the_form(lines)
            )
        except NotPossible as error:
            sentence = _("Nothing was shipped: %(why)s.") % {"why": error}
            return parcels_page(order_id, sentence), 409
        return redirect(url_for("order.shown", order_id=order_id, said="ship"), 303)

    return views


def _parcels_of_the_form(lines: Sequence[str]) -> list[Parcel]:
    """The parcels that somebody has filled in. Raises NotPossible for a number of units that is
    none."""
    given = request.form
    parcels = []
    for place in range(1, _number(given.get("parcels", ""), 0) + 1):
        units: dict[str, int] = {}
        for at, line in enumerate(lines):
            text = given.get(f"units-{place}-{at}", "").strip()
            count = _number(text or "0", -1)
            if count < 0:
                raise NotPossible(_("“%(text)s” is no number of units") % {"text": text[:20]})
            if count:
                units[line] = count
        carrier, number, title = (
            given.get(f"{name}-{place}", "").replace("\x00", "").strip()
            for name in ("carrier", "tracking", "title")
        )
        if units or number:
            parcels.append(Parcel(carrier, number, title, units))
    return parcels


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else otherwise


def _as_csv(text: str, name: str) -> Response:
    return Response(
        text,
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
