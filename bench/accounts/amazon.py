"""Amazon for many selling accounts: searches within each account's own quota, on a moved clock."""

from __future__ import annotations

import asyncio
import json
import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from bench.stub.http import Answer, Request, serve
from sandbox.amazon.builders import a_line, an_order

PAGE = 100
RATE_PER_S, BURST = 0.0056, 20
"""The usage plan of searchOrders."""
HIDDEN_FOR = timedelta(minutes=2)
"""A search without an upper bound ends this long before now."""
_HEADERS = f"x-amzn-RateLimit-Limit: {RATE_PER_S}\r\nx-amzn-RequestId: 1-2-3\r\n"
_REFUSED = b'{"errors": [{"code": "QuotaExceeded", "message": "too many requests"}]}'


@dataclass(slots=True)
class Seller:
    """An account at Amazon: its orders in the sequence of their changes, and its bucket."""

    placed: Sequence[tuple[datetime, str]]
    tokens: float = BURST
    filled_at: datetime | None = None
    calls: Counter[str] = field(default_factory=Counter)

    def takes(self, now: datetime) -> bool:
        """Whether the account may search now; it pays with a token."""
        if self.filled_at is not None:
            passed_s = (now - self.filled_at).total_seconds()
            self.tokens = min(BURST, self.tokens + passed_s * RATE_PER_S)
        self.filled_at = now
        self.calls["allowed" if self.tokens >= 1 else "refused"] += 1
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Sellers:
    """The accounts by name; `seen_at` is when each order was first in a search's answer."""

    def __init__(
        self, placed: Mapping[str, Sequence[tuple[datetime, str]]], now: Callable[[], datetime]
    ) -> None:
        self._now = now
        self.by_name = {name: Seller(orders) for name, orders in placed.items()}
        self.seen_at: dict[str, datetime] = {}

    def answer(self, request: Request) -> Answer:
        """The reply to a call; the first part of its path is the account."""
        _, name, path = request.path.split("/", 2)
        if path == "auth/o2/token":
            token = {"access_token": f"Atza|{name}", "expires_in": 3600, "token_type": "bearer"}
            return Answer(json.dumps(token).encode())
        if path == "finances/2024-06-19/transactions":
            return Answer(b'{"payload": {"transactions": []}}')
        if path == "reports/2021-06-30/reports" and request.method == "GET":
            return Answer(b'{"reports": []}')
        if path != "orders/2026-01-01/orders":
            return Answer(b'{"errors": [{"code": "NotFound", "message": "unknown"}]}', 404)
        now, seller = self._now(), self.by_name[name]
        if not seller.takes(now):
            return Answer(_REFUSED, 429, _HEADERS)
        return Answer(json.dumps(self._page(seller, request.query, now)).encode(), 200, _HEADERS)

    def _page(self, seller: Seller, query: str, now: datetime) -> dict[str, Any]:
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        since = datetime.fromisoformat(asked.get("lastUpdatedAfter") or asked["createdAfter"])
        before = asked.get("lastUpdatedBefore") or asked.get("createdBefore")
        # Later pages of a search have the bound of its first.
        place, _, bound = asked.get("paginationToken", "").partition("/")
        until = datetime.fromisoformat(bound or before or (now - HIDDEN_FOR).isoformat())
        first = int(place or bisect_right(seller.placed, (since - timedelta.resolution, "~")))
        last = bisect_right(seller.placed, (until, "~"))
        shown = seller.placed[first : min(first + PAGE, last)]
        for _, number in shown:
            self.seen_at.setdefault(number, now)
        is_more = first + PAGE < last
        return {
            "orders": [_order(number, at) for at, number in shown],
            "pagination": {"nextToken": f"{first + PAGE}/{until.isoformat()}"} if is_more else {},
            "lastUpdatedBefore": until.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        }


def _order(number: str, at: datetime) -> dict[str, Any]:
    return an_order(number, lines=[a_line("MUG-BLUE", 1, unit="12.50")], created_at=at)


@contextmanager
def serving(sellers: Sellers, port: int) -> Iterator[str]:
    """Answer on loopback, in a thread of this process, whose clock it shares; the address."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(serve(sellers, port))

    def run() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(timeout=5)
