"""A simulated selling account: the order is the file's, and nothing is sent to Amazon."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pipeline.amazon.client import Amazon
from pipeline.amazon.connection import Connection
from pipeline.amazon.replies import Operation
from pipeline.base.http import Method, Reply
from pipeline.base.quota import Lane
from pipeline.operations.preview.simulate_ledger import Sent
from pipeline.orders.channel import Raw
from pipeline.settings.model import AccountSettings


class _Noting(Connection):
    """Notes each write, and answers as if it were done."""

    def __init__(self, name: str, account: AccountSettings, sent: Sent) -> None:
        super().__init__(name, account)
        self._sent = sent

    def send(
        self,
        operation: Operation,
        method: Method,
        path: str,
        lane: Lane,
        *,
        query: str = "",
        body: Any = None,
    ) -> Reply:
        self._sent.add("Amazon", method, path, body)
        return Reply(204, {}, None, is_json=False)


class OfflineAmazon(Amazon):
    """The account of a simulated order. Reading the order again returns it unchanged."""

    def __init__(
        self, name: str, account: AccountSettings, sent: Sent, now: Callable[[], datetime]
    ) -> None:
        super().__init__(name, account, now=now)
        self.connection = _Noting(name, account, sent)
        self.raw: Raw = {}

    def order(self, external_id: str, lane: Lane = Lane.NEW) -> Raw:
        return self.raw
