"""Amazon's transactions of an order, without which no refund leaves."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.amazon.finances import UNREADABLE, FinancesApi
from pipeline.amazon.replies import UNAUTHORIZED
from pipeline.amazon.transactions import Transaction
from pipeline.base.errors import Transient
from pipeline.base.quota import Lane

_LEAVE_IT_OUT = "refund the buyer in Seller Central and leave the refund out here"
_TOLD = {
    UNAUTHORIZED: "Amazon refuses access to its transactions, and no refund leaves before they "
    "show that Amazon has none yet: add the role Finance and Accounting in the Solution Provider "
    f"Portal and authorise the application again, or {_LEAVE_IT_OUT}",
    UNREADABLE: "Amazon shows a transaction of the order without its number, time or amount, and "
    "it may be this refund: look in Seller Central. If the buyer still has to get it, "
    f"{_LEAVE_IT_OUT}",
}
NEED_PERSON = frozenset(_TOLD)
"""The codes of the errors that do not end by themselves."""


def transactions(api: FinancesApi, external_id: str) -> Sequence[Transaction]:
    """The transactions as Amazon shows them now, none missing. Raises the errors of the call."""
    try:
        return api.of_order(external_id, Lane.CONFIRM, is_whole=True)
    except Transient as error:
        if error.code not in _TOLD:
            raise
        raise Transient(
            _TOLD[error.code],
            code=error.code,
            status=error.status,
            request_id=error.request_id,
        ) from error
