"""Comments on the Magento order about the pipeline's writes. They send no mail."""

from __future__ import annotations

from pipeline.base.errors import CannotMap
from pipeline.base.log import log
from pipeline.clients import Clients
from pipeline.orders.outcome import HoldCode
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Order


def comment(order: Order, text: str, clients: Clients) -> str:
    """Add a comment once. Returns the reason if the shop refuses it, which stops no order.

    No comment is added when the operator does not want comments, or without a Magento order.
    """
    entity_id, status = order.magento_order_id, order.magento_status
    if not clients.marketplace(order).order_comments or entity_id is None or not status:
        return ""
    shop, ledger = clients.shop(order), clients.ledger_of(order)

    def find() -> str | None:
        return shop.orders.find_comment(entity_id, text)

    def send() -> str:
        shop.orders.comment(entity_id, text, status)
        return "written"

    trace = ledger.trace("comment", clients.pseudonym(text), kind=EffectKind.COMMENT, find=find)

    try:
        ledger.once(trace.write(send, HoldCode.REMOTE_REFUSED, is_to_be_seen=True))
    except CannotMap as error:
        log.warning("comment.refused", code=error.facts.get("code", ""))
        return f"no comment on Magento's order: {error.reason}"
    return ""
