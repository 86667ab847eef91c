"""`/orders/ID`: an order, its buyer's data on request, and the preview of a replay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from flask import Blueprint, abort, render_template, request

from pipeline.base.db import Sessions
from pipeline.base.vault import Vault
from pipeline.clients import offered_carriers, parse_report, shown_carrier
from pipeline.console.guard import allows, signature
from pipeline.console.languages import gettext as _
from pipeline.console.reader import reader
from pipeline.finances.order_money import OrderMoney, order_money
from pipeline.finances.store import transactions_of
from pipeline.invoices.uploads import of_orders
from pipeline.operations.acts.address import FIELDS, Corrections, Disclosed, field_of
from pipeline.operations.acts.money import MoneyReading, money_reading, reads_money
from pipeline.operations.acts.offered import OrderAct, mappable, offered_acts
from pipeline.operations.acts.one_order import LONGEST_NOTE, NotPossible
from pipeline.operations.acts.primary import primary_act
from pipeline.operations.acts.ship import requested_of
from pipeline.operations.lists.buyer import masked
from pipeline.operations.lists.deeds import last_act
from pipeline.operations.lists.mapped_skus import sold_as
from pipeline.operations.lists.milestones import milestones
from pipeline.operations.lists.money_trail import Stage, money_trail
from pipeline.operations.lists.order_facts import proof, store_code
from pipeline.operations.lists.orders import Listed, Listing
from pipeline.operations.lists.remedies import FIXES
from pipeline.operations.lists.returns import returns_of
from pipeline.operations.lists.timeline import timeline, trace_of
from pipeline.operations.preview.replay import NotPossible as CannotReplay
from pipeline.operations.preview.replay import Preview
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.decision_table import STILL_TO_SHIP
from pipeline.orders.machine import SHIPPING_STEPS, STEPS
from pipeline.orders.package_tables import Shipment
from pipeline.orders.requested_shipment import RequestState
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from pipeline.orders.tables import LIVE, Order
from pipeline.settings.marketplace import CancelReason
from pipeline.settings.marketplaces import currency_of
from pipeline.settings.model import Settings, needs_seller_id
from pipeline.settings.roles import Role

ORDER = "/orders/<row_id:order_id>"
Previews = Callable[[int, str], Sequence[Preview]]
"""Returns what a replay of the order from the step would do. Raises CannotReplay."""
# The acts in the page's menu. What is hard to take back comes apart and last.
_EVERYDAY = (OrderAct.HOLD, OrderAct.REPLAY)
_DANGEROUS = (OrderAct.CANCEL, OrderAct.DISMISS, OrderAct.PURGE)


def after_act(name: str) -> str:
    """The sentence about the result of an act, by the name in the address of the redirect."""
    said: Mapping[str, str] = {
        "release": _("The order is retried now."),
        "hold": _("The order is held before its next step, until somebody retries it."),
        "note": _("The note is saved."),
        "assign": _("The order is assigned."),
        "cancel": _("Amazon is asked to cancel the order, with the next feed."),
        "keep": _("The cancellation is taken back."),
        "ship": _("The shipment is requested. The order is retried now."),
        "withdraw-shipment": _("The shipment is taken back. The order is retried now."),
        "dismiss": _("The order is ignored from now on: nothing more is done with it here."),
        "take-up": _("The order is resumed at the step where it was."),
        "confirm-anyway": _("Its packages are confirmed all the same. The order is retried now."),
        "map-sku": _("The SKU is mapped. All orders that waited for it are retried now."),
        "transparency": _("The codes are saved. The order is retried now."),
        "address": _("The address is corrected. The order is retried now."),
        "amazons-address": _("Amazon’s address is used again. The order is retried now."),
        "worth": _("The value is saved. The order is retried now."),
        "withdraw-worth": _("The value is taken back. The order is retried now."),
        "replay": _("The order is run again from the chosen step."),
        "refund": _("The refund goes to Amazon with the next feed."),
        "prepare-refund": _("The refund is prepared; its amounts are here in a minute."),
        "no-refund": _("Amazon is not told of this credit memo."),
        "settle-refund": _("Nothing more is needed for the refunds as they are now."),
        "undo-refund": _("The decision is taken back; the refund is prepared again."),
        "purge": _("The buyer’s data of this order is destroyed."),
        "read-money": _("Amazon is asked for the order’s money; it is here in a minute or two."),
        "upload-invoice": _("The invoice is uploaded to Amazon with the next run."),
        "ignore-invoice": _("No invoice of the order is uploaded to Amazon."),
    }
    return said.get(name, "")


@dataclass(frozen=True, slots=True)
class Page:
    """Renders the page of an order; views answer with it."""

    settings: Settings
    sessions: Sessions
    may_preview: bool
    now: Callable[[], datetime]

    def show(self, order_id: int, **more: Any) -> str:
        """The page, with the values of `more`. Answers 404 to an unknown order."""
        order = Listing(self.sessions).order(order_id)
        if order is None:
            abort(404, _("There is no such order."))
        requested = requested_of(self.sessions, order_id)
        possible = self._possible(order, requested)
        money, trail, last_read = self._money(order)
        shown: dict[str, Any] = {
            "order": order,
            "requested": [each for each in requested if each.state != RequestState.DONE],
            "carriers": offered_carriers(order.account),
            "buyer": masked(self.sessions, order_id),
            "proof": proof(order),
            "mappable": mappable(order),
            "invoice": of_orders(self.sessions, [order_id]).get(order_id),
            "sold_as": sold_as(self.sessions, order),
            "skus": {line.external_item_id: line.sku for line in order.items},
            "milestones": milestones(order, timeline(self.sessions, order)),
            "returned": returns_of(self.sessions, order),
            "today": self.now().astimezone(reader().zone).date(),
            "trace": trace_of(self.settings, order),
            "possible": possible,
            "primary": primary_act(order, possible),
            "everyday": [act for act in _EVERYDAY if act in possible],
            "dangerous": [act for act in _DANGEROUS if act in possible],
            "fixes": FIXES,
            "needs_buyer": order.status in LIVE and order.step not in SHIPPING_STEPS,
            "reasons": get_args(CancelReason),
            "cannot_cancel": self._cannot_cancel(order.account),
            "steps": STEPS[: STEPS.index(order.step) + 1],
            "longest_note": LONGEST_NOTE,
            "currency": order.currency or currency_of(order.marketplace_id) or "",
            "said": after_act(request.args.get("said", "")),
            "refusal": "",
            "refused_act": "",
            "is_doubtful": False,
            "disclosed": None,
            "address": None,
            "previews": None,
            "from_step": order.step,
            "last_act": last_act(self.sessions, order_id),
            "money": money,
            "trail": trail,
            "money_read": last_read,
            "may_read_money": allows(Role.OPERATOR)
            and reads_money(self.settings.accounts.get(order.account)),
        }
        return render_template("order.html", **{**shown, **more})

    def _money(
        self, order: Order
    ) -> tuple[Sequence[OrderMoney], Sequence[Stage], MoneyReading | None]:
        with self.sessions() as session:
            money = order_money(transactions_of(session, [order.id]).get(order.id, ()))
            reading = money_reading(session, order, self.now())
            return money, money_trail(session, order, money), reading

    def _possible(self, order: Order, requested: Sequence[RequestedShipmentRow]) -> set[str]:
        """The acts that the page offers to the person who asks."""
        if not allows(Role.OPERATOR):
            return set()
        acts: set[str] = set(offered_acts(self.sessions, order, requested))
        if not allows(Role.ADMIN):
            acts.discard(OrderAct.PURGE)
        if self.may_preview and OrderAct.REPLAY in acts:
            acts.add("preview")
        return acts

    def _cannot_cancel(self, account: str) -> str:
        own = self.settings.accounts.get(account)
        return needs_seller_id(account) if own is not None and not own.may_cancel else ""


def order_views(
    settings: Settings,
    sessions: Sessions,
    now: Callable[[], datetime],
    page: Page,
    previews: Previews | None = None,
) -> Blueprint:
    """The page; with `previews` it offers the preview of a replay."""
    views = Blueprint("order", __name__)
    vault = Vault(*settings.master_keys)

    def store(order: Order | Listed) -> str | None:
        return store_code(settings, order.account, order.marketplace_id, order.fulfilled_by)

    def urgency(order: Order | Listed) -> Literal["", "open", "late"]:
        """Whether Amazon still expects us to ship the order, and whether that is late."""
        is_ours = order.fulfilled_by == FulfilledBy.MERCHANT
        if not is_ours or order.ship_by_at is None or order.remote_status not in STILL_TO_SHIP:
            return ""
        return "late" if order.ship_by_at < now() else "open"

    def carrier(package: Shipment | RequestedShipmentRow) -> str:
        return shown_carrier(package.carrier_code, package.carrier_title)

    views.add_app_template_filter(spell)

    @views.app_context_processor
    def _for_all_templates() -> dict[str, object]:
        # The page's script reloads a fragment: the page without its frame.
        frame = "fragment.html" if "fragment" in request.args else "base.html"
        return {"frame": frame, "store": store, "urgency": urgency, "carrier": carrier}

    @views.get(ORDER)
    def shown(order_id: int) -> str:
        return page.show(order_id)

    @views.post(f"{ORDER}/buyer")
    def disclose(order_id: int) -> str | tuple[str, int]:
        """Show the buyer's data in this answer only; the security log records it."""
        corrections = Corrections(sessions, vault, parse_report, signature(now()))
        try:
            disclosed = corrections.disclose(order_id)
        except NotPossible as error:
            return page.show(order_id, refusal=cannot_show(error)), 409
        return page.show(order_id, disclosed=disclosed, address=_fields(disclosed))

    if previews is not None:

        @views.post(f"{ORDER}/preview")
        def preview(order_id: int) -> str | tuple[str, int]:
            """Show what a replay would do; nothing is written."""
            step = chosen_step()
            try:
                shown = previews(order_id, step)
            except CannotReplay as error:
                return page.show(order_id, refusal=cannot_show(error)), 409
            return page.show(order_id, previews=shown, from_step=step)

    return views


def spell(time: timedelta) -> str:
    """A span between two milestones: 40 s, 3 min, 5 h, 4 d."""
    seconds = round(time.total_seconds())
    if seconds < 60:
        return _("%(number)s s", number=seconds)
    if seconds < 3600:
        return _("%(number)s min", number=round(seconds / 60))
    if time < timedelta(days=2):
        return _("%(number)s h", number=round(seconds / 3600))
    return _("%(number)s d", number=time.days)


def chosen_step() -> str:
    """The step that a form names. Answers 400 to an unknown step."""
    step = request.form.get("step", "")
    if step not in STEPS:
        abort(400, _("There is no such step."))
    return step


def cannot_show(error: Exception) -> str:
    return _("That cannot be shown: %(why)s.", why=error)


def _fields(disclosed: Disclosed) -> dict[str, str]:
    return {name: field_of(disclosed.addresses.counts, name) for name in FIELDS}
