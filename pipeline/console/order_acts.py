"""The actions on an order's page. Each action writes only the order's row and a note: the workers
do the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response

from pipeline.base.db import Sessions
from pipeline.base.row_ids import row_id
from pipeline.base.security_log import Signature
from pipeline.base.vault import Vault
from pipeline.clients import parse_report
from pipeline.console.guard import current_person, role_required, signature
from pipeline.console.languages import gettext as _
from pipeline.console.order_views import ORDER, Page, chosen_step
from pipeline.console.words import local
from pipeline.invoices.acts import CannotUpload, ignore, upload_again
from pipeline.operations.acts.address import FIELDS, Corrections
from pipeline.operations.acts.assign import assign
from pipeline.operations.acts.erase import NO_REFERENCE, Erasure, NoReference, of_orders
from pipeline.operations.acts.made_at_amazon import settle
from pipeline.operations.acts.map_sku import Doubtful, SkuDecisions
from pipeline.operations.acts.mentions import mentioned
from pipeline.operations.acts.money import ask_for_money
from pipeline.operations.acts.one_order import LONGEST_NOTE, LONGEST_WHY, Decisions, NotPossible
from pipeline.operations.acts.refunds import RefundDecisions
from pipeline.operations.acts.ship import Parcel, ShipmentRequests
from pipeline.operations.acts.shop_product import HasProduct
from pipeline.operations.acts.stated_value import StatedValues
from pipeline.operations.lists.deeds import Deed, acts_since
from pipeline.operations.lists.orders import Listing
from pipeline.operations.preview.replay import NotPossible as CannotReplay
from pipeline.operations.preview.replay import replay
from pipeline.orders.machine import Orders
from pipeline.settings.marketplace import CancelReason
from pipeline.settings.model import Settings
from pipeline.settings.roles import Role

_LONGEST = 300
# They decide nothing, so that it does not matter what others did meanwhile.
_ANY_TIME = ("note", "read-money")


@dataclass(frozen=True, slots=True)
class _Hand:
    """What an action needs: database, settings, author and time."""

    sessions: Sessions
    settings: Settings
    vault: Vault
    author: str
    now: datetime
    has_product: HasProduct | None

    @property
    def signature(self) -> Signature:
        return signature(self.now)

    @property
    def decisions(self) -> Decisions:
        return Decisions(self.sessions, self.vault, self.author, self.now, self.settings.accounts)

    @property
    def shipment_requests(self) -> ShipmentRequests:
        return ShipmentRequests(self.sessions, self.vault, self.author, self.now)

    @property
    def worths(self) -> StatedValues:
        return StatedValues(self.sessions, self.vault, self.author, self.now)

    @property
    def refunds(self) -> RefundDecisions:
        return RefundDecisions(self.sessions, self.vault, self.signature)

    @property
    def corrections(self) -> Corrections:
        return Corrections(self.sessions, self.vault, parse_report, self.signature)


def act_views(
    settings: Settings,
    sessions: Sessions,
    now: Callable[[], datetime],
    page: Page,
    has_product: HasProduct | None,
) -> Blueprint:
    """Each action as `POST /orders/ID/ACT`; the order's page then shows its result."""
    views, vault = Blueprint("act", __name__), Vault(*settings.master_keys)

    def view(name: str, act: _Act) -> Callable[[int], Response | tuple[str, int]]:
        def do(order_id: int) -> Response | tuple[str, int]:
            if Listing(sessions).order(order_id) is None:
                abort(404, _("There is no such order."))
            if name not in _ANY_TIME and (done := _done_meanwhile(sessions, order_id)):
                return page.show(order_id, refusal=_meanwhile(done)), 409
            try:
                hand = _Hand(sessions, settings, vault, current_person().name, now(), has_product)
                act(hand, order_id)
            except Doubtful as error:
                sentence = _(
                    "Nothing was saved: %(why)s. Tick “all the same” to save it.", why=error
                )
                return page.show(order_id, refusal=sentence, is_doubtful=True), 409
            except (NotPossible, CannotReplay) as error:
                typed = {key: request.form[key] for key in FIELDS if key in request.form}
                sentence = _("Nothing was changed: %(why)s.", why=error)
                shown = page.show(
                    order_id, refusal=sentence, refused_act=name, address=typed or None
                )
                return shown, 409
            return redirect(url_for("order.shown", order_id=order_id, said=name), 303)

        return do

    for name, act in _ACTS.items():
        views.add_url_rule(f"{ORDER}/{name}", name, view(name, act), methods=["POST"])
    return views


_Act = Callable[[_Hand, int], object]


def _done_meanwhile(sessions: Sessions, order_id: int) -> Sequence[Deed]:
    """What people did to the order after the form's page was loaded."""
    seen = row_id(request.form.get("seen", ""))
    return [] if seen is None else acts_since(sessions, order_id, seen)


def _meanwhile(done: Sequence[Deed]) -> str:
    acts = "; ".join(
        _("%(act)s, by %(person)s, %(time)s", act=one.text, person=one.author, time=local(one.at))
        for one in done
    )
    return _(
        "Nothing was done: the order has changed since you loaded its page. Meanwhile: %(acts)s.",
        acts=acts,
    )


def _text(name: str, longest: int = _LONGEST) -> str:
    """A field of the form without NUL, which PostgreSQL cannot store."""
    return request.form.get(name, "").replace("\x00", "").strip()[:longest]


def _release(hand: _Hand, order_id: int) -> None:
    machine = Orders(hand.sessions, hand.vault, hand.settings.timing)
    if not machine.release(order_id, author=hand.author, now=hand.now):
        raise NotPossible("it is neither waiting nor held any more")


def _note(hand: _Hand, order_id: int) -> None:
    text = _text("text", LONGEST_NOTE + 1)
    hand.decisions.note(order_id, text, mentioned(hand.sessions, text))


def chosen_person() -> int | None:
    """The person whom a form names; None for nobody. Answers 400 to anything else."""
    if "me" in request.form:
        return current_person().id
    text = request.form.get("person", "")
    person_id = row_id(text)
    if text and person_id is None:
        abort(400, "The form names nobody. Load its page again.")
    return person_id


def _assign(hand: _Hand, order_id: int) -> None:
    assign(hand.sessions, [order_id], chosen_person(), author=hand.author, now=hand.now)


def _hold(hand: _Hand, order_id: int) -> None:
    hand.decisions.hold(order_id, _text("why", LONGEST_WHY + 1))


def _cancel(hand: _Hand, order_id: int) -> None:
    reason = request.form.get("reason", "")
    if reason not in get_args(CancelReason):
        abort(400, _("Amazon knows no such reason."))
    hand.decisions.cancel(order_id, reason)


def _ship(hand: _Hand, order_id: int) -> None:
    parcel = Parcel(_text("carrier"), _text("tracking"), _text("title"))
    hand.shipment_requests.ask(order_id, parcel)


def _transparency(hand: _Hand, order_id: int) -> None:
    hand.decisions.transparency(order_id, _text("item"), _text("codes", 20_000).split())


def _map_sku(hand: _Hand, order_id: int) -> None:
    order = Listing(hand.sessions).order(order_id)
    if order is None:
        raise NotPossible("it has just been deleted")
    decisions = SkuDecisions(
        hand.sessions, hand.settings.accounts, hand.author, hand.now, hand.has_product
    )
    amazon_sku, magento_sku = (request.form.get(name, "") for name in ("amazon_sku", "magento_sku"))
    anyway = "anyway" in request.form
    decisions.sell_as(order.account, amazon_sku, magento_sku, anyway=anyway)


def _correct(hand: _Hand, order_id: int) -> None:
    changes = {name: _text(name) for name in FIELDS if name in request.form}
    hand.corrections.correct(order_id, changes)


def _worth(hand: _Hand, order_id: int) -> None:
    hand.worths.say(order_id, _text("amount"), _text("currency"), _text("why"))


def _replay(hand: _Hand, order_id: int) -> None:
    replay(hand.sessions, order_id, chosen_step(), author=hand.author, now=hand.now)


def _refund() -> int:
    """The refund that a form names. Answers 400 to anything else."""
    refund_id = row_id(request.form.get("refund", ""))
    if refund_id is None:
        abort(400, _("The form names no refund. Load its page again."))
    return refund_id


@role_required(Role.ADMIN)
def _purge(hand: _Hand, order_id: int) -> None:
    also_live = "also-live" in request.form
    erasure = Erasure(hand.sessions, of_orders([order_id]), also_live=also_live)
    try:
        done = erasure.run(hand.signature, _text("why"))
    except NoReference:
        raise NotPossible(NO_REFERENCE) from None
    if done.kept:
        raise NotPossible("it is not in Magento yet, so it would end: confirm that as well")
    if done.busy:
        raise NotPossible("a step is running right now: try again in a moment")
    if not done.erased:
        raise NotPossible("its personal data was purged")


def _upload_invoice(hand: _Hand, order_id: int) -> None:
    try:
        upload_again(
            *(hand.sessions, hand.vault, order_id, hand.signature),
            increment_id=_text("invoice") or None,
        )
    except CannotUpload as error:
        raise NotPossible(str(error)) from None


def _read_money(hand: _Hand, order_id: int) -> None:
    order = Listing(hand.sessions).order(order_id)
    if order is None:
        raise NotPossible("it has just been deleted")
    ask_for_money(hand.sessions, hand.settings.accounts, order, hand.now)


def _ignore_invoice(hand: _Hand, order_id: int) -> None:
    try:
        ignore(hand.sessions, hand.vault, order_id, hand.signature)
    except CannotUpload as error:
        raise NotPossible(str(error)) from None


_ACTS: Mapping[str, _Act] = {
    "release": _release,
    "hold": _hold,
    "note": _note,
    "assign": _assign,
    "cancel": _cancel,
    "keep": lambda hand, order_id: hand.decisions.withdraw(order_id),
    "ship": _ship,
    "withdraw-shipment": lambda hand, order_id: hand.shipment_requests.withdraw(order_id),
    "dismiss": lambda hand, order_id: hand.decisions.dismiss(order_id, _text("why")),
    "take-up": lambda hand, order_id: hand.decisions.take_up_again(order_id),
    "confirm-anyway": lambda hand, order_id: hand.decisions.confirm_anyway(order_id),
    "map-sku": _map_sku,
    "transparency": _transparency,
    "address": _correct,
    "amazons-address": lambda hand, order_id: hand.corrections.withdraw(order_id),
    "worth": _worth,
    "withdraw-worth": lambda hand, order_id: hand.worths.withdraw(order_id),
    "replay": _replay,
    "purge": _purge,
    "refund": lambda hand, order_id: hand.refunds.send(order_id, _refund(), _text("total")),
    "prepare-refund": lambda hand, order_id: hand.refunds.prepare(order_id, _refund()),
    "no-refund": lambda hand, order_id: hand.refunds.dismiss(order_id, _refund()),
    "settle-refund": lambda hand, order_id: settle(
        hand.sessions, hand.vault, order_id, hand.signature
    ),
    "undo-refund": lambda hand, order_id: hand.refunds.take_back(order_id, _refund()),
    "upload-invoice": _upload_invoice,
    "read-money": _read_money,
    "ignore-invoice": _ignore_invoice,
}
