"""Where an order stands: what Magento decides by itself whenever an order is saved."""

from __future__ import annotations

from decimal import Decimal

from sandbox.magento.shop import Doc, amount

DEFAULT_STATUS = {
    "new": "pending",
    "pending_payment": "pending_payment",
    "payment_review": "payment_review",
    "processing": "processing",
    "complete": "complete",
    "closed": "closed",
    "canceled": "canceled",
    "holded": "holded",
}
_NO_INVOICE = ("payment_review", "holded", "canceled", "complete", "closed")
_NO_SHIPMENT = ("payment_review", "holded", "canceled")
_NO_REFUND = ("payment_review", "holded", "canceled", "closed")


def uninvoiced(item: Doc) -> Decimal:
    left = amount(item.get("qty_ordered")) - amount(item.get("qty_invoiced"))
    return max(left - amount(item.get("qty_canceled")), Decimal(0))


def unshipped(item: Doc) -> Decimal:
    """The quantity of a line that can still be shipped; none of a virtual or a nested line."""
    if item.get("is_virtual") or item.get("locked_do_ship") or "parent_item" in item:
        return Decimal(0)
    return not_sent(item)


def not_sent(item: Doc) -> Decimal:
    """The quantity of a line that has neither been shipped nor refunded nor cancelled."""
    gone = max(amount(item.get("qty_shipped")), amount(item.get("qty_refunded")))
    left = amount(item.get("qty_ordered")) - gone - amount(item.get("qty_canceled"))
    return max(left, Decimal(0))


def can_invoice(row: Doc, items: list[Doc]) -> bool:
    return row.get("state") not in _NO_INVOICE and any(
        uninvoiced(item) and not item.get("locked_do_invoice") and "parent_item" not in item
        for item in items
    )


def can_ship(row: Doc, items: list[Doc]) -> bool:
    if row.get("state") in _NO_SHIPMENT or row.get("is_virtual"):
        return False
    return any(unshipped(item) for item in items)


def can_refund(row: Doc, items: list[Doc]) -> bool:
    if row.get("state") in _NO_REFUND:
        return False
    if row.get("grand_total") == 0:
        return any(
            amount(item.get("qty_invoiced")) > amount(item.get("qty_refunded")) for item in items
        )
    return round(amount(row.get("total_paid")), 2) > amount(row.get("total_refunded"))


def can_cancel(row: Doc, items: list[Doc]) -> bool:
    return row.get("state") not in _NO_INVOICE and any(uninvoiced(item) for item in items)


def set_state(row: Doc, state: str) -> None:
    """Change the state and take that state's default status."""
    row["state"] = state
    row["status"] = DEFAULT_STATUS[state]


def settle(row: Doc, items: list[Doc]) -> None:
    """What every save does last: finished orders become complete, or closed when unpaid.

    An update passes only the columns that were sent, so unknown amounts count as zero.
    """
    state = row.get("state")
    if state in ("canceled", "holded") or can_invoice(row, items):
        return
    if can_ship(row, items):
        return
    unpaid = not can_refund(row, items) and not row.get("is_virtual")
    if state in ("processing", "complete") and unpaid:
        set_state(row, "closed")
    elif state == "processing":
        set_state(row, "complete")


def after_document(row: Doc, items: list[Doc], *, in_progress: bool) -> str:
    """The state after an invoice or a credit memo, before the save has its say."""
    state = row.get("state")
    if (
        state not in ("canceled", "holded")
        and not can_invoice(row, items)
        and not can_ship(row, items)
    ):
        if row.get("grand_total") == 0 or can_refund(row, items):
            return "complete"
        if amount(row.get("total_refunded")):
            return "closed"
    if state == "processing" or (state == "new" and in_progress):
        return "processing"
    return "new"
