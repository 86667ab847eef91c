"""The first comment of a Magento order: facts that a person in the shop should know."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from pipeline.magento.order.plain_text import COMMENT_LENGTH, plain
from pipeline.orders.amounts import Amounts
from pipeline.orders.channel_order import ChannelOrder, Line, Window


def comment(order: ChannelOrder, amounts: Amounts | None = None) -> str:
    """A line per fact, the urgent facts first: lines beyond the limit are cut at the end."""
    facts = [*_of_order(order), *(_of_money(amounts) if amounts else ())]
    for line in order.lines:
        facts += (f"{line.sku}: {fact}" for fact in _of_line(line))
    facts += (
        f"{line.sku}: cancelled before the order came here"
        + (f" by {title(line.cancelled_by).lower()}" if line.cancelled_by else "")
        for line in order.cancelled_lines
    )
    return plain("\n".join(facts), COMMENT_LENGTH, keep_lines=True)


def _of_order(order: ChannelOrder) -> Iterator[str]:
    yield f"Amazon order {order.external_id}, fulfilled by {order.fulfilled_by.name.lower()}"
    if order.programs:
        yield "Programs: " + ", ".join(map(title, order.programs))
    if order.ship_by_at is not None:
        yield f"Ship by {utc(order.ship_by_at)}"
    if order.deliver_by_at is not None:
        yield f"Deliver by {utc(order.deliver_by_at)}"
    if order.label_from_at is not None:
        yield f"Labels can be printed from {utc(order.label_from_at)}"
    if order.replaces:
        yield f"Replaces Amazon order {order.replaces}"
    if order.exchanges:
        yield f"Exchange for Amazon order {order.exchanges}"
    for alias in order.aliases:
        yield f"Your own number {alias}"
    if order.buyer_company:
        yield f"Buyer's company {order.buyer_company}"
    if order.purchase_order_number:
        yield f"Purchase order {order.purchase_order_number}"
    for registration in order.tax_registrations:
        if registration.entity == "BUYER" and registration.number:
            yield f"Buyer's {registration.kind or 'tax'} number {registration.number}"
    if order.payment_methods:
        yield "Paid at Amazon by " + ", ".join(order.payment_methods)
    if order.invoice_preference:
        yield f"Invoice wanted: {title(order.invoice_preference)}"
    if order.drop_off:
        yield f"Leave the parcel at: {order.drop_off}"
    if order.delivery_instruction:
        yield f"For the carrier: {order.delivery_instruction}"


def _of_money(amounts: Amounts) -> Iterator[str]:
    if amounts.doubt:
        yield f"Check the amounts, only the total is certain: {amounts.doubt}"
    if amounts.said_by:
        yield "Amazon told no amount: a person said what the order is worth"
    if amounts.collected_tax:
        yield f"Tax that Amazon collects and pays: {amounts.collected_tax} {amounts.currency}"


def _of_line(line: Line) -> Iterator[str]:
    if line.buyer_wants_to_cancel:
        yield "the buyer asked to cancel it"
    if line.serial_number_required:
        yield "note the serial number of each piece"
    if line.constraints:
        yield "the carrier must offer " + ", ".join(line.constraints)
    if line.delivery != Window():
        yield f"deliver {_span(line.delivery)}"
    if line.measurement:
        yield f"{line.measurement} ordered"
    if line.ioss_number:
        yield f"IOSS number {line.ioss_number}"
    if line.price_designation == "BUSINESS_PRICE":
        yield "sold at a business price"
    if line.substitution:
        yield f"substitutes: {title(line.substitution)}"
    if line.customization_url:
        yield f"customized by the buyer: {line.customization_url}"
    if line.gift_wrap:
        yield f"gift wrap {title(line.gift_wrap)}"
    if line.gift_message:
        yield f"gift message: {line.gift_message}"


def _span(window: Window) -> str:
    ends = (("from", window.earliest_at), ("until", window.latest_at))
    return " ".join(f"{word} {utc(at)}" for word, at in ends if at is not None)


def title(word: str) -> str:
    """AMAZON_BUSINESS -> Amazon Business."""
    return word.replace("_", " ").title()


def utc(at: datetime) -> str:
    """A time as a person reads it."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
