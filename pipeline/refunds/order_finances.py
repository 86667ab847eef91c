"""Amazon's transactions of an order, without which no refund leaves."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.amazon.finances import FinancesApi
from pipeline.amazon.replies import UNAUTHORIZED
from pipeline.amazon.transactions import Transaction
from pipeline.base.errors import Transient
from pipeline.base.quota import Lane


def transactions(api: FinancesApi, external_id: str) -> Sequence[Transaction]:
    """The transactions as Amazon shows them now. Raises the errors of the call."""
    try:
        return api.of_order(external_id, Lane.CONFIRM)
    except Transient as error:
        if error.code != UNAUTHORIZED:
            raise
        raise Transient(
            "Amazon refuses access to its transactions, and no refund leaves before they show that "
            "Amazon has none yet: add the role Finance and Accounting in the Solution Provider "
            "Portal and authorise the application again, or refund the buyer in Seller Central and "
            "leave the refund out here",
            code=error.code,
            status=error.status,
            request_id=error.request_id,
        ) from error
