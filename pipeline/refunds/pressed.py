"""Whether a message is still the one that was chosen. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pipeline.refunds.messages import RefundMessage
from pipeline.refunds.tables import AmazonRefund


def change_since(refund: AmazonRefund, message: RefundMessage) -> str | None:
    """What has changed since the refund was chosen, as a sentence; None when nothing has.

    A person has seen items, components and reason; the settings choose by the amount.
    """
    if message.total != refund.total:
        return "its amount has changed since it was chosen"
    if refund.decided_by is None or _terms(refund.body or {}) == _terms(message.body()):
        return None
    return "its items, their parts or its reason have changed since it was chosen"


def _terms(body: Mapping[str, Any]) -> tuple[object, ...]:
    amounts = {
        (item["item"], kind): Decimal(amount)
        for item in body.get("items", ())
        for kind, amount in item["amounts"].items()
    }
    units = {item["item"]: Decimal(item["units"]) for item in body.get("items", ())}
    return body.get("order"), body.get("currency"), body.get("reason"), amounts, units
