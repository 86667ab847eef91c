"""`/`: Today, the first page. Its charts, as JSON and as tables, and the months as a file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import NamedTuple

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from pipeline.base.db import Sessions
from pipeline.base.incidents import Incidents
from pipeline.console import words
from pipeline.console.languages import gettext as _
from pipeline.console.reader import reader
from pipeline.console.sheets import FileKind, SheetValue, sheet
from pipeline.invoices.uploads import waiting as waiting_invoices
from pipeline.operations.lists import settlements
from pipeline.operations.lists.columns import Price
from pipeline.operations.lists.filters import Filters, ShipBy
from pipeline.operations.lists.invoices import WhichInvoice
from pipeline.operations.lists.remedies import FIXES
from pipeline.operations.today.attention import held, to_ship, worth
from pipeline.operations.today.charts import DAYS, Charts, Values, charts
from pipeline.operations.today.comparison import accounts
from pipeline.operations.today.fees import AccountFees, account_fees
from pipeline.operations.today.figures import Span
from pipeline.operations.today.months import Month, months
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Status
from pipeline.settings.model import Settings

KEPT_FOR = timedelta(minutes=1)
REASONS = 6
"""How many reasons the page names; all of them are on the page Held."""
MONTHS = 13
"""A year, and the same month of the year before."""
_SHIP_BY = {when: Filters(ship_by=when) for when in (ShipBy.OVERDUE, ShipBy.DAY, ShipBy.TWO_DAYS)}
_INVOICES = Filters(invoice=WhichInvoice.NEEDS_A_PERSON)
_CANCELS = Filters(Status.HELD, reason=HoldCode.BUYER_WANTS_TO_CANCEL)


class Chart(NamedTuple):
    """A chart in the reader's language. `kind` is bars or lines; `unit` is orders, minutes or
    percent; each series is a name and a value for each day."""

    key: str
    title: str
    note: str
    kind: str
    unit: str
    series: list[tuple[str, Values]]


def today_views(settings: Settings, sessions: Sessions, now: Callable[[], datetime]) -> Blueprint:
    """The first page and its figures."""
    views = Blueprint("today", __name__)
    incidents = Incidents(sessions)
    kept: dict[str, tuple[datetime, Charts]] = {}
    guard = Lock()

    def latest_charts() -> Charts:
        """The charts of the reader's days, computed at most once a minute for each time zone."""
        zone, at = reader().zone, now()
        with guard:
            for name in [name for name, (since, _) in kept.items() if at - since > KEPT_FOR]:
                del kept[name]
            if zone.key not in kept:
                with sessions() as session:
                    made = charts(session, Span.of_days(DAYS, at, zone), tuple(settings.shops))
                kept[zone.key] = at, made
            return kept[zone.key][1]

    def fees() -> list[AccountFees]:
        """The fees, for the page but not for the part of it that refreshes itself."""
        open_now = [one.key for one in incidents.all_open()]
        with sessions() as session:
            return account_fees(session, settings, open_now, now())

    @views.get("/")
    def page() -> Response | str:
        """Today. The list of orders was here once: its bookmarks lead to it still."""
        if request.args.keys() - {"fragment"}:
            return redirect(f"{url_for('orders.tab')}?{request.query_string.decode()}")
        at = now()
        with sessions() as session:
            all_held, ship = held(session), to_ship(session, at)
            every_account = accounts(session, settings)
            last_settlement = next(iter(settlements.newest(session, 1)), None)
        cancels = sum(one.orders for one in all_held if one.code == HoldCode.BUYER_WANTS_TO_CANCEL)
        return render_template(
            "today.html",
            at=at,
            held=all_held[:REASONS],
            reasons=len(all_held),
            held_orders=sum(one.orders for one in all_held),
            worth=worth(all_held),
            fixes=FIXES,
            ship=ship,
            ship_by=_SHIP_BY,
            overdue=ShipBy.OVERDUE,
            day=ShipBy.DAY,
            two_days=ShipBy.TWO_DAYS,
            cancels=cancels,
            cancel_requests=_CANCELS,
            invoices=sum(waiting_invoices(sessions).values()),
            with_invoice=_INVOICES,
            incidents=incidents.all_open(),
            accounts=every_account,
            settlement=last_settlement,
            settlement_state=settlements.state,
            settlement_difference=settlements.difference,
            every_minutes=max(1, round(settings.timing.poll_every_s / 60)),
            fees=fees,
        )

    @views.get("/today/figures.json")
    def figures() -> Response:
        """The charts for the script that draws them."""
        made = latest_charts()
        return jsonify(
            days=[day.isoformat() for day in made.days],
            charts=[chart._asdict() for chart in _told(made)],
        )

    @views.get("/today/figures")
    def tables() -> str:
        """The same as tables, for a browser without scripts."""
        made = latest_charts()
        return render_template("today_figures.html", days=made.days, charts=_told(made))

    @views.get("/today/months.csv")
    @views.get("/today/months.xlsx", endpoint="months_in_excel")
    def by_month() -> Response:
        """The last 13 months by month, currency and channel."""
        kind = FileKind.of(request.path, request.args.get("format", ""))
        who = reader()
        with sessions() as session:
            found = months(session, Span.of_months(MONTHS, now(), who.zone), tuple(settings.shops))
        name = f"months-{now():%Y%m%d}.{kind.extension}"
        return Response(
            sheet(kind, list(_MONTH), [[_cells(one) for one in found]], who),
            mimetype=kind.mimetype,
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    return views


_MONTH: dict[str, Callable[[Month], SheetValue]] = {
    "month": lambda one: f"{one.month:%Y-%m}",
    "currency": lambda one: one.currency,
    "channel": lambda one: one.channel,
    "orders": lambda one: one.orders,
    "cancelled": lambda one: one.cancelled,
    "total": lambda one: Price(one.total, one.currency) if one.currency else "",
    "to_magento_median_min": lambda one: _minutes(one.to_magento, 0),
    "to_magento_p90_min": lambda one: _minutes(one.to_magento, 1),
    "to_confirmed_median_min": lambda one: _minutes(one.to_confirmed, 0),
    "to_confirmed_p90_min": lambda one: _minutes(one.to_confirmed, 1),
    "due_to_ship": lambda one: one.due,
    "shipped_on_time": lambda one: one.in_time,
}


def _minutes(both: tuple[float, float] | None, which: int) -> Decimal | None:
    return Decimal(f"{both[which]:.1f}") if both else None


def _cells(one: Month) -> list[SheetValue]:
    return [value(one) for value in _MONTH.values()]


def _told(made: Charts) -> list[Chart]:
    def both(values: tuple[Values, Values]) -> list[tuple[str, Values]]:
        return [(_("Half of them within"), values[0]), (_("90 of 100 within"), values[1])]

    return [
        Chart(
            "orders",
            _("Orders per day"),
            _("By the day of the purchase."),
            "bars",
            "orders",
            list(made.orders.items()),
        ),
        Chart(
            "to-magento",
            _("From purchase to Magento"),
            _("Orders that you ship, by the day of the purchase."),
            "lines",
            "minutes",
            both(made.to_magento),
        ),
        Chart(
            "on-time",
            _("Shipped on time"),
            _("Of the orders that had to leave that day."),
            "lines",
            "percent",
            [(_("On time"), made.on_time)],
        ),
        Chart(
            "to-confirmed",
            _("From shipment to confirmation"),
            _("Until Amazon accepted it, by the day of the confirmation."),
            "lines",
            "minutes",
            both(made.to_confirmed),
        ),
        Chart(
            "held",
            _("Held now"),
            _("By reason and the day of the purchase."),
            "bars",
            "orders",
            [
                (words.spaced(code) if code else _("other reasons"), values)
                for code, values in made.held.items()
            ],
        ),
    ]
