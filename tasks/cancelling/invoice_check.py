"""Compare the shop's invoices with Amazon's total; the watch reads them for all orders at once."""

from __future__ import annotations

from decimal import Decimal

from pipeline.base.money import ZERO
from pipeline.clients import Clients
from pipeline.orders.outcome import Hold, HoldCode
from pipeline.orders.tables import Order


def invoiced_wrongly(order: Order, clients: Clients) -> Hold | None:
    """Hold the order while the sum of Magento's invoices differs from Amazon's total.

    An excess that has been refunded is correct: Amazon's total falls with a partial cancellation,
    the invoice does not.
    """
    invoiced, proof = order.magento_invoiced, order.total_proof
    if invoiced is None or proof is None or invoiced == Decimal(proof["grand_total"]):
        return None
    amounts = clients.amounts(order)
    above, refunded = invoiced - amounts.grand_total, order.magento_refunded or ZERO
    if ZERO <= above <= refunded:
        return None
    return Hold(
        HoldCode.TOTALS_DIFFER,
        f"Magento's invoices come to {invoiced.normalize():f} {amounts.currency}, Amazon's total "
        f"is {amounts.grand_total} {amounts.currency}: refund the difference in Magento, or "
        "correct the order there",
        {"invoiced": f"{invoiced.normalize():f}", "amazon": str(amounts.grand_total)},
    )
