"""Usage plans: a token bucket per selling account and operation."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from sandbox.amazon.times import to_ms


@dataclass(frozen=True)
class Quota:
    """Tokens per second, and how many an idle bucket holds."""

    rate: float
    burst: int


USAGE_PLAN = {
    "searchOrders": Quota(0.0056, 20),
    "getOrder": Quota(0.5, 30),
    "confirmShipment": Quota(2.0, 10),
    "createFeedDocument": Quota(0.5, 15),
    "createFeed": Quota(0.0083, 15),
    "getFeed": Quota(2.0, 15),
    "cancelFeed": Quota(2.0, 15),
    "getFeeds": Quota(0.0222, 10),
    "getFeedDocument": Quota(0.0222, 10),
    "listTransactions": Quota(0.5, 10),
    "createReport": Quota(0.0167, 15),
    "getReport": Quota(2.0, 15),
    "getReports": Quota(0.0222, 10),
    "cancelReport": Quota(0.0222, 10),
    "getReportDocument": Quota(0.0167, 15),
    "getDestinations": Quota(1.0, 5),
    "createDestination": Quota(1.0, 5),
    "deleteDestination": Quota(1.0, 5),
    "getSubscription": Quota(1.0, 5),
    "createSubscription": Quota(1.0, 5),
    "deleteSubscriptionById": Quota(1.0, 5),
}


def take(db: sqlite3.Connection, account: str, operation: str, quota: Quota, now: datetime) -> bool:
    """Take one token; False when the bucket is empty, which costs nothing."""
    row = db.execute(
        "SELECT tokens, at FROM buckets WHERE account = ? AND operation = ?", (account, operation)
    ).fetchone()
    tokens = float(quota.burst)
    if row is not None:
        elapsed_s = max(0, to_ms(now) - row["at"]) / 1000
        tokens = min(tokens, row["tokens"] + elapsed_s * quota.rate)
    if tokens < 1:
        return False
    db.execute(
        "INSERT OR REPLACE INTO buckets VALUES (?, ?, ?, ?)",
        (account, operation, tokens - 1, to_ms(now)),
    )
    return True
