"""Explains why an order is, or is not, in Magento: its facts, its decision, and what is next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.finances.order_money import order_money
from pipeline.finances.store import transactions_of
from pipeline.monitoring.reconcile.tables import Difference
from pipeline.monitoring.reconcile.treat import FOR_A_PERSON
from pipeline.operations.acts.offered import OrderAct, offered_acts
from pipeline.operations.lists.mapped_skus import sold_as
from pipeline.operations.lists.money_trail import money_trail, sentences
from pipeline.operations.lists.timeline import trace_of
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.decision import Decision, Next
from pipeline.orders.decision_table import case_of, decide
from pipeline.orders.machine import STEPS
from pipeline.orders.outcome import HoldCode
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Effect, EffectState, Order, Status
from pipeline.settings.model import AccountSettings, Settings, Timing
from pipeline.settings.origin import origin
from pipeline.settings.overrides import overlaid, turns

# The marketplace settings that each step uses.
COUNTS: Mapping[str, tuple[str, ...]] = {
    "import_order": ("import_orders",),
    "verify_order": ("fba_orders", "pending_orders", "pending_reserve_days"),
    "enrich_order": ("unknown_sku", "sku_map", "out_of_stock", "unclear_totals", "tax"),
    "create_customer": ("customers", "welcome_mail", "customer_group"),
    "create_order": (
        *("magento_store", "fba_store", "order_number", "order_number_prefix"),
        *("fba_number_prefix", "prime_number_prefix", "b2b_number_prefix", "order_status"),
        *("stock", "invoice", "gift_wrap", "fba_lines", "order_comments"),
    ),
    "ship_order": ("cancel_from_amazon", "cancel_to_amazon", "cancel_reason"),
    "sync_tracking": (
        *("confirm_without_tracking", "returns", "refunds_to_amazon", "refund_reason"),
        *("refund_delay_minutes", "refund_at_most", "refund_gross"),
        *("refund_spread_adjustments", "refund_goodwill", "refunds_from_amazon"),
        *("invoices_to_amazon", "invoice_source", "invoice_totals"),
    ),
}
_ONLY_FBA = frozenset({"fba_orders", "fba_store", "fba_number_prefix", "fba_lines"})
_ONLY_FBM = frozenset(
    {
        *("pending_orders", "pending_reserve_days", "out_of_stock", "order_status", "stock"),
        *("cancel_to_amazon", "cancel_reason", "confirm_without_tracking"),
        *("prime_number_prefix", "refunds_to_amazon", "refund_reason", "refund_delay_minutes"),
        *("refund_at_most", "refund_gross", "refund_spread_adjustments", "refund_goodwill"),
    }
)
_NO_ACCOUNT = (
    "Its account {} is not in the configuration: it was renamed or removed, and nothing is decided "
    "until it is back."
)
_NEXT = {
    Next.GO_ON: "it goes on to Magento, or is there already",
    Next.WAIT: "it waits",
    Next.HOLD: "it is held for a person",
    Next.CANCEL: "it ends as cancelled, and so does its Magento order if there is one",
    Next.VIEW_ONLY: "it is shown and nothing is done with it",
}


@dataclass(frozen=True, slots=True)
class Counted:
    """A setting that counts, and its source."""

    name: str
    value: object
    origin: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that decided about an order, in words. `differences` come from a reconciliation."""

    facts: Mapping[str, str]
    decided: str
    row: str
    settings: Sequence[Counted]
    standing: str
    writes: Sequence[tuple[str, str]]
    differences: Sequence[str]
    money: Sequence[str]
    next_look_at: datetime | None
    next_look: str
    possible: Sequence[tuple[str, str]]


def explain(sessions: Sessions, settings: Settings, order: Order) -> Explanation:
    """Explain where the order stands. While its account is not configured, no decision is made."""
    with sessions() as session:
        effects = session.scalars(
            select(Effect).where(Effect.order_id == order.id).order_by(Effect.id)
        ).all()
        differences = session.scalars(
            select(Difference)
            .where(
                Difference.account == order.account,
                Difference.external_id == order.external_id,
                Difference.ended_at.is_(None),
            )
            .order_by(Difference.id)
        ).all()
        turned = turns(session)
        money = order_money(transactions_of(session, [order.id]).get(order.id, ()))
        trail = sentences(money_trail(session, order, money), money, order.currency or "")
    account = settings.accounts.get(order.account)
    decided, row = _NO_ACCOUNT.format(order.account), ""
    counted: tuple[Counted, ...] = ()
    if account is not None:
        counts = overlaid(settings, turned).for_order(order.account, order.marketplace_id)
        decision = decide(case_of(order, counts))
        decided, row = _decided(decision), decision.row
        counted = tuple(
            Counted(
                name,
                getattr(counts, name),
                origin(settings, turned, order.account, order.marketplace_id, name),
            )
            for name in _of_its_steps(order)
        )
    return Explanation(
        facts=_facts(order, account)
        | _edited(order, effects)
        | _sold_as(sessions, order)
        | ({"trace": trace} if (trace := trace_of(settings, order)) else {}),
        decided=decided,
        row=row,
        settings=counted,
        standing=_standing(order),
        writes=tuple((effect.kind, _write(effect)) for effect in effects),
        differences=tuple(
            f"{difference.kind}: {difference.detail} ({difference.treatment})"
            for difference in differences
        ),
        money=trail,
        next_look_at=order.due_at,
        next_look=_next_look(order, settings.timing),
        possible=tuple(
            _possible(
                order,
                offered_acts(sessions, order),
                any(difference.treatment in FOR_A_PERSON for difference in differences),
            )
        ),
    )


def _facts(order: Order, account: AccountSettings | None) -> dict[str, str]:
    start_from, at = account.start_from if account is not None else None, order.purchased_at
    old = at is not None and start_from is not None and at < start_from
    return {
        "status on Amazon": order.remote_status,
        "fulfilled by": "Amazon" if order.fulfilled_by == FulfilledBy.AMAZON else "the merchant",
        "programs": ", ".join(order.programs) or "none",
        "sold": order.facts.get("channel", "") or "not reported",
        "in Magento": (
            f"as {order.magento_increment_id or order.magento_order_id}"
            if order.magento_order_id is not None
            else "not placed by Orderbridge"
        ),
        "placed": "before start_from: imported by a backfill" if old else "after start_from",
        **({"buyer's data": f"purged on {order.purged_at:%Y-%m-%d}"} if order.purged_at else {}),
    }


def _sold_as(sessions: Sessions, order: Order) -> dict[str, str]:
    mapped = sold_as(sessions, order)
    targets = ", ".join(f"{sku} as {target}" for sku, target in mapped.items())
    return {"sold in the shop": targets} if targets else {}


def _edited(order: Order, effects: Sequence[Effect]) -> dict[str, str]:
    """The Magento order that we placed, where a clerk's edit has replaced it in the shop."""
    placed = next((effect.remote_id for effect in effects if effect.kind == EffectKind.ORDER), None)
    if placed is None or order.magento_order_id in (None, int(placed)):
        return {}
    return {"edited in Magento": f"placed as entity {placed}, which an edit there replaced"}


def _decided(decision: Decision) -> str:
    why = f": {decision.reason}" if decision.reason else ""
    return f'The row "{decision.row}" of the decision table applies{why}; {_NEXT[decision.next]}.'


def _of_its_steps(order: Order) -> Iterator[str]:
    """The settings of the steps that the order has reached, and of its kind."""
    others = _ONLY_FBM if order.fulfilled_by == FulfilledBy.AMAZON else _ONLY_FBA
    for step in STEPS[: STEPS.index(order.step) + 1]:
        for name in COUNTS[step]:
            if name not in others:
                yield name


def _standing(order: Order) -> str:
    match Status(order.status):
        case Status.READY:
            standing = f"ready for {order.step}"
        case Status.RUNNING:
            standing = f"{order.step} is running"
        case Status.WAITING:
            standing = f"waiting in {order.step}: {order.last_note}"
        case Status.HELD:
            standing = f"held in {order.step} as {order.hold_code}: {order.hold_reason}"
        case Status.DONE:
            standing = "done" + (f": {order.last_note}" if order.last_note else "")
        case Status.CANCELLED:
            standing = f"ended as cancelled: {order.last_note}"
    tries = f" (try {order.tries})" if order.tries > 1 else ""
    return standing + tries


def _write(effect: Effect) -> str:
    named = f", {effect.remote_id}" if effect.remote_id else ""
    match EffectState(effect.state):
        case EffectState.DONE:
            return f"done{named}" + (", found in the remote system" if effect.adopted else "")
        case EffectState.REFUSED:
            return f"not made: {effect.detail}"
        case EffectState.INTENDED | EffectState.UNKNOWN:
            return "result unknown: the next try checks first"


def _next_look(order: Order, timing: Timing) -> str:
    match Status(order.status):
        case Status.READY:
            return "its message is on its way; after this time the sweep sends it again"
        case Status.RUNNING:
            return (
                "a worker runs it; after this time another worker takes over if the first one died"
            )
        case Status.WAITING:
            return "at this time, or as soon as Amazon or the shop report something new"
        case Status.HELD if order.due_at is None:
            return (
                "at the next reconciliation, or as soon as Amazon or the shop report a change or "
                "a person retries it"
            )
        case Status.HELD:
            return (
                f"every {timing.recheck_held_s:g} s until the cause is gone, and as soon as Amazon "
                "or the shop report a change"
            )
        case Status.DONE if order.dismissed_at is not None:
            return "not before a person resumes it"
        case Status.DONE:
            return "not by itself; a change of its shipments or a cancellation reopens it"
        case Status.CANCELLED:
            return "not by itself"


def _possible(order: Order, acts: Set[OrderAct], differs: bool) -> Iterator[tuple[str, str]]:
    """The commands possible for the order, and their effects."""
    number = order.external_id
    confirmed = (
        "leaves its packages at Amazon as they are"
        if order.hold_code == HoldCode.SHIPMENT_CHANGED
        else "confirms its packages all the same"
    )
    commands = {
        OrderAct.RELEASE: ("orders release {}", "retries it now"),
        OrderAct.DISMISS: (
            "orders dismiss {} --why ...",
            "ignores it from now on, since it is done elsewhere",
        ),
        OrderAct.TAKE_UP: ("orders dismiss {} --undo", "resumes it at the step where it was"),
        OrderAct.CONFIRM_ANYWAY: ("orders release {} --confirm-anyway", confirmed),
        OrderAct.WITHDRAW_SHIPMENT: ("orders ship {} --withdraw", "takes the shipment back"),
        OrderAct.SHIP: ("orders ship {} --carrier ... --tracking ...", "ships it in Magento"),
        OrderAct.MAP_SKU: (
            f"sku-map set AMAZON_SKU MAGENTO_SKU --account {order.account}",
            "maps a SKU to another product, for all orders",
        ),
        OrderAct.TRANSPARENCY: (
            "orders transparency {} ITEM CODE...",
            "stores its Transparency codes",
        ),
        OrderAct.KEEP: ("orders cancel {} --withdraw", "takes the cancellation back"),
        OrderAct.CANCEL: ("orders cancel {} --reason ...", "asks Amazon to cancel it"),
        OrderAct.REPLAY: (
            f"replay {{}} --from {order.step} --dry-run",
            "shows what running its step again would do",
        ),
    }
    for act, (command, effect) in commands.items():
        if act in acts:
            yield f"orderbridge {command.format(number)}", effect
    if differs:
        yield f"orderbridge reconcile accept {number}", "accepts its differences"
