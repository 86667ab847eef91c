"""A whole order, as text for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from pipeline.base.money import ZERO
from pipeline.cli.common import columns, titled, when
from pipeline.clients import shown_carrier
from pipeline.operations.lists.order_facts import country, price, proof, store_code
from pipeline.operations.lists.timeline import Event
from pipeline.orders.channel_order import NON_AMAZON
from pipeline.orders.order_words import Shown
from pipeline.orders.package_tables import Shipment
from pipeline.orders.tables import Order
from pipeline.settings.model import Settings

_FACTS = (
    *("id", "account", "external_id", "marketplace_id", "fulfilled_by", "programs"),
    *("step", "status", "due_at", "tries", "hold_code", "hold_reason", "hold_facts", "last_note"),
    *("remote_status", "remote_updated_at", "purchased_at", "ship_by_at", "deliver_by_at"),
    *("currency", "grand_total", "total_proof", "facts", "shown"),
    *("magento_customer_id", "magento_order_id", "magento_increment_id", "magento_status"),
    *("cancel_reason", "cancellation", "cancel_refusal", "confirm_anyway"),
    *("created_at", "updated_at", "purged_at", "dismissed_at"),
)
_LINE = (
    *("external_item_id", "sku", "title", "quantity", "quantity_fulfilled_before", "line_total"),
    "magento_item_id",
)
_SHIPMENT = (
    *("magento_shipment_id", "package_reference", "shipped_at", "carrier_code"),
    *("tracking_number", "confirmation", "confirmed_at", "refusal"),
)


def as_json(
    order: Order, events: Sequence[Event], settings: Settings, words: Sequence[Shown] | None = None
) -> dict[str, Any]:
    """The order as JSON, without its sealed data but the `words` that were asked for."""
    shown = {} if words is None else {"words": [each._asdict() for each in words]}
    return {
        **shown,
        **{name: getattr(order, name) for name in _FACTS},
        "total_proof": _proof(order.total_proof),
        "country": country(order.marketplace_id),
        "store": _store(order, settings),
        "lines": [{name: getattr(line, name) for name in _LINE} for line in order.items],
        "shipments": [
            {
                **{name: getattr(shipment, name) for name in _SHIPMENT},
                "carrier": shown_carrier(shipment.carrier_code, shipment.carrier_title),
                "items": {str(part.magento_item_id): part.quantity for part in shipment.items},
            }
            for shipment in order.shipments
        ],
        "timeline": [{**asdict(event), "lasted_s": event.lasted} for event in events],
    }


def _proof(stored: dict[str, Any] | None) -> dict[str, Any] | None:
    """The proof of the total, with its amounts as numbers."""
    if stored is None:
        return None
    shown = dict(stored)
    for name in ("grand_total", "lines", "parts", "adjustments", "collected_by_amazon"):
        if name in shown:
            shown[name] = _amounts(shown[name])
    return shown


def _amounts(stored: Any) -> Any:
    if isinstance(stored, dict):
        return {name: _amounts(amount) for name, amount in stored.items()}
    return Decimal(stored)


def as_text(
    order: Order, events: Sequence[Event], settings: Settings, words: Sequence[Shown] | None = None
) -> list[str]:
    """The order as lines of text, without its sealed data but the `words` that were asked for."""
    sections = {
        f"Order {order.external_id}": titled(_facts(order, settings)),
        "Lines": columns(
            [
                (
                    f"{line.quantity} x",
                    line.sku,
                    price(line.line_total, order.currency) or "-",
                    line.title,
                )
                for line in order.items
            ]
        ),
        "Total": _total(order),
        "Shipments": columns([_shipment(shipment) for shipment in order.shipments]),
        "Timeline, newest first": columns([_event(event) for event in events]),
        "What was said, newest first": columns(
            [(when(each.at), each.about, each.words) for each in words or ()]
        ),
    }
    lines: list[str] = []
    for title, section in sections.items():
        if section:
            lines += ["", title, *(f"  {line}" for line in section)]
    return lines[1:]


def _store(order: Order, settings: Settings) -> str | None:
    return store_code(settings, order.account, order.marketplace_id, order.fulfilled_by)


def _facts(order: Order, settings: Settings) -> dict[str, str]:
    magento = [order.magento_increment_id or ""]
    if order.magento_order_id is not None:
        magento += [f"entity {order.magento_order_id}", order.magento_status or ""]
    return {
        "our id": str(order.id),
        "account": order.account,
        "marketplace": f"{country(order.marketplace_id)} ({order.marketplace_id})",
        "store": _store(order, settings) or "",
        "fulfilled by": order.fulfilled_by,
        "programs": ", ".join(order.programs),
        "Amazon says": f"{order.remote_status}, {when(order.remote_updated_at)}",
        "Magento order": ", ".join(part for part in magento if part),
        "step": order.step,
        "status": order.status,
        "held because": f"{order.hold_code}: {order.hold_reason}" if order.hold_code else "",
        "facts": ", ".join(f"{name} {value}" for name, value in order.hold_facts.items())
        if order.hold_code
        else "",
        "note": "" if order.hold_code else order.last_note,
        "next run": when(order.due_at) if order.due_at else "",
        "to be cancelled": ", ".join(
            part for part in (order.cancel_reason, order.cancellation, order.cancel_refusal) if part
        ),
        "tries": str(order.tries) if order.tries > 1 else "",
        "purchased": when(order.purchased_at),
        "ship by": when(order.ship_by_at),
        "deliver by": when(order.deliver_by_at),
        "total": price(order.grand_total, order.currency),
        "buyer's data": f"purged {when(order.purged_at)}" if order.purged_at else "",
        "replaces": order.facts.get("replaces", ""),
        "exchange for": order.facts.get("exchanges", ""),
        "your number": ", ".join(order.facts.get("aliases", [])),
        "sold": "outside of Amazon" if order.facts.get("channel") == NON_AMAZON else "",
        **{f"no {field}": why for field, why in order.facts.get("missing", {}).items()},
    }


def _total(order: Order) -> list[str]:
    """The proof of the total: a row per line and adjustment, a column per part that occurs."""
    proved = proof(order)
    if proved is None:
        return []
    skus = {line.external_item_id: line.sku for line in order.items}
    names = [
        name
        for name in dict.fromkeys(name for parts in proved.parts.values() for name in parts)
        if any(parts.get(name) for parts in proved.parts.values())
    ]
    names = names if len(names) > 1 else []
    rows: list[tuple[str, ...]] = [("", *names, "total", "")] if names else []
    for item_id, amount in proved.lines.items():
        parts = proved.parts.get(item_id, {})
        amounts = (f"{parts[name]:f}" if parts.get(name) else "-" for name in names)
        read_as = proved.readings.get(item_id, "")
        title = skus.get(item_id, item_id)
        rows.append((title, *amounts, price(amount, order.currency), read_as))
    ends = dict(proved.adjustments)
    ends["total"] = proved.grand_total
    if proved.difference:
        ends["not accounted for"] = proved.difference
    if proved.collected:
        ends["including tax that Amazon keeps"] = sum(proved.collected.values(), ZERO)
    blank = [""] * len(names)
    rows += [(label, *blank, price(amount, order.currency), "") for label, amount in ends.items()]
    lines = columns(rows)
    if proved.said_by:
        lines.append(f"Amazon gives no amount: {proved.said_by} stated the value")
    return [*lines, f"Only the total is certain: {proved.doubt}"] if proved.doubt else lines


def _shipment(shipment: Shipment) -> tuple[str, ...]:
    return (
        str(shipment.magento_shipment_id),
        when(shipment.shipped_at),
        shown_carrier(shipment.carrier_code, shipment.carrier_title) or "no carrier",
        shipment.tracking_number or "no tracking number",
        shipment.refusal or shipment.confirmation,
    )


def _event(event: Event) -> tuple[str, ...]:
    about = ": ".join(part for part in (event.code, event.detail) if part)
    repeated = f"{event.times} times since {when(event.first_at)}" if event.times > 1 else ""
    by = f"by {event.by}" if event.by else ""
    known_as = f"({event.reference})" if event.reference else ""
    return (
        when(event.at),
        event.kind,
        event.what,
        event.result,
        " ".join(part for part in (about, known_as, repeated, by) if part),
    )
