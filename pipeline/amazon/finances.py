"""Amazon's Finances API 2024-06-19: lists transactions, by time or of one order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pipeline.amazon.connection import Connection
from pipeline.amazon.json_fields import blocks, look, text
from pipeline.amazon.replies import LIST_TRANSACTIONS
from pipeline.amazon.transactions import Transaction, parse_transaction
from pipeline.base.errors import Transient
from pipeline.base.quota import Lane

_PATH = "/finances/2024-06-19/transactions"
UNREADABLE = "unreadable_transaction"
_MOST_PAGES = 50
"""The most pages of one order: far more than any order has transactions."""


@dataclass(frozen=True, slots=True)
class TransactionPage:
    """A page of transactions, which may be empty and still have a successor.

    `unreadable` is the number of its members that have no id, time or amount.
    """

    transactions: tuple[Transaction, ...]
    next_token: str | None
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class FinancesApi:
    """One account's finances. The methods raise the errors of `Connection`."""

    connection: Connection

    def page(
        self, posted_after: datetime, posted_before: datetime, token: str | None, lane: Lane
    ) -> TransactionPage:
        """A page of what was posted in a period of at most 180 days; both ends more than two
        minutes ago. A token goes with the same two times again.

        What was posted in the last 48 hours may be missing.
        Source: GET /finances/2024-06-19/transactions.
        """
        query = {"postedAfter": _written(posted_after), "postedBefore": _written(posted_before)}
        return self._read(query, token, lane)

    def of_order(
        self, external_id: str, lane: Lane, *, is_whole: bool = False
    ) -> list[Transaction]:
        """All transactions of an order that Amazon shows now.

        Raises Transient when the pages do not end, and with `is_whole` also for a transaction that
        cannot be read, with the code UNREADABLE. Source: the same, by related identifier.
        """
        query = {"relatedIdentifierName": "ORDER_ID", "relatedIdentifierValue": external_id}
        found: dict[str, Transaction] = {}
        token: str | None = None
        seen: set[str] = set()
        for _ in range(_MOST_PAGES):
            page = self._read(query, token, lane)
            if is_whole and page.unreadable:
                raise Transient("listTransactions: one cannot be read", code=UNREADABLE)
            found.update((one.transaction_id, one) for one in page.transactions)
            token = page.next_token
            if token is None:
                return list(found.values())
            if token in seen:
                break
            seen.add(token)
        raise Transient("listTransactions: the pages of an order do not end", code="no_progress")

    def _read(self, query: Mapping[str, str], token: str | None, lane: Lane) -> TransactionPage:
        asked = {**query, **({"nextToken": token} if token is not None else {})}
        return self.connection.read(LIST_TRANSACTIONS, _PATH, asked, _page, lane)


def _page(body: Any) -> TransactionPage | None:
    payload = look(body, "payload")
    if not isinstance(payload, Mapping):
        return None
    listed = blocks(payload, "transactions")
    read = [one for block in listed if (one := parse_transaction(block)) is not None]
    return TransactionPage(
        tuple(read), text(payload, "nextToken") or None, unreadable=len(listed) - len(read)
    )


def _written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
